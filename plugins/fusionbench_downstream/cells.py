"""One cell of an evaluation: one method's images of one data set, one seed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fusionbench.results.folder import file_name
from fusionbench.runs.identity import digest_of
from fusionbench.training import TrainingConfig
from fusionbench_downstream import models, scoring
from fusionbench_downstream.division import Division
from fusionbench_downstream.labelled import Labelled
from fusionbench_downstream.models import Model
from fusionbench_downstream.pictures import Picture, Pictures, chosen
from fusionbench_downstream.settings import VERSION, Settings

CELLS = "cells"
"""The folder of what cells leave behind: weights, losses."""

Scores = Callable[[Sequence[int]], dict[str, float]]
"""Scores over some of the test samples, by number."""

_MULTIPLE = 32
FROZEN = "frozen"
_SEED = "seed-"


def unit_of(seed: int | None) -> str:
    """What stands in the place of a sample in results."""
    return FROZEN if seed is None else f"{_SEED}{seed}"


def seed_of(unit: str) -> int | None:
    """The seed that :func:`unit_of` named."""
    return None if unit == FROZEN else int(unit.removeprefix(_SEED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is computed as one.

    Attributes:
        method: Whose images.
        dataset: Of which data set.
        seed: Of everything random; None where nothing is trained.
        pictures: By content of the sample, the images.
        division: What is trained and tested on.
    """

    method: str
    dataset: str
    seed: int | None
    pictures: Mapping[str, Picture]
    division: Division

    @property
    def unit(self) -> str:
        """What stands in the place of a sample in results."""
        return unit_of(self.seed)

    def identity(self, settings: Settings, model: str) -> str:
        """Digest of everything that determines its scores.

        Args:
            settings: The recipe.
            model: From :func:`fusionbench_downstream.models.identity`.
        """
        used = [
            self.pictures[one.content].sha256 if one.content in self.pictures else ""
            for one in (*self.division.train, *self.division.test)
        ]
        return digest_of("downstream", VERSION, settings.recipe(), model, self.seed, self.division.digest(), used)

    def folder(self, root: Path) -> Path:
        """Where its weights and losses go."""
        return root / CELLS / file_name(self.method) / file_name(self.dataset) / self.unit


