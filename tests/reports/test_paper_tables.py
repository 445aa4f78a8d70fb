"""What a paper asks of a table: spreads, ranks, significance, choices, a published table's shape, its LaTeX."""

from __future__ import annotations

import io
import math
import statistics
import time
import zipfile
from dataclasses import replace

import pytest
from rich.console import Console

from fusionbench.plugins import current_plugins
from fusionbench.reports.choosing import chosen
from fusionbench.reports.display import show
from fusionbench.reports.exporters.html import render as html
from fusionbench.reports.exporters.latex import render as latex
from fusionbench.reports.exporters.markdown import render as markdown
from fusionbench.reports.exporters.xlsx import render as xlsx
from fusionbench.reports.from_runs import table_from_runs
from fusionbench.reports.model import LAYOUTS, MARKS, RANK, SIZES, Paper
from fusionbench.reports.tables import build_table
from fusionbench.types import Citation, UnknownNameError, UsageError
from tests.helpers.machine import pdflatex
from tests.reports.frames import INFO, tidy
from tests.reports.hostile import NAMES

SCORES = {
    ("film", "road", "EN"): [7.0, 7.5, 7.25, 7.75, 7.1, 7.6, 7.2, 7.4],
    ("gff", "road", "EN"): [6.9, 7.4, 7.3, 7.8, 7.0, 7.5, 7.3, 7.3],
    ("avg", "road", "EN"): [5.0, 5.5, 5.25, 5.75, 5.1, 5.6, 5.2, 5.4],
    ("film", "road", "MSE"): [3.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0, 2.0],
    ("gff", "road", "MSE"): [4.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0, 3.0],
    ("avg", "road", "MSE"): [1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5],
    ("film", "tno", "EN"): [6.5, 6.7],
    ("gff", "tno", "EN"): [6.5, 6.7],
    ("avg", "tno", "EN"): [6.0, None],
}


def cell(table, row, dataset, key):
    return table.cells[row, dataset, key]


def test_standard_deviation_is_that_of_the_samples():
    table = build_table(tidy(SCORES), info=INFO, spread="sd")
    values = SCORES["film", "road", "EN"]
    assert cell(table, "film", "road", "EN@zhao").spread == pytest.approx(statistics.stdev(values))
    assert cell(table, "avg", "tno", "EN@zhao").spread is None  # one sample has none
    assert f"**7.35** ± {statistics.stdev(values):.2f}" in markdown(table)
    assert "standard deviation over the samples" in markdown(table)


def test_interval_covers_what_theory_says():
    table = build_table(tidy(SCORES), info=INFO, spread="ci")
    values = SCORES["film", "road", "EN"]
    normal = 1.96 * statistics.pstdev(values) / math.sqrt(len(values))
    assert cell(table, "film", "road", "EN@zhao").spread == pytest.approx(normal, rel=0.1)
    assert "95 % bootstrap interval" in markdown(table)


def test_average_rank_by_hand():
    # road EN: film 1, gff 2, avg 3; road MSE: avg 1, film 2, gff 3; tno EN: film and gff share 1.5, avg is incomplete.
    table = build_table(tidy(SCORES), info=INFO, average_rank=True)
    assert table.groups[-1].heading == "All"
    assert cell(table, "film", "", RANK).mean == pytest.approx((1 + 2 + 1.5) / 3)
    assert cell(table, "gff", "", RANK).mean == pytest.approx((2 + 3 + 1.5) / 3)
    assert ("avg", "", RANK) not in table.cells
    assert cell(table, "film", "", RANK).rank == 1
    assert "All" not in markdown(table).splitlines()[0]  # the caption counts data sets only


def test_average_rank_of_each_data_set_where_they_stand_below_each_other():
    table = build_table(tidy(SCORES), info=INFO, average_rank=True, layout="stacked")
    assert [group.metrics[-1].key for group in table.groups] == [RANK, RANK]
    assert cell(table, "avg", "road", RANK).mean == 2.0
    assert cell(table, "gff", "tno", RANK).mean == 1.5


