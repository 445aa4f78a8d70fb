"""Named lists of samples that come with a data set, and what a folder holds of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from fusionbench.data.dataset import FileDataset
from fusionbench.data.names import loose, usable_id
from fusionbench.images import content_sha256
from fusionbench.printable import some_of
from fusionbench.types import DataError, Dataset, DatasetSpec, Problem, Sample, UnknownNameError, UsageError

_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class SplitEntry:
    """One sample of a list: its id, and the SHA-256 of its sources' files in canonical order, empty where unknown."""

    id: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitList:
    """A named list of samples.

    Attributes:
        name: What follows ``@``: ``tno-25``.
        source: Whose list it is.
        entries: Its samples.
    """

    name: str
    source: str
    entries: tuple[SplitEntry, ...]

    @property
    def has_digests(self) -> bool:
        """Whether the bytes of all its images are known."""
        return all(entry.sha256 for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        samples = [{"id": entry.id, "sha256": list(entry.sha256)} for entry in self.entries]
        return {"name": self.name, "source": self.source, "samples": samples}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a folder holds of a list.

    Attributes:
        split: The list.
        same: Ids of entries that are there with the same bytes, or whose bytes the list does not know.
        renamed: Entry -> sample that holds the same bytes under another name.
        missing: Entries that are not there.
        other: Entries whose sample is there with other bytes.
        extra: Samples that are not in the list.
    """

    split: SplitList
    same: tuple[str, ...]
    renamed: dict[str, str]
    missing: tuple[str, ...]
    other: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every entry is there, with the bytes that are known."""
        return not self.missing and not self.other

    def as_dict(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        return {
            "split": self.split.name,
            "source": self.split.source,
            "same": list(self.same),
            "renamed": dict(self.renamed),
            "missing": list(self.missing),
            "other": list(self.other),
            "extra": list(self.extra),
        }


def split_list(spec: DatasetSpec, name: str | None) -> SplitList:
    """The list of a data set that has a name.

    Args:
        spec: The data set.
        name: Of the list; None for the only one.

    Raises:
        UsageError: None is named, and the data set has none or several.
        UnknownNameError: There is none of that name.
        DataError: Its file is damaged.
    """
    if not spec.lists:
        raise UsageError(
            f"no list comes with data set {spec.name}.", hint="`fusionbench data splits` has those there are."
        )
    known = ", ".join(spec.lists)
    if name is None and len(spec.lists) > 1:
        raise UsageError(f"data set {spec.name} has several lists.", hint=f"Say which: {spec.name}@LIST with {known}.")
    name = next(iter(spec.lists)) if name is None else name
    if name not in spec.lists:
        raise UnknownNameError(f"data set {spec.name} has no list {name!r}.", hint=f"Lists: {known}.")
    return packaged_list(name, spec.lists[name])


@cache
def packaged_list(name: str, place: str) -> SplitList:
    """The list in a file of a package.

    Args:
        name: What messages call it.
        place: ``package:path/in/it.csv``.

    Raises:
        DataError: The file is absent or damaged.
    """
    package, _, path = place.partition(":")
    try:
        text = resources.files(package).joinpath(path).read_text(encoding="utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        raise DataError(f"list {name} ({place}) cannot be read: {error}.") from error
    return parse_split(name, text)


def parse_split(name: str, text: str) -> SplitList:
    """Read a list: a first line ``# whose list it is``, then CSV: ``id`` and for each source ``sha256_...``.

    Raises:
        DataError: A line is not understood, or an id is there twice.
    """
    first, _, body = text.partition("\n")
    if not first.startswith("#"):
        raise DataError(f"list {name}: the first line must be '# SOURCE'.")
    entries: dict[str, SplitEntry] = {}
    table = csv.DictReader(body.splitlines())
    try:
        rows = list(table)
    except csv.Error as error:
        raise DataError(f"list {name}, line {table.reader.line_num + 1}: this is no CSV: {error}.") from error
    for number, row in enumerate(rows, start=3):
        digests = tuple(value or "" for column, value in row.items() if column and column.startswith("sha256"))
        sample = row.get("id") or ""
        known = any(digests)
        if not usable_id(sample) or (known and not all(len(d) == 64 and set(d) <= _HEXADECIMAL for d in digests)):
            raise DataError(f"list {name}, line {number}: expected id,sha256_a,sha256_b with 64 hexadecimal digits.")
        if sample in entries:
            raise DataError(f"list {name}, line {number}: {sample!r} is there twice.")
        entries[sample] = SplitEntry(sample, digests if known else ())
    if not entries:
        raise DataError(f"list {name}: it names no sample.")
    return SplitList(name, first.removeprefix("#").strip(), tuple(entries.values()))


def restricted_to(dataset: Dataset, split: SplitList) -> FileDataset:
    """What a list names of a data set that was opened as a whole, in the order of the list.

    An image is known by its bytes where the list knows them, since numbers differ between copies; where no image has
    these bytes, and where the list knows none, by its name. A sample that is taken by its name though its bytes
    differ gets a notice; one that is not there, a problem.

    Args:
        dataset: All samples of the folder.
        split: The list.

    Raises:
        DataError: Nothing of it is there.
    """
    found = _found(dataset.samples, split)
    problems = []
    absent = [entry.id for entry, sample, _ in found if sample is None]
    if absent:
        message = (
            f"{len(absent)} of {len(split.entries)} samples of the list {split.name} are not there: {some_of(absent)}."
        )
        problems.append(Problem(kind="list", message=message))
    other = [sample.id for _, sample, same in found if sample is not None and not same]
    if other:
        message = f"list {split.name}: {len(other)} samples have other bytes than the list's: {some_of(other)}."
        problems.append(Problem(kind="list", message=message, fatal=False))
    samples = tuple(sample for _, sample, _ in found if sample is not None)
    if not samples:
        raise DataError(f"data set {dataset.name}: no sample of the list {split.name} is there.", hint=split.source)
    ids = {sample.id for sample in samples}
    kept = [problem for problem in dataset.problems if problem.sample in ids]
    root = getattr(dataset, "root", None)
    return FileDataset(
        name=dataset.name,
        task=dataset.task,
        samples=samples,
        problems=(*kept, *problems),
        root=root,
        split=split.name,
    )


def compare(dataset: Dataset, split: SplitList) -> Comparison:
    """Compare a folder with a list: what is missing, other, extra.

    Args:
        dataset: All samples of the folder.
        split: The list.

    Raises:
        DataError: An image cannot be read.
    """
    found = _found(dataset.samples, split)
    used = {sample.id for _, sample, _ in found if sample is not None}
    there = [(entry.id, sample.id, same) for entry, sample, same in found if sample is not None]
    return Comparison(
        split,
        same=tuple(entry for entry, _, same in there if same),
        renamed={entry: sample for entry, sample, same in there if same and loose(entry) != loose(sample)},
        missing=tuple(entry.id for entry, sample, _ in found if sample is None),
        other=tuple(entry for entry, _, same in there if not same),
        extra=tuple(sample.id for sample in dataset.samples if sample.id not in used),
    )


def _found(samples: Sequence[Sample], split: SplitList) -> list[tuple[SplitEntry, Sample | None, bool]]:
    """For each entry its sample, and whether nothing says that the bytes are other."""
    by_name = {loose(sample.id): sample for sample in samples}
    digests = _Digests()
    by_bytes: dict[tuple[str, ...], Sample] = {}
    if split.has_digests:
        by_bytes = {digests.of(sample): sample for sample in samples}
    found: list[tuple[SplitEntry, Sample | None, bool]] = []
    for entry in split.entries:
        named = by_name.get(loose(entry.id))
        if not entry.sha256 or (named is not None and digests.of(named) == entry.sha256):
            found.append((entry, named, True))
        elif entry.sha256 in by_bytes:
            found.append((entry, by_bytes[entry.sha256], True))
        else:
            found.append((entry, named, False))
    taken = {sample.id for _, sample, same in found if sample is not None and same}
    # A name that another entry's bytes carry is that entry's: the numbers differ in this copy.
    return [
        (entry, None if sample and not same and sample.id in taken else sample, same) for entry, sample, same in found
    ]


class _Digests:
    """SHA-256 of the sources of samples, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, sample: Sample) -> tuple[str, ...]:
        if sample.id not in self._known:
            self._known[sample.id] = tuple(content_sha256(source) for source in sample.sources)
        return self._known[sample.id]