def picture_size(settings: Settings, samples: Sequence[Labelled]) -> tuple[int, int]:
    """Width and height at which pictures are trained and tested: as asked for, or that of most, rounded up to 32."""
    if settings.image_size is not None:
        return settings.image_size
    sizes = [one.size for one in samples]
    width, height = max(dict.fromkeys(sizes), key=sizes.count)
    return -(-width // _MULTIPLE) * _MULTIPLE, -(-height // _MULTIPLE) * _MULTIPLE


def require_model(settings: Settings, divisions: Sequence[Division]) -> None:
    """Find out, before hours go into images, whether the model can be had and knows the classes.

    Raises:
        UsageError: There is no such model, it is none of this kind, or no class of it is one of a data set.
        WeightsError: It cannot be had or read.
        MissingExtraError: ``transformers`` is not installed.
    """
    retrain = settings.protocol == "retrain"
    model: Model | None = None
    for classes in dict.fromkeys(division.classes for division in divisions):
        if model is None or retrain:
            model = models.load(settings.model, settings.kind, classes, retrain=retrain)
        if not retrain:
            models.matched(model.names, classes, settings.classes)


class Trainer:
    """Computes cells, one after the other.

    Args:
        settings: The recipe.
        root: The folder of results.
        device: Where to compute.
        model: Where the model of the settings is found; a folder may be named otherwise there.
    """

    def __init__(self, settings: Settings, root: Path, device: torch.device, *, model: str) -> None:
        self._settings, self._root, self._device, self._model = settings, root, device, model
        self._frozen: Model | None = None

    def scores(self, cell: Cell) -> dict[str, float]:
        """Train where something is to be trained, test, and score.

        Raises:
            FusionBenchError: Images are missing or do not fit, or the training failed.
        """
        division = cell.division
        size = picture_size(self._settings, division.train or division.test)
        workers = self._settings.fusing.workers
        # Also the test part's: what lacks an image must not be trained for hours first.
        wanted = chosen(division.test, cell.pictures)
        if self._settings.protocol == "frozen":
            test = Pictures(division.test, wanted, size, workers=workers)
            if self._frozen is None:
                self._frozen = models.load(self._model, self._settings.kind, division.classes, retrain=False)
            return self._tested(self._frozen, test, division, self._settings.classes)
        train = Pictures(division.train, chosen(division.train, cell.pictures), size, workers=workers)
        test = Pictures(division.test, wanted, size, workers=workers)
        model = self._trained(cell, train, size)
        return self._tested(model, test, division, {})

    def _trained(self, cell: Cell, pictures: Pictures, size: tuple[int, int]) -> Model:
        from fusionbench.training.loop import seed_everything, train
        from fusionbench_downstream.recipe import DownstreamRecipe, TrainingPictures

        settings, seed = self._settings, cell.seed or 0
        folder = cell.folder(self._root)
        folder.mkdir(parents=True, exist_ok=True)
        training = TrainingConfig(
            epochs=settings.epochs,
            batch_size=min(settings.batch_size, len(pictures)),
            seed=seed,
            device="cuda" if self._device.type == "cuda" else "cpu",
            checkpoint_epochs=max(settings.epochs // 5, 1),
            keep=1,
            picture_epochs=0,
            tensorboard=False,
        )
        seed_everything(seed)
        model = models.load(self._model, settings.kind, cell.division.classes, retrain=True)
        model.module.to(self._device)
        data = TrainingPictures(pictures, settings.kind, cell.division.classes, size)
        recipe = DownstreamRecipe(model, data, epochs=settings.epochs, learning_rate=settings.learning_rate)
        identity = cell.identity(settings, models.identity(self._model))
        # Checkpoints of other images or another recipe are of no use, and lie where this cell's belong.
        mark = folder / "cell"
        known = mark.is_file() and mark.read_text(encoding="utf-8", errors="replace") == identity
        mark.write_text(identity, encoding="utf-8")
        result = train(recipe, training, out=folder, settings={"cell": identity}, fresh=not known)
        result.weights.replace(folder / "model.safetensors")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        mark.unlink(missing_ok=True)
        return model

    @torch.no_grad()
    def _tested(self, model: Model, test: Pictures, division: Division, given: Mapping[str, str]) -> dict[str, float]:
        """Scores over the classes that model and data set have in common, by name; those of the others are NaN."""
        model.module.to(self._device).eval()
        kind, classes, lights = self._settings.kind, division.classes, division.lights
        places = models.matched(model.names, classes, given)
        known = [name for place, name in enumerate(classes) if place in places.values()]
        table = torch.full((len(model.names),), len(known), dtype=torch.int64)
        for place, target in places.items():
            table[place] = known.index(classes[target])
        score = (self._detected if kind == "detection" else self._segmented)(model, test, known, table)
        values = score(range(len(test)))
        values |= {f"{scoring.MAIN[kind]}:{light}": score(part)[scoring.MAIN[kind]] for light, part in lights.items()}
        return {name: values.get(name, float("nan")) for name in scoring.metric_names(kind, classes, lights)}

    def _detected(self, model: Model, test: Pictures, known: Sequence[str], table: Tensor) -> Scores:
        found = []
        for batch, samples in self._batches(test):
            for scores, kinds, boxes in model.detect(batch, [one.size for one in samples]):
                kinds = table[kinds]
                ours = kinds < len(known)
                found.append((scores[ours], kinds[ours], boxes[ours]))
        there = [[box for box in one.boxes if box.name in known] for one in test.samples]
        return lambda part: scoring.detection_scores([found[n] for n in part], [there[n] for n in part], known)

    def _segmented(self, model: Model, test: Pictures, known: Sequence[str], table: Tensor) -> Scores:
        found, masks = [], []
        for batch, samples in self._batches(test):
            found += [table[one].to(torch.uint8) for one in model.segment(batch, [one.size for one in samples])]
            masks += [torch.from_numpy(one.mask(known)) for one in samples]
        return lambda part: scoring.segmentation_scores([found[n] for n in part], [masks[n] for n in part], known)

    def _batches(self, test: Pictures) -> Iterator[tuple[Tensor, Sequence[Labelled]]]:
        """N x 3 x H x W uint8 on the device, and the samples."""
        step = self._settings.batch_size
        for start in range(0, len(test), step):
            numbers = range(start, min(start + step, len(test)))
            pixels = torch.stack([torch.from_numpy(test[number]).permute(2, 0, 1) for number in numbers])
            yield pixels.to(self._device), [test.samples[number] for number in numbers]
