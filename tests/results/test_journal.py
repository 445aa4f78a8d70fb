"""The journal: formats of earlier versions, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import fusionbench as fb
from fusionbench.results import journal_file as journals
from fusionbench.results.filesystems import is_local
from fusionbench.results.journal import Journal
from fusionbench.results.records import FusionRecord
from fusionbench.results.schema import SCHEMA_VERSION
from fusionbench.runs import engine, identity
from fusionbench.runs.watching import SilentWatcher
from fusionbench.types import FusionBenchError
from tests.helpers.scenes import FolderOfPairs, pairs_dataset, scene

METRICS = ("EN", "SD")

# The tables of format 1, as version 0.1.0 made them first.
FORMAT_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, outcome TEXT, provenance TEXT NOT NULL);
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
    height INTEGER, width INTEGER, notes TEXT NOT NULL DEFAULT '', error TEXT);
CREATE TABLE fusions (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', seconds REAL,
    timings TEXT NOT NULL DEFAULT '{}', image TEXT, image_sha256 TEXT, notes TEXT NOT NULL DEFAULT '',
    session INTEGER);
CREATE TABLE scores (
    fusion TEXT NOT NULL, metric TEXT NOT NULL, profile TEXT NOT NULL, version TEXT NOT NULL, value REAL,
    error TEXT NOT NULL DEFAULT '', PRIMARY KEY (fusion, metric, profile, version)) WITHOUT ROWID;
CREATE TABLE cells (
    method TEXT NOT NULL, dataset TEXT NOT NULL, sample TEXT NOT NULL, task TEXT NOT NULL,
    position INTEGER NOT NULL, fusion TEXT NOT NULL, metrics TEXT NOT NULL, marks TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (method, dataset, sample)) WITHOUT ROWID;
"""


def former_key(method: str, path_digests: list[str]) -> str:
    """The identity of a result of a classical method in format 1."""
    from fusionbench.plugins import current_plugins
    from fusionbench.plugins.options import parse_options
    from fusionbench.runs import MethodRequest, RunConfig
    from fusionbench.runs.matrix import Pairing, ResolvedMethod

    spec = current_plugins().methods[method]
    resolved = ResolvedMethod(request=MethodRequest(name=method), spec=spec, options=parse_options("method", spec, {}))
    known = identity.method_identity(Pairing(method=resolved, dataset=None), RunConfig(), lambda name: "")
    text = json.dumps([known, "IVF", path_digests, ""], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def as_format_1(folder: Path, dataset: FolderOfPairs) -> None:
    """Turn a journal of today into what format 1 would have held."""
    today = sqlite3.connect(folder / "journal.sqlite")
    rows = {name: today.execute(f"SELECT * FROM {name}").fetchall() for name in ("sessions", "fusions", "scores")}
    cells = today.execute("SELECT method, dataset, sample, task, fusion, metrics, marks, image FROM cells").fetchall()
    today.close()
    (folder / "journal.sqlite").unlink()
    digests = {
        sample.id: [hashlib.sha256(path.read_bytes()).hexdigest() for path in sample.sources]
        for sample in dataset.samples
    }
    keys = {fusion: former_key(method, digests[sample]) for method, _, sample, _, fusion, *_ in cells}
    images = {fusion: image for *_, fusion, _, _, image in cells}
    order = {sample.id: position for position, sample in enumerate(dataset.samples)}
    old = sqlite3.connect(folder / "journal.sqlite")
    with old:
        old.executescript(FORMAT_1)
        old.execute("INSERT INTO meta VALUES ('schema', '1')")
        old.executemany("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", rows["sessions"])
        old.executemany(
            "INSERT INTO fusions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (keys[key], status, error, seconds, timings, images[key], digest, notes, session)
                for key, status, error, seconds, timings, digest, notes, session in rows["fusions"]
            ],
        )
        old.executemany("INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?)", [(keys[r[0]], *r[1:]) for r in rows["scores"]])
        old.executemany(
            "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(m, d, s, task, order[s], keys[f], metrics, marks) for m, d, s, task, f, metrics, marks, _ in cells],
        )
        # As a read error used to be remembered.
        path = dataset.samples[0].sources[0]
        facts = (str(path), path.stat().st_size, path.stat().st_mtime_ns, "", None, None, "", "Permission denied")
        old.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", facts)
    old.close()