def test_three_places():
    table = build_table(tidy(SCORES), info=INFO, places=3, mark="boxes")
    assert [cell(table, row, "road", "EN@zhao").rank for row in ("film", "gff", "avg")] == [1, 2, 3]
    assert r"\cellcolor{yellow!40}5.35" in latex(table)
    assert "third best in italics" in markdown(table)  # a pipe table has no colours
    assert "third-box" in html(table)


def test_what_does_not_differ_from_the_best_is_marked():
    table = build_table(tidy(SCORES), info=INFO, significance=True)
    assert cell(table, "gff", "road", "EN@zhao").tied  # five up, three down
    assert not cell(table, "avg", "road", "EN@zhao").tied  # always two below
    assert not cell(table, "film", "road", "EN@zhao").tied  # the best itself
    assert not any(cell.tied for key, cell in table.cells.items() if key[1] == "tno")  # two samples tell nothing apart
    assert "≈" in markdown(table)
    assert "Wilcoxon" in markdown(table)


def test_significance_needs_two_methods():
    one = {key: values for key, values in SCORES.items() if key[0] == "film"}
    with pytest.raises(UsageError, match="two methods"):
        build_table(tidy(one), info=INFO, significance=True)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("spread", "var"), ("places", 0), ("places", 4), ("paper", Paper(size="huge")), ("paper", Paper(label="a}b"))],
)
def test_impossible_settings(setting, value):
    with pytest.raises(UsageError):
        build_table(tidy(SCORES), info=INFO, **{setting: value})


def test_rows_are_chosen_by_name_and_pattern():
    frame = tidy(SCORES)
    assert set(chosen(frame, methods=["FILM", "g*"]).method) == {"film", "gff"}
    assert set(chosen(frame, datasets=["road"], samples=["s[01]"])["sample"]) == {"s0", "s1"}
    with pytest.raises(UnknownNameError, match="unknown method of these runs 'gf'") as caught:
        chosen(frame, methods=["gf"])
    assert "gff" in caught.value.hint
    with pytest.raises(UsageError, match="no row"):
        chosen(frame, datasets=["tno"], samples=["s7"])


class Run:
    def __init__(self, scores, **info):
        self.info = {"version": "1.2.3", "methods": {}, "pairs": {"roadscene": 8}, **info}
        self._frame = tidy(scores)

    def frame(self):
        return self._frame


ROAD = {(method, "roadscene", metric): [1.0, 2.0] for method in ("lrrnet", "SDNet", "mine") for metric in ("EN", "SD")}


def test_samples_that_were_chosen_are_all_that_there_are():
    table = table_from_runs({"run": Run(ROAD)}, current_plugins(), samples=["s0"], published=["film2024"])
    found = cell(table, "mine", "roadscene", "EN@zhao")
    assert (found.mean, found.n, found.expected) == (1.0, 1, 1)
    assert not cell(table, "film2024:FILM", "roadscene", "EN@zhao").comparable  # it is over all of them


def test_a_table_follows_a_published_one():
    run = Run(ROAD | {("mine", "elsewhere", "EN"): [1.0], ("mine", "roadscene", "TE"): [1.0, 1.0]})
    table = table_from_runs({"run": run}, current_plugins(), like="film2024:1")
    assert [group.dataset for group in table.groups] == ["roadscene"]
    assert [metric.key for metric in table.groups[0].metrics] == ["EN@zhao", "SD@zhao"]
    assert [row.key for row in table.rows] == ["SDNet", "lrrnet", "mine"]
    some = table_from_runs({"run": run}, current_plugins(), like="film2024:1", methods=["lrrnet", "mine"])
    assert [row.key for row in some.rows] == ["lrrnet", "mine"]
    with pytest.raises(UsageError, match="has none of the data sets"):
        table_from_runs({"run": run}, current_plugins(), like="film2024:4")
    with pytest.raises(UnknownNameError, match="unknown table of film2024 '9'"):
        table_from_runs({"run": run}, current_plugins(), like="film2024:9")


