"""Results as a small file that others can read: for ever, and without the suite that made it.

The format is documented in docs/leaderboard.md. A file of an earlier format is read by the reader of its number; none
is ever taken away.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.files import read_regular_text
from fusionbench.types import DataError, Task

FORMAT = "fusionbench-results"
NUMBER = 1
MOST_BYTES = 256 * 2**20
"""A file larger than this is refused before it is read: a million scores take 20 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedMetric:
    """A metric: its key's profile, the version of its definition, and its direction."""

    version: str
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedDataset:
    """A data set as it was scored.

    Attributes:
        task: Its task.
        samples: Ids, in order.
        digests: Of each sample's images, in the same order; empty where one is not known.
        limited: Whether only its first samples were taken.
    """

    task: str
    samples: tuple[str, ...]
    digests: tuple[str, ...]
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedMethod:
    """A method as it was run.

    Attributes:
        name: As registered; the label in the run is the key in :attr:`Exported.methods`.
        title: As papers print it.
        version, options: What its results depend on.
        learned: Whether it has weights.
        year: Of its paper, if known.
        paper: Its paper, in words.
        training_data: Names of data sets it was trained on, by its author or the publisher of its weights.
    """

    name: str
    title: str
    version: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    learned: bool = False
    year: int | None = None
    paper: str = ""
    training_data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedResult:
    """A method on a data set.

    Attributes:
        method, dataset: Their keys.
        values: By metric key a value for each sample, None where there is none.
        images: SHA-256 of each fused picture, empty where none was kept.
        seconds: Mean wall time of fusing a sample; None if not known.
        weights: SHA-256 of its weights, of published ones as it is published; empty for none or where not known.
        trained_on: The samples that these weights were trained on; None where no list of their images is known.
    """

    method: str
    dataset: str
    values: Mapping[str, tuple[float | None, ...]]
    images: tuple[str, ...]
    seconds: float | None = None
    weights: str = ""
    trained_on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The results of a run."""

    fusionbench: str
    made: str = ""
    author: str = ""
    commit: str = ""
    device: str = ""
    colour: str = ""
    metrics: Mapping[str, ExportedMetric]
    datasets: Mapping[str, ExportedDataset]
    methods: Mapping[str, ExportedMethod]
    results: tuple[ExportedResult, ...]


def to_json(exported: Exported) -> str:
    """The text of a file of today's format. Infinities are written as texts, as JSON has none."""
    content = {"format": f"{FORMAT}/{NUMBER}", **asdict(exported)}
    for result in content["results"]:
        result["values"] = {key: [_plain(value) for value in values] for key, values in result["values"].items()}
    return json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False) + "\n"


