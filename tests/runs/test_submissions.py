"""From a run to a leaderboard: exported, submitted with its pictures, scored again, shown."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.plugins import current_plugins
from fusionbench.reports.site.board import Submission, boards_of
from fusionbench.results.exported import Exported, to_json
from fusionbench.runs.exporting import exported_run
from fusionbench.runs.submissions import read_submissions, unpack
from fusionbench.types import DataError, UsageError
from tests.helpers.browser import opened


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submissions") / "run"
    fb.run(["average", "laplacian"], ["demo-ivf"], limit=2, out=str(folder), isolate=False)
    return folder


@pytest.fixture(scope="module")
def results(run: Path) -> Exported:
    return exported_run(fb.load_run(run), current_plugins(), author="Team A")


def test_an_export_has_the_scores_of_the_run(run: Path, results: Exported) -> None:
    frame = fb.load_run(run).frame()
    for result in results.results:
        for key, values in result.values.items():
            own = frame[(frame["method"] == result.method) & (frame["metric"] == key.partition("@")[0])]
            assert [value for value in values if value is not None] == own["value"].dropna().tolist()
        assert all(result.images)
    assert all(results.datasets["demo-ivf"].digests)
    assert results.datasets["demo-ivf"].limited
    assert results.methods["laplacian"].year == 1993


def submitted(folder: Path, run: Path, text: str, name: str = "a") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    shutil.make_archive(str(folder / name), "zip", run, "images")


def test_pictures_confirm_what_was_submitted(tmp_path: Path, run: Path, results: Exported) -> None:
    submitted(tmp_path / "in", run, to_json(results))
    (found,) = read_submissions(tmp_path / "in", rescore=True)
    assert found.checked == "every value was found again from the pictures"
    assert found.confirmed


def test_an_invented_value_is_not_confirmed(tmp_path: Path, run: Path, results: Exported) -> None:
    content = json.loads(to_json(results))
    content["results"][1]["values"]["EN@zhao"][0] += 0.01
    submitted(tmp_path / "in", run, json.dumps(content))
    said: list[str] = []
    (found,) = read_submissions(tmp_path / "in", rescore=True, said=said.append)
    assert not found.confirmed
    assert "EN@zhao of laplacian on demo-ivf, sample" in found.checked
    assert said == [f"a.json: {found.checked}"]


def test_other_images_are_not_confirmed(tmp_path: Path, run: Path, results: Exported) -> None:
    content = json.loads(to_json(results))
    content["datasets"]["demo-ivf"]["digests"][0] = "0" * 64
    submitted(tmp_path / "in", run, json.dumps(content))
    (found,) = read_submissions(tmp_path / "in", rescore=True)
    assert "are not those that were scored" in found.checked


def test_a_submission_does_not_say_where_data_lie(tmp_path: Path, run: Path, results: Exported) -> None:
    text = to_json(results).replace('"demo-ivf"', '"folder=elsewhere"')
    submitted(tmp_path / "in", run, text)
    (tmp_path / "run" / "images").mkdir(parents=True)
    for method in ("average", "laplacian"):
        shutil.copytree(run / "images" / method / "demo-ivf", tmp_path / "run/images" / method / "folder=elsewhere")
    shutil.make_archive(str(tmp_path / "in/a"), "zip", tmp_path / "run", "images")
    (found,) = read_submissions(tmp_path / "in", rescore=True)
    assert "names a folder" in found.checked


def test_pictures_of_one_s_own_data_are_scored_again_where_these_lie(tmp_path: Path) -> None:
    cli = CliRunner()
    for band in ("ir", "vi"):
        (tmp_path / "data" / band).mkdir(parents=True)
        Image.new("L", (40, 30), 90).save(tmp_path / "data" / band / "1.png")
    chosen = ["-d", f"ours=folder={tmp_path / 'data'}", "--option", "ours.task=IVF"]
    run = str(tmp_path / "run")
    assert cli.invoke(main, ["run", "-m", "average", *chosen, "--out", run]).exit_code == 0
    results = exported_run(fb.load_run(run), current_plugins())
    submitted(tmp_path / "in", tmp_path / "run", to_json(results))
    board = ["leaderboard", str(tmp_path / "in"), "-o", str(tmp_path / "site"), "--rescore"]
    assert "cannot be scored again" in cli.invoke(main, board).stderr
    assert "Add --rescore" in cli.invoke(main, [*board[:-1], *chosen]).stderr
    assert "every value was found again" in cli.invoke(main, [*board, *chosen]).stderr


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "images/../../x.png", "other/x.png", "images\\..\\x.png"])
def test_nothing_is_unpacked_elsewhere(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(DataError, match="holds"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert not list(tmp_path.rglob("x.png"))


def test_a_bad_file_is_named_and_the_others_stay(tmp_path: Path, run: Path, results: Exported) -> None:
    submitted(tmp_path / "in", run, to_json(results))
    (tmp_path / "in/bad.json").write_text("{")
    said: list[str] = []
    assert [found.name for found in read_submissions(tmp_path / "in", said=said.append)] == ["a.json"]
    assert "bad.json" in said[0]
    with pytest.raises(UsageError, match="no results"):
        read_submissions(run)


def boards(*contents: tuple[str, Exported]) -> list:
    return boards_of([Submission(name=name, results=results) for name, results in contents])


def changed(results: Exported, change) -> Exported:
    from fusionbench.results.exported import read_exported

    content = json.loads(to_json(results))
    change(content)
    path = Path(str(changed.place)) / "changed.json"
    path.write_text(json.dumps(content))
    return read_exported(path)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path) -> None:
    changed.place = tmp_path


def test_only_the_same_images_share_a_board(results: Exported) -> None:
    other = changed(results, lambda c: c["datasets"]["demo-ivf"].update(digests=["x", "y"]))
    found = boards(("a", results), ("b", other))
    zhao = [board for board in found if board.profile == "zhao"]
    assert [len(board.entries) for board in zhao] == [2, 2]
    assert len({board.digest for board in zhao}) == 2


def test_a_result_that_is_sent_twice_stands_once(results: Exported) -> None:
    (board,) = [board for board in boards(("a", results), ("b", results)) if board.profile == "zhao"]
    assert len(board.entries) == 2


def test_weights_of_a_known_publisher_are_known_under_every_name(results: Exported, tmp_path: Path) -> None:
    """An exported file of a suite that did not know the weights; the one that makes the board does."""
    spec = current_plugins().methods["seafusion"]
    digest = next(weight.sha256[0] for weight in spec.weights if weight.sha256)
    trained = spec.training_data[0]
    content = json.loads(to_json(results).replace("demo-ivf", trained))
    content["methods"]["average"] |= {"name": "ours"}
    content["results"][0] |= {"method": "average", "weights": digest}
    (tmp_path / "x.json").write_text(json.dumps(content))
    board = boards_of(read_submissions(tmp_path))[0]
    assert {entry.method.name: bool(entry.trained_on_test) for entry in board.entries} == {
        "ours": True,
        "laplacian": False,
    }


def test_what_was_trained_on_the_test_data_is_marked_and_gaps_are_not_ranked(results: Exported) -> None:
    def change(content) -> None:
        content["methods"]["average"]["training_data"] = ["demo-ivf@all"]
        content["results"][0]["values"]["EN@zhao"][1] = None

    (board,) = [board for board in boards(("a", changed(results, change))) if board.profile == "zhao"]
    first, second = board.entries
    assert first.trained_on_test
    assert not second.trained_on_test
    assert first.gaps == {"EN@zhao": "1/2"}
    assert "EN@zhao" not in first.means


def test_a_reader_filters(tmp_path: Path, run: Path, results: Exported) -> None:
    def change(content) -> None:
        content["author"] = "<script>alert(1)</script>"
        for name, year in (("average", 2024), ("laplacian", None)):
            content["methods"][name] |= {"title": f"net {name}", "learned": True, "year": year, "version": "9"}
        content["methods"]["average"]["training_data"] = ["demo-ivf"]

    folder = tmp_path / "in"
    submitted(folder, run, to_json(results))
    (folder / "b.json").write_text(to_json(changed(results, change)), encoding="utf-8")
    result = CliRunner().invoke(
        main, ["leaderboard", str(folder), "-o", str(tmp_path / "out"), "--title", "Open & free"]
    )
    assert result.exit_code == 0, result.output
    with opened(tmp_path / "out/index.html") as tab:
        rows = tab.locator(".board tbody tr:visible")
        everything = rows.count()
        assert everything >= 4
        tab.select_option("[name=kind]", "learned")
        assert {text.split(" t")[0] for text in rows.locator("th").all_text_contents()} >= {"net laplacian"}
        assert rows.count() < everything
        tab.fill("[name=from]", "2020")
        assert all("net average" in text for text in rows.locator("th").all_text_contents())
        tab.check("[name=clean]")
        assert rows.count() == 0
        assert tab.locator("#nothing").is_visible()
        assert tab.locator("td", has_text="<script>alert(1)</script>").count() >= 1


def test_on_the_command_line(tmp_path: Path, run: Path) -> None:
    result = CliRunner().invoke(main, ["export", str(run), "-o", str(tmp_path / "in/x.json"), "--author", "me"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["leaderboard", str(tmp_path / "in"), "-o", str(tmp_path / "in")])
    assert result.exit_code == 2  # a folder with other files in it is left alone
    assert "other files" in result.output
