"""The store: one SQLite file in which every stage's result for every image is durable at once.

A result is found by its key, a digest of all it depends on: the image's content, the provider with its
version and options, and for paragraphs the prompt. Nothing that is in the store is computed or paid for again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.databases import DamagedError, complaints, tables, transaction, trouble
from fusionbench.printable import command_line
from fusionbench.salvage import Plan
from fusionbench.types import DataError, FusionBenchError
from fusionbench_film.text.contracts import Region

FILENAME = "text.sqlite"
LOCK = "text.lock"
"""Held in a VLF folder by whoever writes to it: two at once would pay twice for the same paragraphs."""
_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, image TEXT NOT NULL, provider TEXT NOT NULL,
    value TEXT, error TEXT NOT NULL DEFAULT '', retry INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0, tokens_in INTEGER NOT NULL DEFAULT 0, tokens_out INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS pictures (
    task TEXT NOT NULL, dataset TEXT NOT NULL, name TEXT NOT NULL, folder TEXT NOT NULL,
    sample TEXT NOT NULL, role TEXT NOT NULL, source TEXT NOT NULL, image TEXT NOT NULL,
    chain TEXT NOT NULL, stages TEXT NOT NULL,
    PRIMARY KEY (task, dataset, name, folder));
CREATE TABLE IF NOT EXISTS features (
    task TEXT NOT NULL, dataset TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,
    label TEXT NOT NULL, tokens INTEGER NOT NULL, width INTEGER NOT NULL,
    PRIMARY KEY (task, dataset, name));
"""
_OUTPUT_COLUMNS = (
    *("key", "stage", "image", "provider", "value", "error"),
    *("retry", "seconds", "tokens_in", "tokens_out", "attempts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A stored result: a value, or the error that stands in its place."""

    key: str
    stage: str
    image: str
    provider: str
    value: Any = None
    error: str = ""
    retry: bool = False
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    attempts: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """One source image of a data set and the keys of its stages' results (stage -> key)."""

    task: str
    dataset: str
    name: str
    folder: str
    sample: str
    role: str
    source: str
    image: str
    chain: str
    stages: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """What is known about one feature file."""

    task: str
    dataset: str
    name: str
    key: str
    label: str
    tokens: int
    width: int


_KINDS = {"paragraph": str, "caption": str, "prompt": dict, "dense": list, "masks": list}


def _output(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return ""
    value: Any = _loaded(row["value"] or "null")
    if not isinstance(value, _KINDS.get(row["stage"], object)):
        return "the value is not of the kind that the stage makes"
    try:
        for region in value if isinstance(value, list) and row["stage"] in ("dense", "masks") else ():
            Region.from_json(region)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return "a region has not the form of one"
    return ""


def _picture(row: Mapping[str, Any]) -> str:
    stages = _loaded(row["stages"])
    plain = isinstance(stages, dict) and all(isinstance(key, str) for key in stages.values())
    return "" if plain else "stages are no JSON object of texts"


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


STORE_PLAN = Plan(
    what="text store",
    tables=("pictures", "outputs", "features"),
    checks={"outputs": _output, "pictures": _picture},
)
"""What a text store holds."""


def digest(**parts: Any) -> str:
    """SHA-256 of plain data, the same in every process."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


class Store:
    """The store of one VLF folder. Use it in the thread that opened it.

    Raises:
        DataError: The store is one of a later format.
        DamagedError: It holds what cannot be read or what nobody wrote.
        FusionBenchError: It cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILENAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            begun = self.path.exists() and self.path.stat().st_size > 0
            self._db = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            if begun:
                self._refuse_damaged()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > _FORMAT:
                raise DataError(f"{self.path}: written by a later version of fusionbench (format {version}).")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_FORMAT}")
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be made: {error.strerror}.", hint="Give another --out folder."
            ) from error
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _refuse_damaged(self) -> None:
        model = sqlite3.connect(":memory:")
        try:
            model.executescript(_SCHEMA)
            expected = tables(model)
        finally:
            model.close()
        if self._db.execute("PRAGMA user_version").fetchone()[0] > _FORMAT:
            return  # That is said in its own words.
        # Values can be large: each is looked at when it is used.
        if found := complaints(self._db, expected, {}):
            raise self._damaged(found)

    def _damaged(self, found: Sequence[str]) -> DamagedError:
        listed = "".join(f"\n    {line}" for line in found)
        return DamagedError(
            f"the text store {self.path} is damaged, or was changed by hand:{listed}",
            hint=f"{self._repair} saves what can be read, and keeps the damaged file beside it.",
        )

    @property
    def _repair(self) -> str:
        return command_line("fusionbench", "text", "repair", self.path.parent)

    def _trouble(self, error: sqlite3.Error) -> FusionBenchError:
        return trouble(self.path, error, what=STORE_PLAN.what, repair=self._repair)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, outputs: Iterable[Output]) -> None:
        """Store results; durable when this returns. A later result of the same key replaces an earlier one."""
        rows = [
            [json.dumps(output.value) if column == "value" else getattr(output, column) for column in _OUTPUT_COLUMNS]
            for output in outputs
        ]
        marks = ",".join("?" * len(_OUTPUT_COLUMNS))
        if not rows:
            return
        with transaction(self._db, self._trouble):
            self._db.executemany(f"INSERT OR REPLACE INTO outputs ({','.join(_OUTPUT_COLUMNS)}) VALUES ({marks})", rows)

    def get(self, key: str) -> Output | None:
        """The result with this key, if there is one."""
        row = self._db.execute(f"SELECT {','.join(_OUTPUT_COLUMNS)} FROM outputs WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        fields = dict(zip(_OUTPUT_COLUMNS, row, strict=True))
        if reason := _output(fields):
            raise self._damaged([f"outputs: {reason} ({key})"])
        return Output(**{**fields, "value": json.loads(fields["value"] or "null"), "retry": bool(fields["retry"])})

    def put_picture(self, row: PictureRow) -> None:
        """Record which results belong to a source image."""
        with transaction(self._db, self._trouble):
            self._db.execute(
                "INSERT OR REPLACE INTO pictures VALUES (?,?,?,?,?,?,?,?,?,?)",
                (
                    row.task,
                    row.dataset,
                    row.name,
                    row.folder,
                    row.sample,
                    row.role,
                    row.source,
                    row.image,
                    row.chain,
                    json.dumps(row.stages),
                ),
            )

    def pictures(self) -> list[PictureRow]:
        """All source images that were described, in order of name."""
        names = ["task", "dataset", "name", "folder", "sample", "role", "source", "image", "chain", "stages"]
        rows = self._db.execute(f"SELECT {','.join(names)} FROM pictures ORDER BY task, dataset, name, folder")
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        if reasons := [f"pictures: {reason} ({row['name']})" for row in found if (reason := _picture(row))]:
            raise self._damaged(reasons[:5])
        return [PictureRow(**{**row, "stages": json.loads(row["stages"])}) for row in found]

    def put_feature(self, row: FeatureRow) -> None:
        """Record how a feature file was made."""
        with transaction(self._db, self._trouble):
            self._db.execute(
                "INSERT OR REPLACE INTO features VALUES (?,?,?,?,?,?,?)",
                (row.task, row.dataset, row.name, row.key, row.label, row.tokens, row.width),
            )

    def feature(self, task: str, dataset: str, name: str) -> FeatureRow | None:
        """How a feature file was made, if it was made here."""
        row = self._db.execute(
            "SELECT task, dataset, name, key, label, tokens, width FROM features "
            "WHERE task = ? AND dataset = ? AND name = ?",
            (task, dataset, name),
        ).fetchone()
        names = ["task", "dataset", "name", "key", "label", "tokens", "width"]
        return None if row is None else FeatureRow(**dict(zip(names, row, strict=True)))
