"""Training and test samples: the same for every method, and no scene on both sides."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.csv_tables import read_csv_table
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import DataError, UsageError
from fusionbench_downstream.duplicates import alike, groups, shows_something, thumbnails
from fusionbench_downstream.labelled import Labelled

_PARTS = ("train", "test")
_FORM = "Expected a CSV with the columns id and part."


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """What is trained and what is tested on.

    Attributes:
        train, test: The samples; nothing is trained on where nothing is to be trained.
        classes: Of the data set. For masks the first is the background.
        how: Where the division comes from, in words.
        remarks: What a user should know of it.
    """

    train: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    classes: tuple[str, ...]
    how: str
    remarks: tuple[str, ...] = ()

    @property
    def lights(self) -> dict[str, list[int]]:
        """Numbers of the test samples by their light, where there are several."""
        found: dict[str, list[int]] = {}
        for number, one in enumerate(self.test):
            if one.light:
                found.setdefault(one.light, []).append(number)
        return dict(sorted(found.items())) if len(found) > 1 else {}

    def digest(self) -> str:
        """Of samples, labels, lights and classes."""
        text = "\n".join(f"{one.content} {one.digest} {one.light}" for one in (*self.train, *self.test))
        count = f"{len(self.train)} {len(self.test)} {self.classes}"
        return hashlib.sha256(f"{count}\n{text}".encode()).hexdigest()


def checked(train: Sequence[Labelled], test: Sequence[Labelled], *, workers: int = 4) -> list[str]:
    """Refuse a scene that is on both sides; tell of scenes that are nearly the same.

    Returns:
        Remarks.

    Raises:
        DataError: The same pixels are trained and tested on.
    """
    known: dict[str, Labelled] = {}
    for one in train:
        for digest in one.pixels:
            known.setdefault(digest, one)
    same = [
        (known[digest], one)
        for one in test
        for digest, source in zip(one.pixels, one.sample.sources, strict=True)
        if digest in known and shows_something(source)
    ]
    if same:
        pairs = dict.fromkeys(f"{shown(one.id)} is {shown(other.id)} of the test part" for one, other in same)
        raise DataError(
            f"{len(pairs)} scenes are in the training and in the test part: {_some(list(pairs))}.",
            hint="Give a division of your own: --division FILE.csv with the columns id and part.",
        )
    near = alike(thumbnails(train, workers=workers), thumbnails(test, workers=workers))
    if not near:
        return []
    names = [f"{shown(train[i].id)} and {shown(test[j].id)}" for i, j in near]
    share = len({j for _, j in near})
    return [
        f"{share} of {len(test)} test scenes are nearly the same as a training scene (neighbouring frames?), which"
        f" makes scores better than they are: {_some(names)}"
    ]


def divided(samples: Sequence[Labelled], part: float, *, workers: int = 4) -> tuple[list[Labelled], list[Labelled]]:
    """Divide samples by a rule: groups of nearly equal scenes stay together, their order is that of a digest.

    The groups are taken for testing, in the order of the SHA-256 of their first sample's id, until these are at least
    ``part`` of all samples.

    Raises:
        DataError: That leaves nothing to train on.
    """
    described = thumbnails(samples, workers=workers)
    together = groups(len(samples), [(i, j) for i, j in alike(described, described) if i < j])
    together.sort(key=lambda group: hashlib.sha256(samples[group[0]].id.encode()).hexdigest())
    chosen: set[int] = set()
    for group in together:
        if len(chosen) >= part * len(samples):
            break
        chosen.update(group)
    if len(chosen) == len(samples):
        raise DataError(
            f"{len(samples)} samples cannot be divided into training and test: they form {len(together)} groups of"
            " nearly equal scenes.",
            hint="Give a division of your own (--division FILE.csv), or more data.",
        )
    train = [one for number, one in enumerate(samples) if number not in chosen]
    return train, [one for number, one in enumerate(samples) if number in chosen]


def from_file(
    path: Path, samples: Sequence[Labelled], *, trained: bool = True
) -> tuple[list[Labelled], list[Labelled]]:
    """Divide samples by a CSV file with ``id`` and ``part``; samples that it does not name are left out.

    Args:
        path: The file.
        samples: All that there are.
        trained: Whether something is trained, so that the file must name samples for it.

    Raises:
        DataError: The file cannot be read, or is no CSV with the columns ``id`` and ``part``.
        UsageError: It names unknown samples or parts, or one sample twice; or an id is that of several samples.
    """
    parts = _read(path)
    by_id: dict[str, Labelled] = {}
    for one in samples:
        if one.id in parts and one.id in by_id:
            places = f"{by_id[one.id].dataset} and of {one.dataset}"
            raise UsageError(
                f"{shown(path)}: {shown(one.id)} is a sample of {places}.",
                hint="Divide one of them: -d NAME@SPLIT.",
            )
        by_id[one.id] = one
    strange = [name for name in parts if name not in by_id]
    if strange:
        raise UsageError(
            f"{shown(path)}: {len(strange)} ids are no labelled samples of the data set: {_some(strange)}.",
            hint=f"Ids look like {shown(samples[0].id)}." if samples else "",
        )
    sides = {side: [by_id[name] for name, part in parts.items() if part == side] for side in _PARTS}
    for side, found in sides.items():
        if not found and (trained or side == "test"):
            raise UsageError(f"{shown(path)}: no sample is for {side}.")
    return sides["train"], sides["test"]


def write(path: Path, division: Division) -> None:
    """Keep a division in the form that :func:`from_file` reads."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("id", "part"))
    for part, samples in zip(_PARTS, (division.train, division.test), strict=True):
        rows.writerows((one.id, part) for one in samples)
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    table = read_csv_table(path, words={"id": "id", "part": "part"}, form=_FORM)
    if not {"id", "part"} <= set(table.columns):
        raise DataError(f"{shown(path)}: the first line must name the columns id and part.", hint=_FORM)
    parts: dict[str, str] = {}
    for number, row in table.rows:
        name, part = row["id"].strip(), row["part"].strip().lower()
        if part not in _PARTS:
            raise UsageError(f"{shown(path)}: line {number}: part must be train or test, it is {part!r}.")
        if name in parts:
            raise UsageError(f"{shown(path)}: line {number}: {shown(name)} stands twice.")
        parts[name] = part
    return parts


def _some(names: Sequence[str]) -> str:
    return some_of(names, 3, separator="; ")
