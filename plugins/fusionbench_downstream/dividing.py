"""Opening a data set for an evaluation: its parts, their labels, and the division."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusionbench.plugins import Plugins
from fusionbench.results.journal import Journal
from fusionbench.runs import DatasetRequest
from fusionbench.runs.opening import open_request
from fusionbench.runs.preflight import inspect_samples
from fusionbench.types import DataError, Task
from fusionbench_downstream import division as dividing
from fusionbench_downstream.division import Division
from fusionbench_downstream.labelled import Labelled, read_labelled
from fusionbench_downstream.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedDataset:
    """A data set as an evaluation uses it.

    Attributes:
        key: What results call it.
        task: Its task.
        parts: The data sets or splits whose samples are used, as they are fused.
        division: What is trained and tested on.
    """

    key: str
    task: Task
    parts: tuple[DatasetRequest, ...]
    division: Division


def open_divided(
    request: DatasetRequest, settings: Settings, plugins: Plugins, journal: Journal, say: Callable[[str], None]
) -> EvaluatedDataset:
    """Open, check and divide a data set.

    Without a split, and where the data set has ``train`` and ``test``, these are the division. Else its labelled
    samples are divided by ``--division`` or by rule; for the protocol ``frozen`` all of them are tested on.

    Args:
        request: As asked for.
        settings: Of the evaluation.
        plugins: What is registered.
        journal: Where facts about files are remembered.
        say: Told what a user should know.

    Raises:
        DataError, UsageError: See :func:`fusionbench_downstream.labelled.read_labelled` and the ways to divide.
    """
    spec = plugins.datasets[request.name]
    both = request.split is None and {"train", "test"} <= set(spec.splits)
    frozen = settings.protocol == "frozen"
    names: Sequence[str | None] = (("test",) if frozen else ("train", "test")) if both else (request.split,)
    if settings.division is not None and both:
        names = ("train", "test")
    parts = tuple(_part(request, name) for name in names)
    read: list[list[Labelled]] = []
    classes: tuple[str, ...] = ()
    remarks: list[str] = []
    task: Task | None = None
    for part in parts:
        opened = open_request(part, settings.fusing)
        say(f"checking {len(opened.samples)} samples of {part.key}")
        facts = inspect_samples(opened.samples, journal, workers=settings.fusing.workers, with_text=False)
        samples, own, told = read_labelled(opened, settings.kind, facts)
        if classes and set(own) != set(classes):
            raise DataError(
                f"{part.key} has other classes ({', '.join(own)}) than {parts[0].key} ({', '.join(classes)})."
            )
        classes, task = classes or own, opened.task
        read.append(samples)
        remarks += told
    train, test, how = _divided(read, parts, settings)
    if train:
        remarks += dividing.checked(train, test, workers=settings.fusing.workers)
    say(f"{request.key}: {len(train)} samples to train on, {len(test)} to test on ({how})")
    for line in remarks:
        say(f"note: {line}")
    if task is None:
        raise DataError(f"{request.key} has no part.")
    division = Division(train=tuple(train), test=tuple(test), classes=classes, how=how, remarks=tuple(remarks))
    return EvaluatedDataset(key=request.key, task=task, parts=parts, division=division)


def _divided(
    read: Sequence[list[Labelled]], parts: Sequence[DatasetRequest], settings: Settings
) -> tuple[list[Labelled], list[Labelled], str]:
    everything = [one for samples in read for one in samples]
    workers = settings.fusing.workers
    if settings.division is not None:
        trained = settings.protocol != "frozen"
        train, test = dividing.from_file(settings.division, everything, trained=trained)
        return (train if trained else []), test, f"by {settings.division}"
    if settings.protocol == "frozen":
        return [], everything, "nothing is trained"
    if len(read) == 2:
        return read[0], read[1], f"the splits {parts[0].split} and {parts[1].split}"
    train, test = dividing.divided(everything, settings.test_part, workers=workers)
    return train, test, "by digests of ids, nearly equal scenes together"


def _part(request: DatasetRequest, split: str | None) -> DatasetRequest:
    """One split of a data set, under a label of its own where the data set has one."""
    if split == request.split:
        return request
    label = f"{request.label}@{split}" if request.label else ""
    return dataclasses.replace(request, split=split, label=label)