def read_exported(path: Path) -> Exported:
    """Read a file of exported results.

    Raises:
        DataError: It cannot be read, is no such file, is of a format that is not known yet, or says what cannot be;
            the message names the place.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} has more than {MOST_BYTES // 2**20} MB: no exported results.")
        content = json.loads(read_regular_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as exported results: {error}.") from error
    place = _Place(path, content)
    kind, _, number = place.text("format").partition("/")
    if kind != FORMAT:
        raise DataError(f"{path} holds no exported results.", hint="`fusionbench export RUN -o FILE` writes them.")
    reader = _READERS.get(number)
    if reader is None:
        raise DataError(
            f"{path} is of format {number}, which this version does not know yet.", hint="pip install -U fusionbench"
        )
    return reader(place)


class _Place:
    """A JSON value and where it stands, so that what is wrong with it can be said."""

    def __init__(self, path: Path, value: Any, name: str = "") -> None:
        self.path, self.value, self.name = path, value, name

    def refuse(self, expected: str) -> DataError:
        return DataError(f"{self.path}: {self.name or 'the file'} is not {expected}.")

    def at(self, key: str) -> _Place:
        if not isinstance(self.value, dict):
            raise self.refuse("an object")
        return _Place(self.path, self.value.get(key), f"{self.name}.{key}" if self.name else key)

    def items(self) -> dict[str, _Place]:
        if not isinstance(self.value, dict):
            raise self.refuse("an object")
        return {key: self.at(key) for key in self.value}

    def list(self, length: int | None = None) -> list[_Place]:
        if not isinstance(self.value, list) or (length is not None and len(self.value) != length):
            raise self.refuse("a list" if length is None else f"a list of {length}, one for each sample")
        return [_Place(self.path, value, f"{self.name}[{place}]") for place, value in enumerate(self.value)]

    def text(self, key: str, default: str | None = None) -> str:
        return self.at(key).as_text(default)

    def as_text(self, default: str | None = None) -> str:
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            raise self.refuse("a text")
        return self.value

    def truth(self, key: str) -> bool:
        found = self.at(key)
        if found.value is not None and not isinstance(found.value, bool):
            raise found.refuse("true or false")
        return bool(found.value)

    def number(self) -> float | None:
        if self.value is None:
            return None
        if self.value in ("Infinity", "-Infinity"):
            return float(str(self.value))
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise self.refuse("a number")
        return float(self.value)


def _first(place: _Place) -> Exported:
    """Files of format 1."""
    datasets = {key: _dataset(found) for key, found in place.at("datasets").items().items()}
    metrics = {key: _metric(found) for key, found in place.at("metrics").items().items()}
    methods = {key: _method(found) for key, found in place.at("methods").items().items()}
    return Exported(
        fusionbench=place.text("fusionbench"),
        made=place.text("made", ""),
        author=place.text("author", ""),
        commit=place.text("commit", ""),
        device=place.text("device", ""),
        colour=place.text("colour", ""),
        metrics=metrics,
        datasets=datasets,
        methods=methods,
        results=tuple(_result(found, datasets, metrics, methods) for found in place.at("results").list()),
    )


def _metric(place: _Place) -> ExportedMetric:
    better = place.at("higher_is_better")
    if better.value is not None and not isinstance(better.value, bool):
        raise better.refuse("true, false or null")
    return ExportedMetric(version=place.text("version"), higher_is_better=better.value)


def _dataset(place: _Place) -> ExportedDataset:
    samples = [found.as_text() for found in place.at("samples").list()]
    if place.text("task") not in {str(task) for task in Task}:
        raise place.at("task").refuse(f"one of {', '.join(Task)}")
    if len(set(samples)) != len(samples):
        raise place.at("samples").refuse("a list in which each sample stands once")
    return ExportedDataset(
        task=place.text("task"),
        samples=tuple(samples),
        digests=tuple(found.as_text() for found in place.at("digests").list(len(samples))),
        limited=place.truth("limited"),
    )


def _method(place: _Place) -> ExportedMethod:
    year = place.at("year").number()
    options = place.at("options")
    return ExportedMethod(
        name=place.text("name"),
        title=place.text("title"),
        version=place.text("version", ""),
        options={k: v.as_text() for k, v in options.items().items()} if options.value is not None else {},
        learned=place.truth("learned"),
        year=None if year is None else int(year),
        paper=place.text("paper", ""),
        training_data=tuple(found.as_text() for found in place.at("training_data").list()),
    )


def _result(
    place: _Place,
    datasets: Mapping[str, ExportedDataset],
    metrics: Mapping[str, ExportedMetric],
    methods: Mapping[str, ExportedMethod],
) -> ExportedResult:
    for name, known in (("method", methods), ("dataset", datasets)):
        if place.text(name) not in known:
            raise place.at(name).refuse(f"one of the file's: {', '.join(known)}")
    values = place.at("values").items()
    for key, found in values.items():
        if key not in metrics:
            raise found.refuse(f"of one of the file's metrics: {', '.join(metrics)}")
    count = len(datasets[place.text("dataset")].samples)
    trained_on = place.at("trained_on")
    return ExportedResult(
        method=place.text("method"),
        dataset=place.text("dataset"),
        values={key: tuple(item.number() for item in found.list(count)) for key, found in values.items()},
        images=tuple(found.as_text() for found in place.at("images").list(count)),
        seconds=place.at("seconds").number(),
        weights=place.text("weights", ""),
        trained_on=None if trained_on.value is None else tuple(found.as_text() for found in trained_on.list()),
    )


_READERS: Mapping[str, Callable[[_Place], Exported]] = {"1": _first}


def _plain(value: float | None) -> float | str | None:
    """A value as JSON has it, with all its digits."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def means(values: Sequence[float | None]) -> tuple[float | None, int]:
    """Mean over the finite values, and their number."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return (math.fsum(finite) / len(finite) if finite else None), len(finite)