def test_a_table_has_the_rows_of_a_published_one_whose_numbers_are_not_at_hand():
    names = ("film", "film-dense", "mine", "film-no-text")
    run = Run({(method, "elsewhere", metric): [1.0, 2.0] for method in names for metric in ("SD", "EN", "TE")})
    table = table_from_runs({"run": run}, current_plugins(), like="film2024:5")
    assert [row.key for row in table.rows] == ["film-no-text", "film-dense", "film"]
    assert [metric.key for metric in table.groups[0].metrics] == ["EN@zhao", "SD@zhao"]
    both = table_from_runs({"run": run}, current_plugins(), like="film2024:5", methods=["film", "mine"])
    assert [row.key for row in both.rows] == ["film", "mine"]
    with pytest.raises(UsageError, match="has none of the methods of these runs"):
        table_from_runs({"run": Run(ROAD)}, current_plugins(), like="film2024:5")


def test_where_a_table_comes_from_stands_in_its_head():
    run = Run(ROAD, git={"commit": "0123456789abcdef", "dirty": True}, data={"roadscene": "feedbeef"})
    head = latex(table_from_runs({"runs/x": run}, current_plugins())).splitlines()[:4]
    assert "% From runs/x (fusionbench 1.2.3, commit 0123456789ab with changes)" in head
    assert "% Data RoadScene: 8 samples, digest feedbeef" in head


def papered(layout="side-by-side", mark="bold-underline", **paper):
    info = {row: Citation(title=f"On {row}", authors="A. Ünal, B. Two", year=2020) for row in ("film", "gff")}
    return build_table(
        tidy(SCORES),
        info=replace(INFO, papers=info),
        mark=mark,
        layout=layout,
        spread="sd",
        average_rank=True,
        significance=True,
        places=3,
        paper=Paper(**paper),
    )


@pytest.mark.parametrize("given", ["Mine & yours", "Mine & yours."])
def test_a_caption_ends_before_the_signs_are_explained(given: str) -> None:
    assert r"\caption{Mine \& yours. Best value" in latex(papered(caption=given))


def test_caption_label_and_citations():
    text = latex(papered(caption="Mine & yours.", label="tab:ivf", cite=True))
    assert r"\caption{Mine \& yours. Best value in bold" in text
    assert r"}\label{tab:ivf}" in text
    assert r"FILM~\cite{unal2020film} &" in text
    assert r"gff~\cite{unal2020gff} &" in text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("longtable", [False, True])
def test_latex_compiles(tmp_path, layout, align, longtable):
    place = LAYOUTS.index(layout) * 4 + align * 2 + longtable
    size, mark = SIZES[place % len(SIZES)], MARKS[place % len(MARKS)]
    table = papered(layout, mark, label="t", cite=True, size=size, align_decimals=align, longtable=longtable)
    (tmp_path / "table.tex").write_text(latex(table), encoding="ascii")
    assert "Output written" in pdflatex(tmp_path, "table")


def test_a_workbook_does_not_hang_on_when_it_is_written():
    table = papered()
    before = xlsx(table)
    time.sleep(1.1)  # times in a workbook are whole seconds
    assert xlsx(table) == before


def test_workbook_has_numbers_and_no_formula():
    scores = {(method, "road", "EN"): [1.5, 2.5] for method in NAMES}
    content = xlsx(build_table(tidy(scores), info=INFO, spread="sd"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert archive.testzip() is None
    assert sheet.count("<v>2</v>") >= len(NAMES)  # the mean of each
    assert "<f>" not in sheet


@pytest.mark.parametrize("width", [200, 60])
def test_on_a_terminal_a_table_fits_its_width(width):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    show(papered(), console)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    # Beside each other both data sets share a line of headings; below each other each has its own.
    assert any("RoadScene" in line and "tno" in line for line in lines[2:]) == (width == 200)


def test_a_terminal_obeys_nothing():
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    show(build_table(tidy({("\x1b[31mred", "road", "EN"): [1.0]}), info=INFO), console)
    assert "\x1b" not in console.file.getvalue()


def test_a_notebook_shows_the_table():
    page = build_table(tidy(SCORES), info=INFO)._repr_html_()
    assert "<table>" in page
    assert "<html" not in page
