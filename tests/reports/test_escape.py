"""Text from outside stays text in every format."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionbench.reports import escape
from tests.reports.hostile import NAMES

# What may stand in escaped LaTeX: harmless characters, braces, accents, and a few commands of ours.
_LATEX = re.compile(
    r"(?: [A-Za-z0-9 \t,.;:!?/()=+@'`\]{}-] | \\[{}$&#%_] | ~ | \\[`'^~=u.\"rHvc]\{\\?[A-Za-z]\}"
    r" | \\(?:text[a-z]+|dots|ttfamily|char34|ss|ae|AE|oe|OE|o|O|l|L|i)(?![A-Za-z])"
    r" | \$\^\{\\d?dagger\}\$ | \$\\(?:uparrow|downarrow|pm|approx|times|cdot|mu|alpha|beta|gamma|delta|lambda|sigma)\$"
    r" | \{\[\} | \{\*\} )*",
    re.VERBOSE,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x_1&<i>$%#{}~^", r"x\_1\&\textless{}i\textgreater{}\$\%\#\{\}\textasciitilde{}\textasciicircum{}"),
        ("\\input{a}", r"\textbackslash{}input\{a\}"),
        ("résumé", r"r\'{e}sum\'{e}"),
        ("re\u0301sume\u0301", r"r\'{e}sum\'{e}"),
        ("画 a", "{[}U+753B] a"),
        ("EN↑ MSE↓", r"EN$\uparrow$ MSE$\downarrow$"),
        ("a--b", "a-{}-b"),
        ("[x]", "{[}x]"),
        ("a\nb", "a b"),
        ("Łódź", r"{\L}\'{o}d\'{z}"),
    ],
)
def test_latex(text, expected):
    assert escape.latex(text) == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.sampled_from(NAMES)))
def test_latex_is_harmless_ascii(text):
    escaped = escape.latex(text)
    assert escaped.isascii()
    assert _LATEX.fullmatch(escaped), escaped
    bare = escaped.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")


@settings(deadline=None)
@given(st.one_of(st.text(), st.sampled_from(NAMES)))
def test_a_latex_comment_is_one_line_of_ascii(text):
    comment = escape.latex_comment(text)
    assert comment.isascii()
    assert len(f"x{comment}x".splitlines()) == 1


@settings(deadline=None)
@given(st.one_of(st.text(), st.sampled_from(NAMES)))
def test_csv_reads_back_and_is_never_a_formula(text):
    out = io.StringIO()
    csv.writer(out).writerow(["a", escape.csv_text(text)])
    field = next(csv.reader(io.StringIO(out.getvalue())))[1]
    assert not field.lstrip().startswith(("=", "+", "-", "@"))
    assert field.removeprefix("'") == escape.one_line(text).removeprefix("'")


@settings(deadline=None)
@given(st.one_of(st.text(), st.sampled_from(NAMES)))
def test_html_reads_back(text):
    escaped = escape.html_text(text)
    assert not set(escaped) & set("<>\"'")
    assert html.unescape(escaped) == escape.one_line(text)


@settings(deadline=None)
@given(st.one_of(st.text(), st.sampled_from(NAMES)))
def test_markdown_has_no_open_markup(text):
    escaped = escape.markdown(text)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]$]", escaped)


@settings(deadline=None)
@given(st.text())
def test_one_line_is_idempotent(text):
    assert escape.one_line(escape.one_line(text)) == escape.one_line(text)
