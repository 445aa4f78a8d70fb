"""The five formats: exact texts of a small table, and hostile names through all of them."""

from __future__ import annotations

import csv
import html
import io
import itertools
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fusionbench.plugins import current_plugins
from fusionbench.reports.exporters.latex import render as latex
from fusionbench.reports.model import LAYOUTS, MARKS
from fusionbench.reports.published import PublishedTable
from fusionbench.reports.tables import build_table
from fusionbench.types import resolve
from tests.helpers.machine import pdflatex
from tests.reports.frames import INFO, tidy
from tests.reports.hostile import NAMES

PAPER = PublishedTable(
    name="paper", source="A Paper", values={("X", "road", "EN@zhao"): 7.5}, methods={"X": "X"}, pairs={"road": 50}
)
SCORES = {
    ("film", "road", "EN"): [7.0, 7.5],
    ("film", "road", "MSE"): [2.0, 4.0],
    ("film", "tno", "EN"): [6.0],
    ("a_b", "road", "EN"): [6.0, 6.5],
    ("a_b", "road", "MSE"): [5.0, None],
    ("a_b", "tno", "EN"): [6.5],
}


def small(**settings):
    return build_table(tidy(SCORES), info=INFO, published=[PAPER], **settings)


def render(name, table):
    return resolve(current_plugins().exporters[name].render)(table)


LATEX = r"""% Table by fusionbench 1.2.3; metric profile zhao.
% Compiles by itself. To \input it, load in your preamble:
%   \usepackage{booktabs}
\expandafter\ifx\csname @nodocument\endcsname\relax\else
\documentclass{article}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\begin{document}
\def\fusionbenchend{\end{document}}
\fi
\begin{table}[tbp]
\centering
\setlength{\belowcaptionskip}{6pt}
\caption{Mean scores on RoadScene (2 pairs), tno (1 pair). Metric profile: zhao; fusionbench 1.2.3. Best value in bold, second best underlined, along the arrow ($\uparrow$ higher, $\downarrow$ lower is better); equal printed values share a mark. $^{\dagger}$ Mean over k/n samples only, because the others failed, are not computed or have no defined value; such a value is not ranked. {[}paper] Published, not measured here, not ranked: A Paper. {*} Published mean over another number of samples; not ranked (RoadScene: 50 in paper, 2 here).}
\begin{tabular}{lrrr}
\toprule
& \multicolumn{2}{c}{RoadScene (n = 2)} & \multicolumn{1}{c}{tno (n = 1)} \\
\cmidrule(lr){2-3} \cmidrule(lr){4-4}
Method & EN$\uparrow$ & MSE$\downarrow$ & EN$\uparrow$ \\
\midrule
FILM & \textbf{7.25} & 3.00 & \underline{6.00} \\
a\_b & \underline{6.25} & 5.00$^{\dagger 1/2}$ & \textbf{6.50} \\
\midrule
X {[}paper] & 7.50$^{*}$ & \textendash{} & \textendash{} \\
\bottomrule
\end{tabular}
\end{table}
\csname fusionbenchend\endcsname
"""  # noqa: E501

MARKDOWN = r"""Mean scores on RoadScene (2 pairs), tno (1 pair). Metric profile: zhao; fusionbench 1.2.3.

### RoadScene (n = 2)

| Method | EN↑ | MSE↓ |
| --- | ---: | ---: |
| FILM | **7.2** | 3.0 |
| a\_b | <u>6.2</u> | 5.0† 1/2 |
| X \[paper\] | 7.5\* | – |

### tno (n = 1)

| Method | EN↑ |
| --- | ---: |
| FILM | <u>6.0</u> |
| a\_b | **6.5** |

Best value in bold, second best underlined, along the arrow (↑ higher, ↓ lower is better); equal printed values share a mark.

† Mean over k/n samples only, because the others failed, are not computed or have no defined value; such a value is not ranked.

\[paper\] Published, not measured here, not ranked: A Paper.

\* Published mean over another number of samples; not ranked (RoadScene: 50 in paper, 2 here).
"""  # noqa: E501


def test_latex_side_by_side():
    assert render("latex", small()) == LATEX


def test_markdown_stacked():
    assert render("markdown", small(layout="stacked", decimals=1)) == MARKDOWN


def test_markdown_side_by_side_names_the_data_set_in_every_heading():
    lines = render("markdown", small()).splitlines()
    assert lines[2] == "| Method | RoadScene (n = 2)<br>EN↑ | RoadScene (n = 2)<br>MSE↓ | tno (n = 1)<br>EN↑ |"


def test_the_caption_says_which_published_counts_are_not_known():
    table = build_table(tidy(SCORES), info=INFO, published=[replace(PAPER, pairs={})])
    assert "A Paper. Its number of samples is not known here for RoadScene." in render("markdown", table)


