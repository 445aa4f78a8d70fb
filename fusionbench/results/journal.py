"""The journal: one SQLite file that holds everything a run has found out, sample by sample.

Two kinds of facts are kept apart. A *fusion* is one fused image, identified by everything that
determines it; its *scores* are identified by that and by the metric's definition. A *cell* says
which fusion currently stands for a (method, data set, sample) of the run: changing an option makes
new fusions and moves the cells, so the tables never mix the two. A *listing* says which samples a data
set had when a run looked at it last: cells of others are not shown. A *picture* is a file and the fusion
that it shows: only with that does it belong to a row.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from fusionbench.results import schema
from fusionbench.results.damage import explained
from fusionbench.results.folder import IMAGES, is_image_path
from fusionbench.results.journal_file import JournalFile
from fusionbench.results.records import Cell, FileRecord, FusionRecord, MetricKey, PictureRecord, Row
from fusionbench.types import FusionBenchError

# Scores that are read at once.
_PORTION = 500


class Journal(JournalFile):
    """A run's journal: what is recorded in its file, and what is asked of it."""

    # Sessions -------------------------------------------------------------------------------------

    def begin_session(self, started: str, provenance: Mapping[str, Any]) -> int:
        """Record that a run starts; returns the session's number."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO sessions (started, provenance) VALUES (?, ?)", (started, json.dumps(provenance))
            )
        return int(cursor.lastrowid or 0)

    def end_session(self, session: int, finished: str, outcome: str, provenance: Mapping[str, Any]) -> None:
        """Record how a run ended."""
        with self._transaction():
            self._db.execute(
                "UPDATE sessions SET finished=?, outcome=?, provenance=? WHERE id=?",
                (finished, outcome, json.dumps(provenance), session),
            )

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, oldest first."""
        rows = self._db.execute("SELECT id, started, finished, outcome, provenance FROM sessions ORDER BY id")
        return [
            {"id": i, "started": started, "finished": finished, "outcome": outcome, **json.loads(provenance)}
            for i, started, finished, outcome, provenance in rows
        ]

    # Files ----------------------------------------------------------------------------------------

    def file(self, path: str) -> FileRecord | None:
        """What was found in a file when it was read last."""
        row = self._db.execute(
            "SELECT stamp, reader, sha256, pixels, height, width, bits, notes FROM files WHERE path=?", (path,)
        ).fetchone()
        if row is None:
            return None
        names = ("stamp", "reader", "sha256", "pixels", "height", "width", "bits", "notes")
        return FileRecord(path=path, **dict(zip(names, row, strict=True)))

    def add_files(self, records: Iterable[FileRecord]) -> None:
        """Remember files, replacing what was known of the same paths."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((r.path, r.stamp, r.reader, r.sha256, r.pixels, r.height, r.width, r.bits, r.notes) for r in records),
            )

    # Cells, fusions, scores -----------------------------------------------------------------------

    def set_cells(self, cells: Sequence[Cell], listings: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Say which fusion stands for each (method, data set, sample), and which samples each data set has.

        Args:
            cells: Take the place of earlier ones about the same.
            listings: Data set -> its samples with the digests of their images (empty: not known), all of them in
                order. Results of other samples stay but are not shown, until a listing has them again.
        """
        with self._transaction():
            rows = (
                (c.method, c.dataset, c.sample, c.task, c.fusion, json.dumps(c.metrics), c.marks, c.content, c.image)
                for c in cells
            )
            self._db.executemany("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            for dataset, samples in listings.items():
                self._db.execute("DELETE FROM listings WHERE dataset=?", (dataset,))
                self._db.executemany(
                    "INSERT INTO listings VALUES (?, ?, ?, ?)",
                    ((dataset, sample, position, content) for position, (sample, content) in enumerate(samples)),
                )

    def listed(self) -> dict[str, int]:
        """Number of samples of each data set."""
        return dict(self._db.execute("SELECT dataset, count(*) FROM listings GROUP BY dataset"))

    def contents(self) -> dict[str, dict[str, str]]:
        """By data set, the samples that the last run listed, in order, with the digest of each one's images."""
        found: dict[str, dict[str, str]] = {}
        rows = self._db.execute("SELECT dataset, sample, content FROM listings ORDER BY dataset, position, sample")
        for dataset, sample, content in rows:
            found.setdefault(dataset, {})[sample] = content
        return found

    def data_digests(self) -> dict[str, str]:
        """By data set, a digest of the contents of its samples in their order, where all are known."""
        known = {name: list(found.values()) for name, found in self.contents().items()}
        return {name: digest_of(digests) for name, digests in known.items() if all(digests)}

    def left_out(self) -> dict[str, int]:
        """By data set, how many samples have results that are not shown, since the last listing does not have them."""
        return dict(
            self._db.execute(
                "SELECT c.dataset, count(DISTINCT c.sample) FROM cells c LEFT JOIN listings l"
                " ON l.dataset = c.dataset AND l.sample = c.sample WHERE l.sample IS NULL GROUP BY c.dataset"
            )
        )

    def rename(self, keys: Mapping[str, str]) -> None:
        """Give fusions that are known by another key the one of today, with their scores and pictures."""
        known: dict[str, str] = {}
        taken: set[str] = set()
        for former, key in keys.items():
            # Two of them may have become one, where other bytes mean the same pixels.
            if former != key and key not in taken and self._has(former) and not self._has(key):
                known[former] = key
                taken.add(key)
        if not known:
            return
        with self._transaction():
            self._db.execute("CREATE TEMP TABLE renamed (former TEXT PRIMARY KEY, key TEXT NOT NULL)")
            self._db.executemany("INSERT INTO renamed VALUES (?, ?)", known.items())
            columns = {"fusions": "key", "scores": "fusion", "pictures": "fusion", "cells": "fusion"}
            for table, column in columns.items():
                self._db.execute(
                    f"UPDATE {table} SET {column} = (SELECT key FROM renamed WHERE former = {table}.{column})"
                    f" WHERE {column} IN (SELECT former FROM renamed)"
                )
            self._db.execute("DROP TABLE renamed")

    def _has(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM fusions WHERE key=?", (key,)).fetchone() is not None

    def finished(self, key: str) -> bool:
        """Whether a fusion succeeded."""
        return self._db.execute("SELECT 1 FROM fusions WHERE key=? AND status='ok'", (key,)).fetchone() is not None

    def image_digest(self, key: str) -> str | None:
        """SHA-256 of the picture that the scores of a fusion are of; None where none was kept."""
        row = self._db.execute("SELECT image_sha256 FROM fusions WHERE key=? AND status='ok'", (key,)).fetchone()
        return None if row is None else row[0]

    def scored(self, key: str) -> set[MetricKey]:
        """The (name, profile, version) of all scores that a fusion has without error."""
        rows = self._db.execute("SELECT metric, profile, version FROM scores WHERE fusion=? AND error=''", (key,))
        return {(metric, profile, version) for metric, profile, version in rows}

    def record(self, outcome: FusionRecord, session: int) -> None:
        """Make one sample's outcome durable, in one transaction."""
        with self._transaction():
            # Scores added to an image that exists bring no timing: what is known of its fusing stays.
            if outcome.seconds is not None or outcome.status != "ok":
                self._replace(outcome, session)
            rows = [(outcome.key, *metric, _storable(value), "") for metric, value in outcome.scores.items()]
            rows += [(outcome.key, *metric, None, error) for metric, error in outcome.score_errors.items()]
            self._db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _replace(self, outcome: FusionRecord, session: int) -> None:
        before = self._db.execute("SELECT image_sha256 FROM fusions WHERE key=?", (outcome.key,)).fetchone()
        if before is not None and (outcome.image_sha256 is None or before[0] != outcome.image_sha256):
            # Another picture: no score of the one may stand beside those of the other.
            self._db.execute("DELETE FROM scores WHERE fusion=?", (outcome.key,))
        self._db.execute(
            "INSERT OR REPLACE INTO fusions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                outcome.key,
                outcome.status,
                outcome.error,
                outcome.seconds,
                json.dumps(dict(outcome.timings)),
                outcome.image_sha256,
                outcome.notes,
                session,
            ),
        )
        self._insert_pictures(outcome.pictures)

    def rows(self) -> Iterator[Row]:
        """What stands for each method and each sample that its data set's last listing has, in the listing's order.

        Raises:
            FusionBenchError: The journal names a picture outside of the run's images.
        """
        found = self._db.execute(
            "SELECT c.method, c.dataset, c.task, c.sample, c.metrics, c.marks, c.fusion, f.status, f.error, f.seconds,"
            " f.notes, p.path, p.sha256, c.content <> l.content AND c.content <> '' AND l.content <> ''"
            " FROM listings l JOIN cells c ON c.dataset = l.dataset AND c.sample = l.sample"
            " LEFT JOIN fusions f ON f.key = c.fusion"
            " LEFT JOIN pictures p ON p.path = c.image AND p.fusion = c.fusion AND p.sha256 = f.image_sha256"
            " AND f.status = 'ok' ORDER BY c.method, c.dataset, l.position, c.sample"
        )
        expected: dict[str, tuple[MetricKey, ...]] = {}  # few texts for many cells
        for method, dataset, task, sample, metrics, marks, fusion, status, error, seconds, *rest in found:
            notes, image, digest, outdated = rest
            if metrics not in expected:
                expected[metrics] = tuple(tuple(metric) for metric in json.loads(metrics))
            yield Row(
                method=method,
                dataset=dataset,
                task=task,
                sample=sample,
                metrics=expected[metrics],
                marks=marks,
                fusion=fusion,
                status=status,
                error=error,
                seconds=seconds,
                notes=notes or "",
                image=None if image is None else self._inside(image),
                image_sha256=digest,
                outdated=bool(outdated),
            )

    def timings(self) -> dict[str, dict[str, float]]:
        """Seconds of each phase of making a fusion, by its key."""
        return {key: json.loads(text) for key, text in self._db.execute("SELECT key, timings FROM fusions")}

    def scores(
        self, fusions: Iterable[str], metrics: Iterable[MetricKey]
    ) -> Iterator[Sequence[tuple[int, float | None, str]]]:
        """The scores of some fusions.

        Args:
            fusions: Their keys, each once.
            metrics: The metrics that are asked for, each once.

        Yields:
            In portions, (place, value, error) of each score that there is, the place being fusion number x number of
            metrics + metric number; a value that is not defined is None.
        """
        count = self._ask(fusions, metrics)
        cursor = self._db.execute(
            "SELECT f.number * ? + m.number, s.value, s.error FROM asked_fusions f CROSS JOIN scores s"
            " ON s.fusion = f.key JOIN asked_metrics m ON m.metric = s.metric AND m.profile = s.profile"
            " AND m.version = s.version",
            (count,),
        )
        while portion := cursor.fetchmany(_PORTION):
            yield portion

    def _ask(self, fusions: Iterable[str], metrics: Iterable[MetricKey]) -> int:
        """Number what is asked for, in tables of this connection alone, so that SQLite does the looking up."""
        listed = list(metrics)
        self._db.executescript(
            "DROP TABLE IF EXISTS temp.asked_fusions; DROP TABLE IF EXISTS temp.asked_metrics;"
            "CREATE TEMP TABLE asked_fusions (number INTEGER PRIMARY KEY, key TEXT NOT NULL);"
            "CREATE TEMP TABLE asked_metrics (metric TEXT, profile TEXT, version TEXT, number INTEGER,"
            " PRIMARY KEY (metric, profile, version)) WITHOUT ROWID;"
        )
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO temp.asked_fusions VALUES (?, ?)", enumerate(fusions))
        rows = ((*metric, number) for number, metric in enumerate(listed))
        self._db.executemany("INSERT INTO temp.asked_metrics VALUES (?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")
        return len(listed)

    def absorb(self, path: Path) -> None:
        """Take over the sessions, cells, fusions and scores of another journal, in one transaction; what is here stays.

        A fusion that succeeded takes the place of one that failed. No score of one picture comes to stand beside those
        of another. Pictures and listings are not taken over.

        Raises:
            FusionBenchError: The other journal is damaged, or of an earlier or later format.
        """
        with Journal(path, readonly=True) as other:
            if schema.is_earlier(other._db):
                raise FusionBenchError(
                    f"{path} has an earlier format.", hint="The command that made the run brings it up to date."
                )
        better = (
            "SELECT p.key FROM part.fusions p LEFT JOIN main.fusions f ON f.key = p.key"
            " WHERE f.key IS NULL OR (f.status <> 'ok' AND p.status = 'ok')"
        )
        self._db.execute("ATTACH ? AS part", (str(path),))
        try:
            with self._transaction():
                offset = self._db.execute("SELECT coalesce(max(id), 0) FROM main.sessions").fetchone()[0]
                self._db.execute(
                    "INSERT INTO main.sessions SELECT id + ?, started, finished, outcome, provenance"
                    " FROM part.sessions",
                    (offset,),
                )
                self._db.execute("INSERT OR IGNORE INTO main.cells SELECT * FROM part.cells")
                self._db.execute(f"CREATE TEMP TABLE taken AS {better}")
                self._db.execute("DELETE FROM main.scores WHERE fusion IN (SELECT key FROM taken)")
                self._db.execute(
                    "INSERT OR REPLACE INTO main.fusions SELECT key, status, error, seconds, timings, image_sha256,"
                    " notes, session + ? FROM part.fusions WHERE key IN (SELECT key FROM taken)",
                    (offset,),
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO main.scores SELECT s.* FROM part.scores s JOIN part.fusions p"
                    " ON p.key = s.fusion JOIN main.fusions f ON f.key = p.key"
                    " WHERE f.status = p.status AND f.image_sha256 IS p.image_sha256"
                )
                self._db.execute("DROP TABLE taken")
        except sqlite3.DatabaseError as error:
            raise explained(path, error) from error
        finally:
            self._db.execute("DETACH part")

    def cells(self) -> dict[tuple[str, str, str], str]:
        """Which fusion stands for each (method, data set, sample), also for those that are not listed any more."""
        rows = self._db.execute("SELECT method, dataset, sample, fusion FROM cells")
        return {(method, dataset, sample): fusion for method, dataset, sample, fusion in rows}

    def listings(self) -> dict[str, list[tuple[str, str]]]:
        """By data set, its samples with the digests of their images, in order."""
        result: dict[str, list[tuple[str, str]]] = {}
        for dataset, sample, content in self._db.execute(
            "SELECT dataset, sample, content FROM listings ORDER BY dataset, position"
        ):
            result.setdefault(dataset, []).append((sample, content))
        return result

    # Pictures -------------------------------------------------------------------------------------

    def pictures(self) -> list[PictureRecord]:
        """The files of fused images that were written and, as far as is known, are still there.

        Raises:
            FusionBenchError: The journal names a picture outside of the run's images.
        """
        rows = self._db.execute("SELECT path, fusion, sha256, stamp FROM pictures")
        return [PictureRecord(path=self._inside(p), fusion=f, sha256=d, stamp=s) for p, f, d, s in rows]

    def set_pictures(self, records: Iterable[PictureRecord], gone: Iterable[str] = ()) -> None:
        """Say which fusion each file shows, and which files are ``gone``."""
        with self._transaction():
            self._db.executemany("DELETE FROM pictures WHERE path=?", ((path,) for path in gone))
            self._insert_pictures(records)

    def _insert_pictures(self, records: Iterable[PictureRecord]) -> None:
        rows = ((r.path, r.fusion, r.sha256, r.stamp) for r in records)
        self._db.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)", rows)

    def _inside(self, path: str) -> str:
        if not is_image_path(str(path)):
            raise FusionBenchError(
                f"{self.path} names a picture outside of {IMAGES}/: {path!r}.",
                hint="No fusionbench wrote that: the journal was altered. Do not trust what else it says.",
            )
        return path


def digest_of(contents: Sequence[str]) -> str:
    """A digest of samples by the digests of their images, in their order."""
    return sha256("\n".join(contents).encode()).hexdigest()[:16]


def _storable(value: float) -> float | None:
    """SQLite has no NaN: it is stored as NULL. Infinities are kept."""
    return None if math.isnan(value) else float(value)
