"""Text from outside made fit to be shown: file names, exceptions, answers of servers, command lines."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

# Control and format characters (escape sequences, text that runs backwards), halves of characters, line separators.
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_unprintable(character: str) -> bool:
    """Whether a character acts on a terminal, page or log instead of being shown."""
    return not character.isprintable() and unicodedata.category(character) in _UNPRINTABLE


def is_text(text: str) -> bool:
    """Whether a string can be written as UTF-8; names of files that are not valid UTF-8 cannot."""
    return _SURROGATE.search(text) is None


def printable(text: object) -> str:
    r"""Text that a terminal shows and does not obey: all but line breaks and tabs as ``\xNN`` or ``\uNNNN``.

    Bytes of file names that are no valid UTF-8 come out as ``\xNN``, too.
    """
    return _replaced(str(text), _escaped, keep="\n\t")


def one_line(text: object) -> str:
    """Composed Unicode on one line, with a space for every character that is not shown."""
    return _replaced(unicodedata.normalize("NFC", str(text)), lambda character: " ")


def counted(number: int, noun: str) -> str:
    """A number with its noun, ``1 sample`` or ``3 samples``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some_of(names: Iterable[object], most: int = 5, *, separator: str = ", ") -> str:
    """The first of many names and how many more there are, ``a, b, c and 4 more``."""
    listed = [str(name) for name in names]
    more = len(listed) - most
    return separator.join(listed[:most]) + (f" and {more} more" if more > 0 else "")


def encodable(text: str) -> str:
    r"""Text that UTF-8 can hold: bytes of file names that are no valid UTF-8 as ``\xNN``."""
    return _SURROGATE.sub(lambda found: _escaped(found[0]), text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON in the letters of its texts, with escapes for what is not shown."""
    return _replaced(json.dumps(value, indent=indent, ensure_ascii=False), json_escape, keep="\n")


def json_escape(character: str) -> str:
    r"""A character as JSON writes it in ASCII, ``\u20ac``."""
    return json.dumps(character)[1:-1]


def command_line(*words: object) -> str:
    """A command to be copied into a shell: each word is taken by it as it is."""
    return " ".join(_quoted(os.fspath(word) if isinstance(word, os.PathLike) else str(word)) for word in words)


def _quoted(word: str) -> str:
    import shlex

    if not any(map(is_unprintable, word)):
        return shlex.quote(word)
    # What cannot be printed as it is needs the shell's own escapes, byte by byte.
    raw = word.encode("utf-8", "surrogateescape" if _is_path(word) else "backslashreplace")
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in raw) + "'"


def _is_path(word: str) -> bool:
    """Whether its halves of characters stand for bytes of a file name."""
    return all("\udc80" <= half <= "\udcff" for half in _SURROGATE.findall(word))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode() if code > 127 else f"\\x{code:02x}"


def _replaced(text: str, replacement: Callable[[str], str], *, keep: str = "") -> str:
    if text.isprintable():
        return text
    return "".join(replacement(c) if is_unprintable(c) and c not in keep else c for c in text)