def ranking(table):
    """What the caption says of the published rows."""
    lines = render("markdown", table).splitlines()
    return [line.replace("\\", "") for line in lines if line.startswith((r"\[paper\]", r"\* "))]


BOTH = replace(PAPER, values={("X", "road", "EN@zhao"): 7.5, ("X", "tno", "EN@zhao"): 6.2}, pairs={})


def test_the_caption_says_beside_what_published_values_are_ranked():
    unknown = "Its number of samples is not known here for"
    assert ranking(build_table(tidy(SCORES), info=INFO, published=[BOTH])) == [
        f"[paper] Published, not measured here, ranked with ours: A Paper. {unknown} RoadScene, tno.",
    ]
    mixed = replace(BOTH, pairs={"road": 50})
    assert ranking(build_table(tidy(SCORES), info=INFO, published=[mixed])) == [
        f"[paper] Published, not measured here, ranked with ours on tno only: A Paper. {unknown} tno.",
        "* Published mean over another number of samples; not ranked (RoadScene: 50 in paper, 2 here).",
    ]
    part = replace(INFO, limited=frozenset({"road", "tno"}))
    assert ranking(build_table(tidy(SCORES), info=part, published=[BOTH])) == [
        f"[paper] Published, not measured here, not ranked: A Paper. {unknown} RoadScene, tno.",
        "* Published mean over another number of samples, or over a number that is not known; not ranked"
        " (RoadScene: not known in paper, only the first 2 here; tno: not known in paper, only the first 1 here).",
    ]
    assert ranking(build_table(tidy(SCORES), info=part, published=[BOTH], rank_published=True))[0].startswith(
        "[paper] Published, not measured here, ranked with ours: A Paper."
    )
    assert ranking(build_table(tidy(SCORES), info=INFO, published=[BOTH], rank_published=False))[0].startswith(
        "[paper] Published, not measured here, not ranked: A Paper."
    )


def test_published_rows_beside_incomplete_ones_are_not_said_to_be_ranked_with_ours():
    frame = tidy({("a", "road", "EN"): [1.0, None], ("b", "road", "EN"): [2.0, None]})
    paper = replace(PAPER, values={("X", "road", "EN@zhao"): 7.5, ("Y", "road", "EN@zhao"): 7.6}, pairs={"road": 2})
    table = build_table(frame, info=INFO, published=[replace(paper, methods={"X": "X", "Y": "Y"})])
    assert ranking(table) == ["[paper] Published, not measured here, not ranked: A Paper."]
    assert not any(cell.rank for cell in table.cells.values())


def test_very_large_and_very_small_means_are_legible():
    scores = {
        ("a", "road", "EN"): [1.283e32], ("b", "road", "EN"): [-2.5e31],
        ("a", "road", "MSE"): [3.26e-7], ("b", "road", "MSE"): [3.27e-7],
        ("a", "road", "SSIM"): [0.0], ("b", "road", "SSIM"): [0.004],
        ("a", "tno", "EN"): [0.0], ("b", "tno", "EN"): [0.0],
        ("a", "tno", "MSE"): [0.001], ("b", "tno", "MSE"): [9_999_999.0],
    }  # fmt: skip
    table = build_table(tidy(scores), info=INFO)
    rows = [line.split(" | ") for line in render("markdown", table).splitlines() if line.startswith(("| a", "| b"))]
    assert rows == [
        ["| a", "**1.28e+32**", "**3.26e-07**", "<u>0.00e+00</u>", "**0.00**", "**0.00** |"],
        ["| b", "<u>-2.50e+31</u>", "<u>3.27e-07</u>", "**4.00e-03**", "**0.00**", "<u>9999999.00</u> |"],
    ]
    text = latex(table)
    assert r"& \textbf{1.28$\times$10$^{32}$} & \textbf{3.26$\times$10$^{-7}$} &" in text
    assert r"\underline{$-$2.50$\times$10$^{31}$}" in text
    assert "1.28e+32" in render("html", table)
    assert "3.26e-07" in render("csv", table)  # unrounded


def test_csv():
    assert render("csv", small()) == (
        "method,published,RoadScene EN,RoadScene MSE,tno EN,incomplete\n"
        "FILM,,7.25,3.0,6.0,\n"
        "a_b,,6.25,5.0,6.5,RoadScene MSE 1/2\n"
        "X,paper,7.5,,,\n"
    )
    assert render("csv", small(layout="stacked")) == (
        "dataset,method,published,EN,MSE,incomplete\n"
        "RoadScene,FILM,,7.25,3.0,\n"
        "RoadScene,a_b,,6.25,5.0,MSE 1/2\n"
        "RoadScene,X,paper,7.5,,\n"
        "tno,FILM,,6.0,,\n"
        "tno,a_b,,6.5,,\n"
    )
    assert render("csv", small(layout="long")).splitlines()[:3] == [
        "dataset,task,method,published,metric,better,mean,n,expected,rank",
        "RoadScene,IVF,FILM,,EN@zhao,higher,7.25,2,2,1",
        "RoadScene,IVF,FILM,,MSE@zhao,lower,3.0,2,2,",
    ]


