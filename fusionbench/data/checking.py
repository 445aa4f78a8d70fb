"""Looking at every file of a data set, so that all that is wrong is known before a long computation."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from fusionbench.data.features import read_features
from fusionbench.data.looking import Picture, look
from fusionbench.images.names import shown
from fusionbench.images.sizes import REMEDY, differing
from fusionbench.printable import some_of
from fusionbench.types import Dataset, FusionBenchError, Problem, Sample, Task

_CHUNK = 64
_STUDIO_BLACK, _STUDIO_WHITE, _STUDIO_SLACK = 16, 235, 12
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SideSummary:
    """What the images of one source are like: how many there are of each kind."""

    name: str
    sizes: Mapping[str, int]
    channels: Mapping[str, int]
    formats: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about a data set after looking at its files.

    Attributes:
        name, task: Of the data set.
        root: Its folder, printable; empty if it has none.
        samples: Samples that were listed.
        usable: Ids of samples without a fatal problem.
        sides: A summary for each source, in canonical order.
        problems: All that was found, fatal ones first.
    """

    name: str
    task: Task
    root: str
    samples: int
    usable: tuple[str, ...]
    sides: tuple[SideSummary, ...]
    problems: tuple[Problem, ...]

    @property
    def fatal(self) -> tuple[Problem, ...]:
        """Problems that keep samples from being used."""
        return tuple(problem for problem in self.problems if problem.fatal)

    @property
    def notices(self) -> tuple[Problem, ...]:
        """Problems that a user should know, no more."""
        return tuple(problem for problem in self.problems if not problem.fatal)

    def as_dict(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        return {
            "name": self.name,
            "task": str(self.task),
            "root": self.root,
            "samples": self.samples,
            "usable": list(self.usable),
            "sides": [
                {
                    "name": side.name,
                    "sizes": dict(side.sizes),
                    "channels": dict(side.channels),
                    "formats": dict(side.formats),
                }
                for side in self.sides
            ],
            "problems": [
                {
                    "kind": problem.kind,
                    "fatal": problem.fatal,
                    "message": problem.message,
                    "paths": list(problem.paths),
                    "sample": problem.sample,
                }
                for problem in self.problems
            ],
        }


@dataclass(slots=True)
class _Findings:
    """What accumulates over samples: counts and digests, no pixels."""

    sizes: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kinds: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    formats: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    gray: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    vivid: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    lows: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    highs: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[int, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))


