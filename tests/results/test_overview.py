"""Runs at a glance, their removal, and the command over them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.locking import locked
from fusionbench.results.folder import CLAIMS, JOURNAL, LOCK, claim, claimed, log_name, written_here
from fusionbench.results.overview import find_runs, overview
from fusionbench.runs.removing import removal_of, remove
from fusionbench.types import DataError, UsageError
from tests.helpers.workshop import FUSES, Workshop, method

SOME_FAIL = method("if '001' in batch.ids: raise ValueError('too dark')\nreturn batch.sources[0]", name="other")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs below a folder: one whole, one with a failure."""
    settings = Workshop(tmp_path)(method(FUSES) + SOME_FAIL, count=3) | {"device": "cpu", "metrics": ["EN", "SD"]}
    for name, chosen in (("a", ["mine"]), ("deep/b", ["mine", "other"])):
        fb.run(**settings | {"methods": chosen, "out": str(tmp_path / "runs" / name)}, isolate=False)
    return tmp_path / "runs"


def call(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["runs", *map(str, arguments)], input=answer, catch_exceptions=False)


def test_runs_are_found_below_a_folder_and_not_within_runs(runs: Path) -> None:
    shutil.copytree(runs / "a", runs / "deep" / "b" / "images" / "copy")
    (runs / "loop").symlink_to(runs)
    for hidden in (".trash", "1/2/3/4/5"):  # neither hidden ones nor deeper ones
        shutil.copytree(runs / "a", runs / hidden)
    assert list(find_runs(runs)) == [runs / "a", runs / "deep" / "b"]
    with pytest.raises(UsageError, match="there is no folder"):
        list(find_runs(runs / "nowhere"))


def test_a_run_at_a_glance(runs: Path) -> None:
    found = overview(runs / "deep" / "b")
    assert (found.state, found.methods, dict(found.datasets)) == ("failures", ("mine", "other"), {"pairs": 3})
    assert (found.done, found.failed, found.missing) == (5, 1, 0)
    assert found.fusionbench == fb.__version__
    assert overview(runs / "a" / JOURNAL).state == "complete"


def test_a_run_that_goes_on_and_one_that_was_killed_are_told_apart(runs: Path) -> None:
    folder = runs / "a"
    with sqlite3.connect(folder / JOURNAL) as database:
        database.execute("UPDATE sessions SET finished=NULL, outcome=NULL")
    database.close()
    assert overview(folder).state == "interrupted"
    with locked(folder, LOCK):
        assert overview(folder).state == "running"
        assert overview(runs / "deep" / "b").state == "failures"


def test_a_damaged_run_is_listed_with_what_is_wrong(runs: Path) -> None:
    (runs / "a" / JOURNAL).write_bytes(b"no database, but long enough to be looked at " * 40)
    result = call("list", runs, "--json")
    states = {Path(run["folder"]).name: run for run in json.loads(result.output)}
    assert states["b"]["state"] == "failures"
    assert states["a"]["state"] == "unreadable"
    assert "fusionbench repair" in states["a"]["problem"]


def test_listing_without_a_command_looks_into_runs(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.parent)
    result = call()
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.output.splitlines()}
    assert set(rows) == {"run", "runs/deep/b", "runs/a"}
    assert "5/6" in rows["runs/deep/b"]
    assert call("list", runs.parent / "data").output.startswith("no runs in")


def test_show_says_what_is_known(runs: Path) -> None:
    output = call("show", runs / "deep" / "b").output
    for part in ("fusionbench: ", "method other: other version 1", "data pairs: 3 samples, digest ", "session 1: "):
        assert part in output
    assert "1 sample failed: " in output
    assert "too dark" in output
    told = json.loads(call("show", runs / "deep" / "b", "--json").output)
    assert told["results"][1] == {"method": "other", "dataset": "pairs", "samples": 3, "failed": 1, "missing": 0}


def test_what_runs_write_is_told_from_other_files() -> None:
    own = [JOURNAL, f"{JOURNAL}-wal", "journal.damaged-20260101-000000.sqlite", "run.lock.holder", log_name(1)]
    assert all(map(written_here, [*own, "config.yaml", "images", LOCK, log_name(12), f"{log_name(2)}.1"]))
    assert not any(map(written_here, ["notes.txt", "worker.txt", "journal.sqlite.bak", "tensorboard", "Images2"]))


def test_removing_asks_and_takes_what_runs_write_and_nothing_else(runs: Path) -> None:
    folder = runs / "deep" / "b"
    (folder / "notes.txt").write_text("mine")
    outside = runs / "outside"
    outside.mkdir()
    (outside / "keep.png").touch()
    (folder / "images" / "link").symlink_to(outside)
    refused = call("rm", folder, answer="n\n")
    assert refused.exit_code == 130
    assert (folder / JOURNAL).is_file()
    done = call("rm", folder, answer="y\n")
    assert done.exit_code == 0
    assert "the folder stays, with notes.txt" in done.output
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert (outside / "keep.png").exists()
    assert call("rm", "-y", runs / "a").exit_code == 0
    assert not (runs / "a").exists()


def test_what_a_run_has_claimed_goes_with_it_and_nothing_else(runs: Path) -> None:
    folder, outside = runs / "a", runs / "outside"
    outside.mkdir()
    (outside / "keep.png").touch()
    (folder / "before").mkdir()
    claim(folder, "before", "weights", "division.csv", "link")
    (folder / "weights" / "deep").mkdir(parents=True)
    (folder / "division.csv").touch()
    (folder / "link").symlink_to(outside)
    claim(folder, "weights", "link")
    with (folder / CLAIMS).open("a") as file:  # a file may say anything
        file.write("../outside\n..\n.\n\nbefore/mine\n")
    assert claimed(folder) == {"weights", "division.csv", "link"}
    done = call("rm", "-y", folder)
    assert done.exit_code == 0
    assert "the folder stays, with before\n" in done.output
    assert [path.name for path in folder.iterdir()] == ["before"]
    assert (outside / "keep.png").exists()


def test_what_is_no_run_is_not_removed(runs: Path, tmp_path: Path) -> None:
    alien = tmp_path / "alien"
    alien.mkdir()
    (alien / JOURNAL).write_bytes(b"somebody else's")
    for place, message in ((alien, "there is no journal"), (runs, "is no run folder"), (tmp_path / "x", "no run")):
        with pytest.raises(DataError, match=message):
            removal_of(place)
    result = call("rm", "-y", runs / "a", alien)
    assert result.exit_code == 2
    assert (runs / "a" / JOURNAL).is_file()  # none goes unless all can


def test_a_run_that_goes_on_is_not_removed_and_a_damaged_one_may_be(runs: Path) -> None:
    removal = removal_of(runs / "a")
    with locked(runs / "a", LOCK), pytest.raises(UsageError, match="another fusionbench process"):
        remove(removal)
    (runs / "a" / JOURNAL).write_bytes(b"no database, but long enough to be looked at " * 40)
    assert remove(removal_of(runs / "a"))