@pytest.fixture
def old_run(tmp_path: Path) -> tuple[Path, FolderOfPairs]:
    dataset = pairs_dataset(tmp_path, 3)
    fb.run(["average", "maximum"], dataset, out=tmp_path / "run", metrics=METRICS)
    as_format_1(tmp_path / "run", dataset)
    return tmp_path / "run", dataset


def test_a_journal_of_format_1_is_read_without_being_changed(old_run: tuple[Path, FolderOfPairs]) -> None:
    folder, _ = old_run
    before = (folder / "journal.sqlite").read_bytes()
    run = fb.load_run(folder)
    frame = run.frame()
    assert len(frame) == 2 * 3 * 2
    assert set(frame.status) == {"ok"}
    assert all(Path(path).is_file() for path in frame.image)
    assert run.info["pairs"] == {"pairs": 3}
    assert set(run.timings().columns) >= {"fuse", "score"}
    assert run.table().rows
    assert (folder / "journal.sqlite").read_bytes() == before


def test_a_journal_of_format_1_is_read_where_nothing_can_be_written(old_run: tuple[Path, FolderOfPairs]) -> None:
    folder, _ = old_run
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert set(fb.load_run(folder).frame().status) == {"ok"}
    finally:
        folder.chmod(0o755)


def test_a_journal_of_format_1_continues_without_computing_anything_again(
    old_run: tuple[Path, FolderOfPairs],
) -> None:
    folder, dataset = old_run
    before = fb.load_run(folder).frame()
    run = fb.run(["average", "maximum"], dataset, out=folder, metrics=METRICS)
    assert (run.computed, run.failed) == (0, 0)
    assert run.frame().equals(before)
    with sqlite3.connect(folder / "journal.sqlite") as database:
        assert database.execute("SELECT value FROM meta WHERE key='schema'").fetchone() == (str(SCHEMA_VERSION),)
    more = fb.run(["average", "maximum"], dataset, out=folder, metrics=(*METRICS, "AG"))
    assert more.frame().groupby("metric").size().to_dict() == {"EN": 6, "SD": 6, "AG": 6}
    assert set(more.frame().status) == {"ok"}


def test_in_a_journal_of_format_1_a_path_shows_what_was_written_there_last(
    old_run: tuple[Path, FolderOfPairs],
) -> None:
    """Settings A, then B, then A again, as format 1 left it: rows of A, pictures of B."""
    folder, dataset = old_run
    with sqlite3.connect(folder / "journal.sqlite") as database:
        columns = "status, error, seconds, timings, image"
        database.execute(
            f"INSERT INTO fusions (key, {columns}, image_sha256, session)"
            f" SELECT 'b' || key, {columns}, 'of b', session + 1 FROM fusions"
        )
    assert fb.load_run(folder).frame().image.isna().all()
    for path in (folder / "images").rglob("*.png"):
        Image.fromarray(scene(9)[1]).save(path)
    run = fb.run(["average", "maximum"], dataset, out=folder, metrics=METRICS)
    assert run.computed == 6
    for row in run.frame().itertuples():
        assert row.image_sha256 == hashlib.sha256(Path(row.image).read_bytes()).hexdigest()


def test_samples_of_equal_pixels_in_other_files_become_one_result(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    for mine, other in zip(dataset.samples[0].sources, dataset.samples[1].sources, strict=True):
        Image.open(mine).save(other, compress_level=0)
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    as_format_1(tmp_path / "run", dataset)
    again = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    assert again.computed == 0
    assert again.frame().image.nunique() == 2


def test_files_of_more_bits_are_computed_again_after_format_1(tmp_path: Path) -> None:
    import numpy as np

    dataset = pairs_dataset(tmp_path, 1)
    deep = np.arange(64 * 72, dtype=np.uint16).reshape(64, 72) * 14
    Image.fromarray(deep).save(dataset.samples[0].sources[0])
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    as_format_1(tmp_path / "run", dataset)
    assert fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).computed == 1


