"""Journals with damaged pages and content that no run wrote: named, refused, and saved as far as they can be read."""

from __future__ import annotations

import math
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import fusionbench as fb
from fusionbench import databases
from fusionbench.cli import main
from fusionbench.databases import DamagedError
from fusionbench.results import journal_file as journals
from fusionbench.types import FusionBenchError
from tests.helpers.scenes import write_pairs

PAGE = 4096


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs and a finished run."""
    folder = tmp_path_factory.mktemp("damage")
    write_pairs(folder / "pairs", 3)
    compute(folder / "run", folder)
    return folder


def compute(out: Path, folder: Path) -> fb.Run:
    data = fb.get_dataset("folder", root=folder / "pairs", task="IVF")
    return fb.run(["average", "laplacian"], data, out=str(out), metrics=("EN", "SD"), isolate=False)


def frame(run: Path) -> pd.DataFrame:
    columns = ["method", "dataset", "sample", "metric", "value", "status"]
    return fb.load_run(run).frame()[columns].sort_values(columns[:4], ignore_index=True)


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be damaged."""
    shutil.copytree(place / "run", tmp_path / "run dir")
    return tmp_path / "run dir"


def change(run: Path, *statements: str) -> None:
    database = sqlite3.connect(run / "journal.sqlite")
    database.execute("PRAGMA ignore_check_constraints=1")
    with database:
        for statement in statements:
            database.execute(statement)
    database.close()


def overwrite(path: Path, page: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(data)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.mark.parametrize("fill", [b"\0" * PAGE, b"\xff" * PAGE, bytes(range(256)) * 16], ids=["zero", "ones", "noise"])
def test_a_damaged_page_is_refused_and_the_rest_is_saved(place: Path, run: Path, fill: bytes) -> None:
    whole = frame(place / "run")
    path = run / "journal.sqlite"
    sound = path.read_bytes()
    saved = []
    for page in range(len(sound) // PAGE):
        for old in run.glob("journal*"):
            old.unlink()
        path.write_bytes(sound)
        overwrite(path, page, fill)
        shown = invoke("table", run)
        if shown.exit_code == 0:  # a page that nothing uses
            assert frame(run).equals(whole)
            continue
        assert shown.exit_code == 2
        assert "damaged" in shown.output
        assert f"fusionbench repair '{run}'" in shown.output
        with pytest.raises(DamagedError, match="damaged"):
            compute(run, place)
        before = path.read_bytes()
        repaired = invoke("repair", run)
        if repaired.exit_code == 2:
            assert "nothing in the journal" in repaired.output
            assert path.read_bytes() == before
            continue
        saved.append(page)
        (kept,) = run.glob("journal.damaged-*.sqlite")
        assert kept.read_bytes() == before
        again = frame(run)
        lost = again[again.status != "ok"]
        merged = again[again.status == "ok"].merge(whole, on=list(whole.columns))
        assert len(merged) + len(lost) == len(again), "what was saved is what was there"
        compute(run, place)
        pd.testing.assert_frame_equal(frame(run), whole)
    assert len(saved) >= 6


EDITS = {
    "a value that is text": "UPDATE scores SET value='high'",
    "a value that is bytes": "UPDATE scores SET value=x'00ff'",
    "text that is no UTF-8": "UPDATE scores SET error=CAST(x'ff' AS TEXT)",
    "text as bytes": "UPDATE cells SET marks=CAST('x' AS BLOB)",
    "seconds that are text": "UPDATE fusions SET seconds='slow'",
    "negative seconds": "UPDATE fusions SET seconds=-1.0",
    "an unknown status": "UPDATE fusions SET status='great'",
    "timings that are no JSON": "UPDATE fusions SET timings='{'",
    "timings that are a list": "UPDATE fusions SET timings='[1]'",
    "timings that are texts": """UPDATE fusions SET timings='{"fuse": "x"}'""",
    "metrics that are no JSON": "UPDATE cells SET metrics='EN'",
    "metrics of two parts": """UPDATE cells SET metrics='[["EN", "zhao"]]'""",
    "metrics of numbers": "UPDATE cells SET metrics='[[1, 2, 3]]'",
    "an unknown task": "UPDATE cells SET task='ABC'",
    "provenance that is no JSON": "UPDATE sessions SET provenance='x'",
    "provenance that is a list": "UPDATE sessions SET provenance='[]'",
    "provenance without end": "UPDATE sessions SET provenance=replace(printf('%0100000d', 0), '0', '[')",
    "methods that are texts": """UPDATE sessions SET provenance='{"methods": {"average": "x"}}'""",
    "methods that are a list": """UPDATE sessions SET provenance='{"methods": [1]}'""",
    "a title that is a number": """UPDATE sessions SET provenance='{"methods": {"average": {"title": 3}}}'""",
    "pairs that are texts": """UPDATE sessions SET provenance='{"pairs": {"folder": "many"}}'""",
    "a direction that is text": """UPDATE sessions SET provenance='{"metrics": {"EN": {"higher_is_better": 3}}}'""",
    "a format that is no number": "UPDATE meta SET value='new'",
    "a table that is gone": "DROP TABLE scores",
    "a table of another form": "ALTER TABLE scores RENAME COLUMN value TO number",
}


@pytest.mark.parametrize("name", EDITS)
def test_content_that_no_run_wrote_is_refused_and_left_out_of_what_is_saved(name: str, place: Path, run: Path) -> None:
    change(run, EDITS[name])
    shown = invoke("table", run)
    assert shown.exit_code == 2
    assert "damaged, or was changed by hand" in shown.output
    assert "fusionbench repair" in shown.output
    with pytest.raises(DamagedError):
        compute(run, place)
    repaired = invoke("repair", run)
    if "format" in name or "table" in name:
        assert "Traceback" not in repaired.output
        return
    assert repaired.exit_code == 0, repaired.output
    assert "left out" in repaired.output
    assert invoke("table", run).exit_code in (0, 2)
    compute(run, place)
    pd.testing.assert_frame_equal(frame(run), frame(place / "run"))


def test_rows_without_a_value_where_one_is_needed_are_refused(run: Path) -> None:
    database = sqlite3.connect(run / "journal.sqlite", isolation_level=None)
    database.execute("PRAGMA writable_schema=1")
    database.execute(
        "UPDATE sqlite_master SET sql=replace(sql, 'status TEXT NOT NULL', 'status TEXT') WHERE name='fusions'"
    )
    database.close()
    change(run, "UPDATE fusions SET status=NULL")
    with pytest.raises(DamagedError, match="status"):
        fb.load_run(run)


def test_rows_and_tables_of_others_do_no_harm(place: Path, run: Path) -> None:
    change(run, "INSERT INTO scores SELECT 'nobody', metric, profile, version, value, error FROM scores LIMIT 1")
    change(run, "CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('mine')")
    pd.testing.assert_frame_equal(frame(run), frame(place / "run"))
    assert "nothing is damaged" in invoke("repair", run).output


def test_undefined_and_infinite_values_are_no_damage(run: Path) -> None:
    change(run, "UPDATE scores SET value=NULL WHERE metric='EN'", "UPDATE scores SET value=9e999 WHERE metric='SD'")
    values = fb.load_run(run).frame().set_index("metric").value
    assert values["EN"].isna().all()
    assert (values["SD"] == math.inf).all()


def test_a_journal_that_is_whole_is_left_as_it_is(run: Path) -> None:
    before = (run / "journal.sqlite").read_bytes()
    result = invoke("repair", run)
    assert result.exit_code == 0
    assert "nothing is damaged" in result.output
    assert (run / "journal.sqlite").read_bytes() == before
    assert not list(run.glob(".repair*")) + list(run.glob("*damaged*"))


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500, b"\0" * 3 * PAGE])
def test_a_file_that_is_no_journal_is_named_and_left(run: Path, content: bytes) -> None:
    (run / "journal.sqlite").write_bytes(content)
    for command in ("table", "repair"):
        result = invoke(command, run)
        assert result.exit_code == 2
        assert "journal" in result.output
    assert (run / "journal.sqlite").read_bytes() == content
    assert invoke("repair", run / "nowhere").exit_code == 2


