"""Cells where they are computed: in a worker process of the executor that was chosen, on this machine or another."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.atomic import replacing
from fusionbench.devices import pick_device
from fusionbench.images.hashing import content_sha256
from fusionbench.images.names import shown
from fusionbench.plugins import Plugins
from fusionbench.results.folder import claim
from fusionbench.results.records import FusionRecord
from fusionbench.runs import RunConfig
from fusionbench.runs.events import Event, Fusing, Outcome
from fusionbench.runs.opening import open_request
from fusionbench.runs.units import Job, Unit
from fusionbench.types import DataError, FusionBenchError, Sample, UsageError, described, raised_at
from fusionbench.types.values import expanded
from fusionbench_downstream import models
from fusionbench_downstream.cells import Cell, Trainer, seed_of
from fusionbench_downstream.dividing import EvaluatedDataset
from fusionbench_downstream.division import Division
from fusionbench_downstream.labelled import Labelled, labelled
from fusionbench_downstream.pictures import Picture
from fusionbench_downstream.settings import Settings

WORK = "fusionbench_downstream.work:CellWork"
"""How units of work name what is done with them."""

ORDER, CONFIG = "work/cells.json", "work/config.yaml"
"""Files in the folder of results: what cells are made of, and with which settings workers are started."""

_AGAIN = "run the same command again"


def write_order(
    folder: Path, settings: Settings, datasets: Sequence[EvaluatedDataset], cells: Sequence[Cell]
) -> RunConfig:
    """Write down what workers need, and give the settings with which they are started.

    Labels and images are not in it: a worker reads them itself, and looks whether they are the same.

    Raises:
        UsageError: The files cannot be written.
    """
    model = Path(expanded(settings.model))
    pictures: dict[str, dict[str, Any]] = {}
    for cell in cells:
        pictures.setdefault(cell.method, {})[cell.dataset] = {
            content: _place(picture) for content, picture in cell.pictures.items()
        }
    order = {
        "kind": settings.kind,
        "recipe": settings.recipe(),
        "model": str(model.absolute()) if model.is_dir() else settings.model,
        "datasets": {dataset.key: _plain(dataset) for dataset in datasets},
        "pictures": pictures,
    }
    parts = {part.key: part for dataset in datasets for part in dataset.parts}
    # A training takes as long as it takes: the time limit is one for fusing.
    config = dataclasses.replace(
        settings.fusing, methods=(), datasets=tuple(parts.values()), timeout=0.0, out=str(folder)
    ).located()
    claim(folder, Path(ORDER).parent.name)
    for name, text in ((ORDER, json.dumps(order)), (CONFIG, config.to_yaml())):
        try:
            (folder / name).parent.mkdir(exist_ok=True)
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{shown(folder / name)} cannot be written: {error.strerror}.") from error
    return config


def _plain(dataset: EvaluatedDataset) -> dict[str, Any]:
    division = dataset.division
    return {
        "parts": [part.key for part in dataset.parts],
        "classes": division.classes,
        "train": [(one.dataset, one.id, one.size, one.content, one.digest) for one in division.train],
        "test": [(one.dataset, one.id, one.size, one.content, one.digest) for one in division.test],
    }


def _place(picture: Picture) -> tuple[int | str, str]:
    """The number of the source that it is or the place of the fused image, and the digest."""
    place = picture.number if picture.number is not None else str(Path(str(picture.source)).absolute())
    return place, picture.sha256


class CellWork:
    """Computes cells in this process; see :class:`fusionbench.runs.work.Work`.

    Args:
        config: As :func:`write_order` gave it.
        plugins: What is registered.
        folder: Of results.
    """

    def __init__(self, config: RunConfig, plugins: Plugins, folder: Path) -> None:
        order: Mapping[str, Any] = json.loads((folder / ORDER).read_text(encoding="utf-8"))
        recipe = dict(order["recipe"])
        size = recipe.pop("image_size")
        self._settings = Settings(kind=order["kind"], fusing=config, image_size=tuple(size) if size else None, **recipe)
        self._config, self._order, self._model = config, order, order["model"]
        self._trainer = Trainer(self._settings, folder, pick_device(config.device), model=self._model)
        self._samples: dict[str, Mapping[str, Sample]] = {}
        self._divisions: dict[str, Division] = {}

    def execute(self, unit: Unit) -> Iterator[Event]:
        """The events of one unit, whose jobs are cells."""
        for job in unit.jobs:
            yield Fusing(job.method, (job.sample,))
            yield Outcome(job.method, job.sample, self._record(job, unit.dataset))

    def _record(self, job: Job, dataset: str) -> FusionRecord:
        started = time.monotonic()
        try:
            cell = self._cell(job, dataset)
            scores = self._trainer.scores(cell)
        except FusionBenchError as error:
            return job.failed(str(error))
        except Exception as error:  # a model of somebody else's; the other cells can still be computed
            return job.failed(f"{described(error)}{raised_at(error)}")
        seconds = time.monotonic() - started
        found = {metric: scores[metric[0]] for metric in job.metrics}
        return FusionRecord(key=job.fusion, status="ok", seconds=seconds, scores=found)

    def _cell(self, job: Job, dataset: str) -> Cell:
        """The cell of a job, of what is here and is what was planned with.

        Raises:
            DataError: Something is not there, or is another one.
        """
        division = self._division(dataset)
        by_content = {one.content: one for one in (*division.train, *division.test)}
        pictures = {
            content: _picture(by_content[content], place, digest)
            for content, (place, digest) in self._order["pictures"][job.method][dataset].items()
            if content in by_content
        }
        cell = Cell(method=job.method, dataset=dataset, seed=seed_of(job.sample), pictures=pictures, division=division)
        if cell.identity(self._settings, models.identity(self._model)) != job.fusion:
            raise DataError(f"the model is another one than when the evaluation was planned; {_AGAIN}.")
        return cell

    def _division(self, dataset: str) -> Division:
        if dataset not in self._divisions:
            order = self._order["datasets"][dataset]
            for part in order["parts"]:
                request = next(request for request in self._config.datasets if request.key == part)
                if part not in self._samples:
                    self._samples[part] = {one.id: one for one in open_request(request, self._config).samples}
            train, test = (tuple(map(self._labelled, order[side])) for side in ("train", "test"))
            self._divisions[dataset] = Division(train=train, test=test, classes=tuple(order["classes"]), how="")
        return self._divisions[dataset]

    def _labelled(self, known: Sequence[Any]) -> Labelled:
        part, name, size, content, digest = known
        sample = self._samples[part].get(name)
        if sample is None:
            raise DataError(f"{part}: {shown(name)} is not there any more; {_AGAIN}.")
        one = labelled(part, sample, self._settings.kind, tuple(size), content)
        if one.digest != digest:
            raise DataError(f"{part}: the labels of {shown(name)} are others than those planned with; {_AGAIN}.")
        return one


def _picture(one: Labelled, place: int | str, digest: str) -> Picture:
    number = place if isinstance(place, int) else None
    source = one.sample.sources[place] if isinstance(place, int) else Path(place)
    if content_sha256(source) != digest:
        what = shown(source) if isinstance(source, Path) else f"source {place} of {shown(one.id)}"
        raise DataError(f"{what} is another picture than the one planned with; {_AGAIN}.")
    return Picture(source, digest, number)