def test_a_migration_that_fails_half_way_leaves_format_1(
    old_run: tuple[Path, FolderOfPairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.results import schema

    folder, dataset = old_run
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_LISTINGS_OF_1", "SELECT no_such_column FROM {schema}.cells")
        with pytest.raises(FusionBenchError):
            Journal(folder / "journal.sqlite")
    with sqlite3.connect(folder / "journal.sqlite") as database:
        assert schema.is_earlier(database)
    assert fb.run(["average", "maximum"], dataset, out=folder, metrics=METRICS).computed == 0


@pytest.mark.parametrize(("value", "words"), [("99", "journal format 99"), ("two", "is damaged")])
def test_a_journal_of_an_unknown_format_is_refused_and_left_alone(tmp_path: Path, value: str, words: str) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value=? WHERE key='schema'", (value,))
    before = path.read_bytes()
    for readonly in (True, False):
        with pytest.raises(FusionBenchError, match=words):
            Journal(path, readonly=readonly)
    assert path.read_bytes() == before


def test_the_engine_reads_facts_of_all_sessions(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    fb.run("maximum", dataset, out=tmp_path / "run", metrics=METRICS)
    with Journal(tmp_path / "run" / "journal.sqlite", readonly=True) as journal:
        assert list(engine.info_of(journal)["methods"]) == ["average", "maximum"]


def _recorded(key: str) -> FusionRecord:
    return FusionRecord(key=key, status="ok", seconds=1.0, scores={("EN", "", "1"): 2.0})


def test_a_journal_written_ahead_is_read_meanwhile_and_is_one_file_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        if reason := journal.write_ahead():
            pytest.skip(f"the temporary folder {reason}")
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)  # a commit waits for the disk
        journal.record(_recorded("a"), journal.begin_session("now", {}))
        assert (tmp_path / "journal.sqlite-wal").stat().st_size
        with Journal(path, readonly=True) as reader:
            assert reader.scored("a")
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with Journal(path, readonly=True) as reader:
            assert reader.scored("a")
    finally:
        tmp_path.chmod(0o755)


def test_commits_written_ahead_survive_the_death_of_their_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    code = """
import os, sys
from pathlib import Path
from fusionbench.results.journal import Journal
from fusionbench.results.records import FusionRecord
journal = Journal(Path(sys.argv[1]))
journal.write_ahead()
session = journal.begin_session("now", {})
for number in range(20):
    journal.record(FusionRecord(key=str(number), status="ok", seconds=1.0, scores={("EN", "", "1"): 2.0}), session)
journal._db.execute("BEGIN IMMEDIATE")
journal._db.execute("INSERT INTO scores VALUES ('half', 'EN', '', '1', 1.0, '')")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    with Journal(path, readonly=True) as journal:
        assert all(journal.scored(str(number)) for number in range(20))
        assert not journal.scored("half")
    with Journal(path) as journal:
        journal.write_ahead()
        journal.record(_recorded("later"), journal.begin_session("now", {}))
    with Journal(path, readonly=True) as journal:
        assert journal.scored("19")
        assert journal.scored("later")


def test_a_reader_that_stays_does_not_hold_up_the_end_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_LEAVE_MS", 1)
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.write_ahead()
        journal.record(_recorded("a"), journal.begin_session("now", {}))
        reader = Journal(path, readonly=True)
    with reader:
        assert reader.scored("a")
    with Journal(path, readonly=True) as again:
        assert again.scored("a")


def test_a_run_on_a_file_system_of_others_says_that_commits_take_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "is_local", lambda folder: False)
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert "file system" in journal.write_ahead()
        journal.record(_recorded("a"), journal.begin_session("now", {}))
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    notices: list[str] = []
    watcher = SilentWatcher()
    monkeypatch.setattr(watcher, "notice", notices.append)
    run = fb.run("average", pairs_dataset(tmp_path, 1), out=tmp_path / "run", metrics=METRICS, watcher=watcher)
    assert run.complete
    assert any("take longer to commit" in notice for notice in notices)


def test_which_file_systems_are_of_this_machine(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    (tmp_path / "a b" / "run").mkdir(parents=True)
    spaced = str(tmp_path / "a b").replace(" ", "\\040")
    mounts.write_text(
        f"22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n23 22 0:40 / {spaced} rw - nfs4 server:/home rw\nnonsense\n"
    )
    assert is_local(tmp_path, mounts)
    assert not is_local(tmp_path / "a b" / "run", mounts)
    with mounts.open("a") as file:
        file.write(f"24 23 0:41 / {spaced} rw - tmpfs none rw\n")
    assert is_local(tmp_path / "a b" / "run", mounts)
    assert not is_local(tmp_path, tmp_path / "absent")