def test_a_truncated_journal_is_refused(place: Path, run: Path) -> None:
    path = run / "journal.sqlite"
    path.write_bytes(path.read_bytes()[: 5 * PAGE + 100])
    assert invoke("table", run).exit_code == 2
    result = invoke("repair", run)
    if result.exit_code == 0:
        compute(run, place)
        pd.testing.assert_frame_equal(frame(run), frame(place / "run"))


def test_a_large_table_loses_only_the_page_that_is_damaged(run: Path) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    change(run, f"INSERT INTO scores {numbers} SELECT printf('%064d', i), 'EN', 'zhao', '1', i, '' FROM n")
    path = run / "journal.sqlite"
    count = path.stat().st_size // PAGE
    overwrite(path, count // 2, b"\xff" * PAGE)
    result = invoke("repair", run)
    assert result.exit_code == 0, result.output
    database = sqlite3.connect(path)
    (left,) = database.execute("SELECT count(*) FROM scores").fetchone()
    database.close()
    assert 19_800 < left < 20_012


def test_a_repair_waits_for_nobody(run: Path) -> None:
    from fusionbench.locking import locked
    from fusionbench.results.folder import LOCK

    with locked(run, LOCK):
        result = invoke("repair", run)
    assert result.exit_code == 2
    assert "another fusionbench process" in result.output


def _connecting(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    connect = sqlite3.connect

    def connected(path: object, **settings: object) -> sqlite3.Connection:
        if path == ":memory:":
            return connect(path, **settings)
        if how == "read-only":
            return connect(f"{Path(str(path)).as_uri()}?mode=ro", uri=True, **settings)
        database = connect(path, **settings)
        (size,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={size}")
        return database

    monkeypatch.setattr(journals.sqlite3, "connect", connected)


def test_a_journal_that_may_only_be_read_is_not_called_damaged_nor_the_disk_full(
    place: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connecting(monkeypatch, "read-only")
    with pytest.raises(FusionBenchError, match=r"written|writable") as caught:
        compute(run, place)
    assert "disk" not in str(caught.value)
    assert "damaged" not in str(caught.value)
    monkeypatch.setattr(databases.os, "access", lambda path, mode: path != run or mode == databases.os.R_OK)
    with pytest.raises(FusionBenchError, match=r"folder .* is not writable"):
        compute(run, place)


def test_a_full_disk_is_called_full(place: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _connecting(monkeypatch, "full")

    def fill() -> None:
        for _ in range(30):
            compute(run, place)

    with pytest.raises(FusionBenchError, match="disk is full") as caught:
        fill()
    assert "Free disk space" in str(caught.value)


def test_reading_where_nothing_may_be_written_still_works(
    place: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run / "journal.sqlite"
    path.chmod(0o444)
    run.chmod(0o555)
    try:
        pd.testing.assert_frame_equal(frame(run), frame(place / "run"))
    finally:
        run.chmod(0o755)
