"""The report: what its pages say, what they escape, and what a reader can click."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.reports.site.content import Report, failures_of, pages_of
from fusionbench.reports.site.pictures import Picture, write_pictures
from fusionbench.reports.site.writing import MARKER, claim, script, write_report
from fusionbench.reports.tables import build_table
from fusionbench.runs.reporting import report_runs
from fusionbench.types import UsageError
from tests.helpers.browser import opened
from tests.reports.frames import INFO, METRICS, tidy
from tests.reports.hostile import NAMES


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    fb.run(["average", "gff", "laplacian"], ["demo-ivf", "demo-mff"], limit=3, out=str(folder), isolate=False)
    return folder


@pytest.fixture(scope="module")
def site(run: Path) -> Path:
    return report_runs([run], run.parent / "site").parent


def pages_from(scores) -> Report:
    frame = tidy(scores)
    table = build_table(frame, info=INFO, layout="stacked", average_rank=True)
    return Report(title="R", table=table, pages=pages_of(frame, table, METRICS), failures=failures_of(frame, table))


def test_numbers_are_those_of_the_table():
    report = pages_from(
        {("a", "road", "EN"): [1.0, 3.0], ("b", "road", "EN"): [2.0, 4.0], ("c", "road", "EN"): [6, None]}
    )
    page = report.pages[0]
    assert [line.fields[0].text for line in page.lines] == ["2.00", "3.00", "6.00"]
    assert [line.fields[0].heat for line in page.lines] == [0.0, 1.0, None]  # an incomplete mean is not compared
    assert page.lines[2].fields[0].sign == "†"
    assert page.scores["EN@zhao"] == ((1.0, 3.0), (2.0, 4.0), (6.0, None))
    assert page.errors == {("c", 1): "it broke"}
    assert [(failure.method, failure.samples) for failure in report.failures] == [("c", ("s1",))]


def test_lower_is_better_has_the_heat_of_the_lowest():
    page = pages_from({("a", "road", "MSE"): [1.0, 1.0], ("b", "road", "MSE"): [3.0, 3.0]}).pages[0]
    assert [line.fields[0].heat for line in page.lines] == [1.0, 0.0]


def test_which_methods_do_not_differ():
    scores = {
        ("a", "road", "EN"): [5.0 + number / 10 for number in range(10)],
        ("b", "road", "EN"): [5.05 + number / 10 * (1 if number % 2 else 0.9) for number in range(10)],
        ("c", "road", "EN"): [1.0 + number / 10 for number in range(10)],
    }
    found = pages_from(scores).pages[0].compared.tests[0]
    assert found.p < 0.01
    assert found.n == 10
    assert "c" not in (found.first, *found.alike(0.05))


def test_a_folder_of_others_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        claim(tmp_path, "report")
    claim(tmp_path / "new", "report")
    claim(tmp_path / "new", "report")
    assert json.loads((tmp_path / "new" / MARKER).read_text())["format"] == "fusionbench-report/1"


def test_pictures_that_are_not_the_scored_ones_are_left_out(tmp_path, run):
    picture = next((run / "images").rglob("*.png"))
    shown = write_pictures(
        [Picture(picture, "0/0/0"), Picture(picture, "0/0/1", "0" * 64), Picture(tmp_path / "gone.png", "0/0/2")],
        tmp_path,
        "preview",
    )
    assert shown.places == {"0/0/0"}
    assert "not the picture that was scored" in shown.problems["0/0/1"]
    assert "gone.png" in shown.problems["0/0/2"]
    assert (tmp_path / "images/0/0/0.webp").is_file()
    assert (tmp_path / "thumbs/0/0/0.jpg").is_file()


def test_exact_pictures_have_the_pixels_that_were_scored(tmp_path, run):
    from fusionbench.images import read_image

    picture = next((run / "images").rglob("*.png"))
    write_pictures([Picture(picture, "0/0/0")], tmp_path, "exact")
    assert (read_image(tmp_path / "images/0/0/0.png").pixels == read_image(picture).pixels).all()


class Links(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_every_link_leads_to_a_file_of_the_report(site):
    for page in site.glob("*.html"):
        for link in Links(page).found:
            target = link.partition("#")[0]
            assert link.startswith(("#", "data:,")) or (page.parent / target).is_file(), link


def test_hostile_names_are_text(tmp_path):
    scores = {(method, dataset, "EN"): [1.0, None] for method in NAMES for dataset in ("road", *NAMES[4:8])}
    claim(tmp_path / "site", "report")
    first = write_report(pages_from(scores), tmp_path / "site", pictures={}, downloads={})
    for page in first.parent.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<i>" not in text
        assert not re.search(r"<script(?! src=| defer)", text)
    with opened(first) as tab:
        shown = tab.locator("tbody th[scope=row]").all_text_contents()
        assert "x_1&<i>$%#{}~^" in shown
    with opened(first.with_name("dataset-0.html")) as tab:
        assert tab.locator("#per-sample tbody tr").count() == 2


@pytest.mark.parametrize("value", ["</script><b>", "\u2028", "&amp;"])
def test_data_cannot_end_its_script(value):
    text = script({"x": value})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["x"] == value


def test_a_reader_sorts_and_turns_the_lights_off(site):
    with opened(site / "index.html") as tab:
        table = tab.locator("table.scores").first
        names = lambda: table.locator("tbody th").all_text_contents()  # noqa: E731 - asked again after each click
        values = lambda: [float(text) for text in table.locator("tbody td:nth-child(2)").all_text_contents()]  # noqa: E731
        before = names()
        table.get_by_role("button", name="EN").click()
        assert values() == sorted(values(), reverse=True)
        table.get_by_role("button", name="EN").click()
        assert values() == sorted(values())
        table.get_by_role("button", name="Method").click()
        assert names() == sorted(before)
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        tab.get_by_label("Light or dark").click()
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != ground


def test_a_reader_compares_pictures(site):
    with opened(site / "dataset-0.html") as tab:
        left, right = tab.locator("#left img"), tab.locator("#right img")
        assert left.evaluate("image => image.complete && image.naturalWidth > 0")
        first = right.get_attribute("src")
        tab.get_by_label("Next sample").click()
        assert right.get_attribute("src") != first
        assert "sample" in right.get_attribute("alt")
        tab.keyboard.press("Escape")
        tab.locator("#stage").focus()
        tab.keyboard.press("ArrowLeft")
        assert right.get_attribute("src") == first
        tab.keyboard.press("]")
        assert right.get_attribute("src") != first
        tab.keyboard.press("2")
        assert tab.locator("#slider").is_visible()
        tab.locator("#slider").fill("20")
        assert tab.locator("#stage").evaluate("stage => stage.style.getPropertyValue('--split')") == "20%"
        tab.keyboard.press("3")
        tab.wait_for_selector("#stage.blink.first", timeout=5000)
        tab.keyboard.press("1")
        tab.keyboard.press("+")
        assert tab.locator("#zoom").text_content() == "150 %"
        assert left.evaluate("i => i.style.transform") == right.evaluate("i => i.style.transform")  # moved together
        frame = tab.locator("#left .frame")
        frame.hover(position={"x": 50, "y": 50})
        box = frame.bounding_box()
        tab.mouse.wheel(0, -100)
        tab.wait_for_function("document.getElementById('zoom').textContent === '188 %'")
        at = left.evaluate("i => i.style.transform")
        tab.mouse.down()
        tab.mouse.move(box["x"] + 90, box["y"] + 60)
        tab.mouse.up()
        assert left.evaluate("i => i.style.transform") != at
        tab.keyboard.press("0")
        assert tab.locator("#zoom").text_content() == "100 %"


def test_a_reader_goes_from_a_sample_to_its_pictures(site):
    with opened(site / "dataset-0.html", scheme="dark") as tab:
        rows = tab.locator("#per-sample tbody tr")
        assert rows.count() == 3
        rows.nth(2).click()
        assert tab.locator("#sample").input_value() == "2"
        assert rows.nth(2).get_attribute("aria-current") is not None
        boxes = tab.locator("#plot rect.box").count()
        assert boxes == 3
        tab.locator("#metric").select_option("1")
        assert tab.locator("#plot rect.box").count() == boxes
        assert "SD" in tab.locator("#plot svg").get_attribute("aria-label")


def test_sources_that_are_elsewhere_today_are_said_to_be(run, tmp_path, monkeypatch):
    site = report_runs([run], tmp_path / "site", pictures="none").parent
    assert "No pictures are in this report" in (site / "dataset-0.html").read_text()
    assert not (site / "images").exists()


def test_on_the_command_line(run, tmp_path):
    result = CliRunner().invoke(main, ["report", str(run), "-o", str(tmp_path / "out"), "--title", "My <b>paper</b>"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "out/index.html")
    text = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "My &lt;b&gt;paper&lt;/b&gt;" in text
    assert (tmp_path / "out/downloads/scores.csv").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").touch()
    result = CliRunner().invoke(main, ["report", str(run), "-o", str(tmp_path / "other")])
    assert result.exit_code == 2
    assert "other files" in result.output
