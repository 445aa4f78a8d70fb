"""Opening the data sets of a configuration, in the planning process and in workers alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data import DatasetRequest, open_dataset
from fusionbench.data.opening import check_samples
from fusionbench.runs.config import RunConfig
from fusionbench.runs.sharding import share
from fusionbench.types import Dataset, Problem, Sample, Task, UsageError


@dataclass(frozen=True, slots=True)
class OpenedDataset:
    """The samples of a data set that a run uses, under the name that its results have.

    Attributes:
        key: Name in results.
        request: What was asked for.
        task: The data set's task.
        samples: After ``limit`` and ``shard``, with text features attached.
        problems: What the adapter found wrong while listing.
        listed: Ids of the samples of all shards; those of ``samples`` where there are none.
    """

    key: str
    request: DatasetRequest
    task: Task
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    listed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Same as ``key``: an opened data set is itself a :class:`fusionbench.Dataset`."""
        return self.key


def open_request(request: DatasetRequest, config: RunConfig) -> OpenedDataset:
    """Open one data set of a run.

    Raises:
        UnknownNameError, DataError, UsageError: As of :func:`fusionbench.data.open_dataset`.
    """
    data_root = Path(config.data_root) if config.data_root else None
    return adopt(open_dataset(request, data_root=data_root), request, config)


def adopt(dataset: Dataset, request: DatasetRequest, config: RunConfig) -> OpenedDataset:
    """Apply a run's limit, shard and text features to a data set that is already open."""
    samples: Sequence[Sample] = check_samples(dataset, request.key).samples
    if config.limit is not None:
        samples = samples[: config.limit]
    listed = tuple(sample.id for sample in samples)
    samples = share(samples, config.shard)
    if config.text_features:
        if not Path(config.text_features).is_dir():
            raise UsageError(f"text features: there is no folder {config.text_features}.")
        samples = [_with_features(sample, Path(config.text_features), request.key, request.name) for sample in samples]
    return OpenedDataset(request.key, request, dataset.task, tuple(samples), tuple(dataset.problems), listed)


def _with_features(sample: Sample, folder: Path, *names: str) -> Sample:
    """Attach ``<folder>/<data set>/<id>.npy`` or ``<folder>/<id>.npy``, whichever exists first."""
    for candidate in (*(folder / name / f"{sample.id}.npy" for name in names), folder / f"{sample.id}.npy"):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve()):
            return dataclasses.replace(sample, text_features={**sample.text_features, "": candidate})
    return sample
