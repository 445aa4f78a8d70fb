"""From what a user asks for to an open data set."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.configuration.assignments import OwnedOptions
from fusionbench.data.beside import with_features_beside
from fusionbench.data.dataset import ALL, LayoutError
from fusionbench.data.names import usable_id
from fusionbench.data.request import DatasetRequest
from fusionbench.data.splits import restricted_to, split_list
from fusionbench.images.names import shown
from fusionbench.plugins import current_plugins
from fusionbench.plugins.options import parse_given
from fusionbench.printable import is_text
from fusionbench.types import (
    DataError,
    Dataset,
    DatasetSpec,
    FusionBenchError,
    Problem,
    Sample,
    Task,
    UnknownNameError,
    UsageError,
    described,
    raised_at,
    resolve,
)
from fusionbench.types.complaints import Complaints
from fusionbench.types.values import Misfit, expanded, one_of

DATA_ROOT = "FUSIONBENCH_DATA"
"""Environment variable with the folder that holds data sets, where none is given."""


def open_named(
    texts: Sequence[str], *, data_root: Path | None = None, options: OwnedOptions | None = None
) -> list[Dataset]:
    """Open what a command names.

    Args:
        texts: ``[LABEL=]NAME[@SPLIT][=ROOT]`` each.
        data_root: As of :func:`open_dataset`.
        options: Options by the data set's name or label; those without an owner are for all.

    Raises:
        UsageError, DataError: As of :func:`open_dataset`, or options are for a data set that is not named; all of them
            are told.
    """
    options = options or OwnedOptions("--option")
    complaints = Complaints()
    requests, opened = [], []
    for text in texts:
        with complaints.gathered():
            requests.append(DatasetRequest.parse(text))
    names = [name for request in requests for name in (request.name, request.key)]
    for owner in options.strangers(names):
        hint = f"Data sets here: {', '.join(dict.fromkeys(names))}."
        complaints.add(UsageError(f"{options.what} names {owner!r}, which is no data set of this command.", hint=hint))
    for request in requests:
        with complaints.gathered():
            own = options.of(request.name, request.key)
            opened.append(open_dataset(request, data_root=data_root, options=own))
    complaints.raise_all()
    return opened


@dataclass(frozen=True, slots=True)
class _Adjusted:
    """A data set under another name or with other samples; what only its adapter has is passed on."""

    name: str
    dataset: Dataset
    samples: Sequence[Sample]

    @property
    def task(self) -> Task:
        return self.dataset.task

    @property
    def problems(self) -> Sequence[Problem]:
        return self.dataset.problems

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.dataset, attribute)


def open_dataset(
    request: DatasetRequest | str, *, data_root: Path | None = None, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Open a registered data set: list its samples, decode nothing.

    Args:
        request: The data set, its split and, if it is not in the data root, its folder.
        data_root: Folder with data sets; the environment variable ``FUSIONBENCH_DATA`` if None.
        options: Options beside those of the request.

    Raises:
        UnknownNameError: No such data set or option.
        UsageError: No such split, or an unusable value of an option.
        DataError: The folder is absent or laid out differently, or it holds no complete sample. The
            message says what was looked for, how it must look, where to get it and how to point to it.
    """
    request = DatasetRequest.parse(request) if isinstance(request, str) else request
    spec = registered(request.name)
    try:
        split = ALL if request.split in spec.lists else one_of(request.split or spec.splits[0], spec.splits)
    except Misfit:
        hint = f"Splits: {', '.join([*spec.splits, *spec.lists])}."
        raise UsageError(f"data set {request.name} has no split {request.split!r}.", hint=hint) from None
    settings = parse_given("data set", spec, {**request.options, **(options or {})})
    given = None if request.root is None else Path(request.root)
    root = _root(spec, given, data_root) if spec.needs_root else given
    opener = resolve(spec.opener, owner=f"data set {spec.name}")
    try:
        dataset = check_samples(opener(root, split, **settings), spec.name)
    except LayoutError as error:
        raise LayoutError(f"data set {spec.name}: {error}", hint=remedy(spec)) from error
    except (FusionBenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise DataError(f"data set {spec.name}: its adapter raised {described(error)}{raised_at(error)}.") from error
    listed = dataset.samples
    if root is not None and (samples := with_features_beside(listed, root)) is not listed:
        dataset = _Adjusted(dataset.name, dataset, samples)
    if request.split is not None and request.split in spec.lists:
        dataset = restricted_to(dataset, split_list(spec, request.split))
    return _Adjusted(request.label, dataset, dataset.samples) if request.label else dataset


def registered(name: str) -> DatasetSpec:
    """The data set that is registered under a name.

    Raises:
        UnknownNameError: None is; where a folder was named, the message says how to say whose it is.
    """
    registry = current_plugins().datasets
    if name in registry or not _is_folder(name):
        return registry[name]
    whose, ours = (shown(shlex.quote(f"{owner}={name}")) for owner in ("NAME", "folder"))
    raise UnknownNameError(
        f"unknown data set {shown(name)!r}, which is a folder.",
        hint=f"Say whose: -d {whose}, NAME from `fusionbench list datasets`; for images of your own: -d {ours} "
        f"--option folder.task=TASK, TASK one of {', '.join(Task)}.",
    )


def _is_folder(text: str) -> bool:
    try:
        return Path(expanded(text)).is_dir()
    except OSError:  # too long for a name
        return False


def remedy(spec: DatasetSpec) -> str:
    """Where to get a data set, how its folder must look, and how to point to it."""
    folder = spec.folders[0] if spec.folders else spec.name
    lines = (
        f"Expected: {spec.layout}" if spec.layout else "",
        f"Get it from: {spec.page}" if spec.page else "",
        f"Point to it: -d {spec.name}=FOLDER, or --data-root DIR (or {DATA_ROOT}=DIR) with DIR/{folder}",
    )
    return "\n  ".join(line for line in lines if line)


def _root(spec: DatasetSpec, given: Path | None, data_root: Path | None) -> Path:
    if given is not None:
        if not given.is_dir() and not (given.suffix in spec.file_suffixes and given.is_file()):
            raise DataError(f"data set {spec.name}: there is no folder {shown(given)}.", hint=remedy(spec))
        return _named_in_utf8(given)
    if data_root is None and os.environ.get(DATA_ROOT):
        data_root = Path(os.environ[DATA_ROOT])
    data_root = Path(expanded(str(data_root))) if data_root is not None else None
    if data_root is None:
        raise DataError(f"data set {spec.name}: no folder is given.", hint=remedy(spec))
    if not data_root.is_dir():
        raise DataError(f"there is no data root {shown(data_root)}.")
    for name in spec.folders or (spec.name,):
        if (data_root / name).is_dir():
            return _named_in_utf8(data_root / name)
    raise DataError(
        f"data set {spec.name}: {shown(data_root)} holds none of {', '.join(spec.folders or (spec.name,))}.",
        hint=remedy(spec),
    )


def _named_in_utf8(root: Path) -> Path:
    """The folder itself, if records and tables can hold its path."""
    if not is_text(str(root)):
        raise DataError(f"folder {shown(root)}: its path is not valid UTF-8.", hint="Rename it, or link to it.")
    return root


def check_samples(dataset: Dataset, name: str) -> Dataset:
    """Hold a data set against the contract: unique safe ids, two sources or more.

    Args:
        dataset: What an opener returned, or what was made in Python.
        name: For messages.

    Raises:
        DataError: A sample breaks the contract; it is named.
    """
    seen: set[str] = set()
    for sample in dataset.samples:
        if not usable_id(sample.id):
            raise DataError(f"data set {name}: {shown(sample.id)!r} is not usable as a sample's id.")
        if sample.id in seen:
            raise DataError(f"data set {name}: two samples are called {sample.id!r}.")
        if len(sample.sources) < 2:
            raise DataError(f"data set {name}: sample {sample.id!r} has fewer than two sources.")
        if not isinstance(sample.text_features, Mapping):
            raise DataError(
                f"data set {name}: the text features of {sample.id!r} are not given by variant.",
                hint='Give the usual ones under the empty name: text_features={"": PATH}.',
            )
        for source in sample.sources:
            if isinstance(source, Path) and not is_text(str(source)):
                raise DataError(f"data set {name}: the path {shown(source)} is not valid UTF-8.", hint="Rename it.")
        seen.add(sample.id)
    return dataset