def test_csv_and_json_do_not_round():
    table = build_table(tidy({("a", "road", "EN"): [1.23456789]}), info=INFO, decimals=0)
    assert "1.23456789" in render("csv", table)
    assert json.loads(render("json", table))["cells"][0]["mean"] == 1.23456789


def test_json_has_everything():
    content = json.loads(render("json", small()))
    assert content["fusionbench"] == "1.2.3"
    assert content["profiles"] == ["zhao"]
    assert [method["key"] for method in content["methods"]] == ["film", "a_b", "paper:X"]
    assert {
        "method": "a_b",
        "dataset": "road",
        "metric": "MSE@zhao",
        "mean": 5.0,
        "spread": None,
        "tied": False,
        "n": 1,
        "expected": 2,
        "rank": None,
    } in (content["cells"])


def test_html_is_well_formed_and_marks_best_and_second():
    page = render("html", small())
    assert '<th scope="row">FILM</th><td><span class="best-bold">7.25</span></td>' in page
    assert "<td>5.00<sup>† 1/2</sup></td>" in page
    assert '<th scope="colgroup" colspan="2">RoadScene (n = 2)</th>' in page
    _balanced(page)


def test_colours_replace_bold_where_a_format_has_them():
    table = small(mark="color")
    assert r"\textcolor{red}{7.25}" in render("latex", table)
    assert r"\usepackage{xcolor}" in render("latex", table)
    assert '<span class="best-color">7.25</span>' in render("html", table)
    assert "**7.25**" in render("markdown", table)
    assert "in bold" in render("markdown", table)


@pytest.mark.parametrize("name", ["latex", "markdown", "html"])
def test_without_marks_nothing_is_marked_or_explained(name):
    text = render(name, small(mark="none")).partition("</style>")[2 if name == "html" else 0]
    assert not any(sign in text for sign in ("textbf", "**", "<u>", "best-", "in bold", "in red"))


def test_a_wide_table_is_scaled_to_the_page():
    scores = {("a", f"set {index}", metric): [1] for index in range(3) for metric in ("EN", "SSIM", "MSE", "TE")}
    text = latex(build_table(tidy(scores), info=INFO))
    assert r"\usepackage{graphicx}" in text
    assert r"\resizebox{\textwidth}{!}{%" in text


def test_negative_zero_is_printed_as_zero():
    table = build_table(tidy({("a", "road", "EN"): [-0.001], ("b", "road", "EN"): [-1.5]}), info=INFO)
    assert "& 0.00" in latex(table).replace(r"\textbf{0.00}", "0.00")
    assert "$-$1.50" in latex(table)


def hostile(layout, mark="bold-underline"):
    scores = {(method, dataset, "EN"): [1.0] for method in NAMES for dataset in ("road", *NAMES[4:8])}
    return build_table(tidy(scores), info=INFO, layout=layout, mark=mark)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["latex", "markdown", "csv", "html", "json"])
def test_hostile_names_survive(name, layout):
    text = render(name, hostile(layout))
    if name == "json":
        assert [method["key"] for method in json.loads(text)["methods"]] == NAMES
    elif name == "csv":
        lines = list(csv.reader(io.StringIO(text)))
        assert len({len(line) for line in lines}) == 1
        assert not any(field.startswith(("=", "+", "-", "@")) for line in lines for field in line)
    elif name == "html":
        _balanced(text)
        assert "<script" not in text
        assert "x_1&<i>$%#{}~^" in html.unescape(text)
    elif name == "latex":
        assert text.isascii()
        assert text.count(r"\end{document}") == 1
    else:
        rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1


@pytest.mark.parametrize(("layout", "mark"), list(itertools.product(LAYOUTS, MARKS))[::2])
def test_latex_compiles_by_itself_and_within_a_paper(tmp_path, layout, mark):
    (tmp_path / "table.tex").write_text(latex(hostile(layout, mark)), encoding="ascii")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,graphicx,longtable}\usepackage[table]{xcolor}"
        "\n\\begin{document}\nBefore.\n\\input{table}\nAfter.\n\\end{document}\n",
        encoding="ascii",
    )
    for name in ("table", "paper"):
        assert "Output written" in pdflatex(tmp_path, name)


def _balanced(page: str) -> None:
    class Checker(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(page)
    assert not checker.open
