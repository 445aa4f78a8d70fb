"""The contract of a data set: of its listing where there is a folder, and of its messages where there is none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fusionbench.data.opening import check_samples
from fusionbench.fusing import decode_sample
from fusionbench.plugins.options import parse_given
from fusionbench.testing.findings import Broken, Check, NotApplicable
from fusionbench.testing.methods import NAME
from fusionbench.testing.state import unchanged_process
from fusionbench.types import Dataset, DatasetSpec, FusionBenchError, resolve

_DECODED = 3


@dataclass
class DatasetTrial:
    """A data set under examination.

    Attributes:
        spec: The data set.
        root: Its folder or file, where the machine has it.
        options: Its options.
    """

    spec: DatasetSpec
    root: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def opener(self) -> Callable[..., Dataset]:
        """What the plugin registered."""
        found: Callable[..., Dataset] = resolve(self.spec.opener, owner=f"data set {self.spec.name}")
        return found

    def open(self, split: str, root: Path | None = None) -> Dataset:
        """Open a split.

        Raises:
            NotApplicable: There is no folder to open.
        """
        root = root or self.root
        if root is None and self.spec.needs_root:
            raise NotApplicable("no folder is given; --root says where it lies")
        return self.opener(root, split, **parse_given("data set", self.spec, self.options))

    def opened(self) -> Iterator[tuple[str, Dataset]]:
        """Every split that the folder holds; the first of them must be there."""
        for number, split in enumerate(self.spec.splits):
            try:
                yield split, self.open(split)
            except FusionBenchError:
                if number == 0:
                    raise


def _facts(trial: DatasetTrial) -> str:
    spec = trial.spec
    wrong = {
        f"the name {spec.name!r} is not of lower-case letters, digits and . _ -": not NAME.fullmatch(spec.name),
        "it has no split": not spec.splits or not all(spec.splits),
        "it needs a folder and says neither layout nor page": spec.needs_root and not (spec.layout or spec.page),
        "a file suffix has no dot": not all(suffix.startswith(".") for suffix in spec.file_suffixes),
        "it has no version": not spec.version,
    }
    found = [what for what, is_wrong in wrong.items() if is_wrong]
    if found:
        raise Broken("; ".join(found) + ".", "See fusionbench.DatasetSpec.")
    if not callable(trial.opener):
        raise Broken("its opener cannot be called.")
    return ", ".join(spec.splits)


def _empty_folder(trial: DatasetTrial) -> str:
    if not trial.spec.needs_root:
        raise NotApplicable("it needs no folder")
    with tempfile.TemporaryDirectory() as folder:
        for split in trial.spec.splits:
            try:
                opened = trial.open(split, Path(folder))
            except FusionBenchError:
                continue
            except Exception as error:
                raise Broken(
                    f"an empty folder: {type(error).__name__}: {error}",
                    "Raise fusionbench.data.LayoutError and say what was looked for.",
                ) from error
            raise Broken(
                f"an empty folder is opened as {split!r} with {len(opened.samples)} samples.",
                "Raise fusionbench.data.LayoutError and say what was looked for.",
            )
    return "refused"


def _lists(trial: DatasetTrial) -> str:
    counts = []
    for split, opened in trial.opened():
        if not isinstance(opened, Dataset):
            raise Broken("the opener returns something without name, task, samples and problems.")
        check_samples(opened, trial.spec.name)
        if not opened.samples:
            raise Broken(f"split {split!r} has no sample.", "Raise fusionbench.DataError, which says why.")
        strangers = [sample.id for sample in opened.samples if sample.task != opened.task]
        if strangers:
            raise Broken(f"sample {strangers[0]} is of another task than its data set.")
        counts.append(f"{split} {len(opened.samples)}")
    return ", ".join(counts)


def _determinism(trial: DatasetTrial) -> str:
    for split, opened in trial.opened():
        again = trial.open(split)
        if [sample.id for sample in opened.samples] != [sample.id for sample in again.samples]:
            raise Broken(f"split {split!r} is listed in another order the second time.", "Sort what a folder holds.")
    return ""


def _decodes(trial: DatasetTrial) -> str:
    opened = trial.open(trial.spec.splits[0])
    for sample in opened.samples[:_DECODED]:
        first, again = decode_sample(sample), decode_sample(sample)
        if any((a != b).any() for a, b in zip(first.sources, again.sources, strict=True)):
            raise Broken(f"sample {sample.id} is read differently the second time.")
    return f"the first {min(_DECODED, len(opened.samples))} samples"


def _state(trial: DatasetTrial) -> str:
    with unchanged_process():
        opened = trial.open(trial.spec.splits[0])
        decode_sample(opened.samples[0])
    return ""


CHECKS: tuple[Check[DatasetTrial], ...] = (
    Check("facts", _facts, vital=True),
    Check("process unchanged", _state),
    Check("empty folder", _empty_folder),
    Check("samples", _lists, vital=True),
    Check("determinism", _determinism),
    Check("images", _decodes, remedy="`fusionbench data check` says what is wrong with each file."),
)