def check_dataset(
    dataset: Dataset,
    workers: int | None = None,
    *,
    name: str = "",
    decode: bool = True,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """Look at every image of a data set and report all problems at once.

    Unreadable images, sizes that differ within a sample, bad text features and wrong labels are fatal for their
    sample. Things that are merely odd are notices: sources that hold the same bytes, contents that
    repeat, constant images, sources that look swapped, infrared in colours, studio-range luma, and
    whatever was left out or converted on reading.

    Args:
        dataset: An open data set.
        workers: Threads; the number of processors, at most eight, if None. Each holds one image.
        name: What the report calls it; its own name if empty.
        decode: Whether to decode pixels; headers alone find missing files, wrong sizes and bombs in
            milliseconds, but neither damaged pixels nor oddities.
        progress: Called with the number of samples just finished.
    """
    root = getattr(dataset, "root", None)
    problems = list(dataset.problems)
    spoilt = {problem.sample for problem in problems if problem.fatal}
    findings = _Findings()
    usable = []
    threads = workers or min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        for sample, pictures, complaints in _inspected(dataset.samples, pool, root, decode):
            found = list(_of_sample(sample, pictures, complaints))
            problems += found
            if sample.id not in spoilt and not any(problem.fatal for problem in found):
                usable.append(sample.id)
            _accumulate(findings, sample, pictures)
            progress(1)
    problems += _of_all(dataset, findings)
    problems.sort(key=lambda problem: not problem.fatal)
    return Report(
        name=name or dataset.name,
        task=dataset.task,
        root=shown(root) if root is not None else "",
        samples=len(dataset.samples),
        usable=tuple(usable),
        sides=tuple(
            SideSummary(_side(dataset.task, side), findings.sizes[side], findings.kinds[side], findings.formats[side])
            for side in sorted(findings.sizes)
        ),
        problems=tuple(problems),
    )


# --- looking


def _inspected(
    samples: Iterable[Sample], pool: ThreadPoolExecutor, root: Path | None, decode: bool
) -> Iterator[tuple[Sample, list[Picture], list[tuple[str, str]]]]:
    """Look at samples in threads, in order, a bounded number at a time."""
    waiting = iter(samples)
    while chunk := list(islice(waiting, _CHUNK)):
        yield from pool.map(lambda sample: _inspect(sample, root, decode), chunk)


def _inspect(sample: Sample, root: Path | None, decode: bool) -> tuple[Sample, list[Picture], list[tuple[str, str]]]:
    images = [*sample.sources, *([sample.reference] if sample.reference is not None else [])]
    pictures = [look(image, root, decode) for image in images]
    complaints = [("label", message) for message in _wrong_labels(sample, pictures)] if decode else []
    if decode and (features := sample.features()) is not None:
        try:
            read_features(features)
        except FusionBenchError as error:
            complaints.append(("text", str(error)))
    return sample, pictures, complaints


def _wrong_labels(sample: Sample, pictures: list[Picture]) -> Iterator[str]:
    info = pictures[0].info
    if sample.labels is None or info is None:
        return
    for labels in (sample.labels.boxes, sample.labels.mask):
        if labels is not None:
            try:
                labels.read((info.width, info.height))
            except FusionBenchError as error:
                yield str(error)


# --- one sample


def _of_sample(sample: Sample, pictures: list[Picture], complaints: list[tuple[str, str]]) -> Iterator[Problem]:
    names = tuple(picture.name for picture in pictures)

    def problem(kind: str, message: str, paths: tuple[str, ...] = names, *, fatal: bool = False) -> Problem:
        return Problem(kind=kind, message=message, paths=paths, fatal=fatal, sample=sample.id)

    for picture in pictures:
        if picture.error:
            yield problem("unreadable", picture.error, (picture.name,), fatal=True)
        for note in picture.notes:
            yield problem("note", f"{picture.name}: {note}.", (picture.name,))
    for kind, complaint in complaints:
        yield problem(kind, complaint, (), fatal=True)
    if any(picture.error for picture in pictures):
        return
    sizes = [(picture.name, (info.height, info.width)) for picture in pictures if (info := picture.info) is not None]
    if listed := differing(sizes):
        yield problem("size", f"sizes differ: {listed}. {REMEDY}", fatal=True)
    sources = pictures[: len(sample.sources)]
    digests = [picture.sha256 for picture in sources if picture.sha256]
    if len(set(digests)) < len(digests):
        yield problem("identical", f"{' and '.join(picture.name for picture in sources)}: the same bytes twice.")
    for picture in sources:
        if picture.sha256 and picture.low == picture.high:
            message = f"{picture.name}: every pixel is {picture.low:g}, some metrics are undefined."
            yield problem("constant", message, (picture.name,))
    over, under = sources[:2]
    if sample.task is Task.MEF and over.mean < under.mean:
        message = f"{over.name} should be the over-exposed image but is darker than {under.name}; sides swapped?"
        yield problem("order", message)


# --- all samples


def _accumulate(findings: _Findings, sample: Sample, pictures: list[Picture]) -> None:
    for side, picture in enumerate(pictures[: len(sample.sources)]):
        if picture.info is None:
            findings.kinds[side]["unreadable"] += 1
            continue
        findings.sizes[side][picture.size] += 1
        findings.kinds[side][picture.kind] += 1
        findings.formats[side][picture.info.format] += 1
        if picture.sha256:
            findings.gray[side].append(picture.gray)
            if picture.vivid:
                findings.vivid[side].append(picture.name)
            findings.lows[side].append(picture.low)
            findings.highs[side].append(picture.high)
            findings.owners[side][picture.sha256].append(sample.id)


def _of_all(dataset: Dataset, findings: _Findings) -> Iterator[Problem]:
    def notice(kind: str, message: str) -> Problem:
        return Problem(kind=kind, message=message, fatal=False)

    for side in sorted(findings.owners):
        name = _side(dataset.task, side)
        repeats = [owners for owners in findings.owners[side].values() if len(owners) > 1]
        if repeats:
            several = sum(len(owners) - 1 for owners in repeats)
            some = some_of((some_of(owners, _SHOWN, separator=" = ") for owners in repeats), _SHOWN, separator="; ")
            message = f"{several} {name} images repeat others byte by byte, so means are not over independent cases: "
            yield notice("repeated", message + some)
        if len(findings.lows[side]) > 1 and all(findings.gray[side]) and _studio(findings, side):
            low, high = min(findings.lows[side]), max(findings.highs[side])
            yield notice(
                "range",
                f"all {name} images are gray within {low:g} to {high:g}: studio-range luma (16 to 235)? "
                "Contrast metrics come out lower than on full-range images.",
            )
    first, second = findings.gray.get(0, []), findings.gray.get(1, [])
    if dataset.task in (Task.IVF, Task.MIF) and first and second and not any(first) and all(second):
        one, two = dataset.task.source_names
        yield notice("order", f"all {one} images are coloured and all {two} images gray: sides swapped?")
    elif dataset.task is Task.IVF and findings.vivid[0]:
        some = some_of(findings.vivid[0], _SHOWN)
        yield notice(
            "colour",
            f"{len(findings.vivid[0])} infrared images are coloured: {some}. Methods see the luma of these colours; "
            "where they are pseudo-colours it is no intensity.",
        )


def _studio(findings: _Findings, side: int) -> bool:
    low, high = min(findings.lows[side]), max(findings.highs[side])
    black = _STUDIO_BLACK <= low <= _STUDIO_BLACK + _STUDIO_SLACK
    return black and _STUDIO_WHITE - _STUDIO_SLACK <= high <= _STUDIO_WHITE


def _side(task: Task, index: int) -> str:
    return task.source_names[index] if index < 2 else f"source {index + 1}"
