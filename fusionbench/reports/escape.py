"""Names from outside made harmless in each format: nothing in them may act as markup or formula."""

from __future__ import annotations

import html
import re
import unicodedata

from fusionbench.printable import one_line

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\char34}",
    # Braces, because a line that begins with one of these would be an argument of the preceding \\.
    "[": "{[}",
    "*": "{*}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": r"\dots{}",
    "\N{NO-BREAK SPACE}": "~",
    "ß": r"{\ss}",
    "æ": r"{\ae}",
    "Æ": r"{\AE}",
    "œ": r"{\oe}",
    "Œ": r"{\OE}",
    "ø": r"{\o}",
    "Ø": r"{\O}",
    "ł": r"{\l}",
    "Ł": r"{\L}",
    "ı": r"{\i}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "µ": r"$\mu$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "λ": r"$\lambda$",
    "μ": r"$\mu$",
    "σ": r"$\sigma$",
}
# Combining marks and the LaTeX accents that exist in every font encoding.
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


def latex(text: str) -> str:
    """Pure ASCII that any LaTeX engine sets as this text.

    Latin letters keep their accents. What plain pdfLaTeX has no glyph for, such as Chinese characters,
    becomes its code point, ``[U+753B]``: legible, unique, and certain to compile.
    """
    escaped = "".join(_latex_character(character) for character in one_line(text))
    return re.sub(r"(?<=[-'`?!,])(?=[-'`,])", "{}", escaped)  # "--" must not become a dash


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if character.isascii():
        return character
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        accent = _ACCENTS[marks[0]]
        letter = rf"\{base}" if base in "ij" and accent not in ".c" else base
        return rf"\{accent}{{{letter}}}"
    return f"{{[}}U+{ord(character):04X}]"


def latex_comment(text: str) -> str:
    """ASCII on one line, for a LaTeX comment."""
    return one_line(text).encode("ascii", "backslashreplace").decode()


def markdown(text: str) -> str:
    """Text in a pipe table or paragraph: no emphasis, link, code, formula, HTML or column can begin in it."""
    escaped = html.escape(one_line(text), quote=False)
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", escaped)


def html_text(text: str) -> str:
    """Text or attribute value of an HTML page."""
    return html.escape(one_line(text))


def csv_text(text: str) -> str:
    """Text of a CSV field that no spreadsheet takes for a formula.

    A leading ``= + - @`` gets an apostrophe before it, which spreadsheets read as "this is text".
    """
    line = one_line(text)
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line
