"""Training FILM with the shared loop: configuration, objective and recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fusionbench.atomic import replacing
from fusionbench.data import open_dataset
from fusionbench.training import Part, Recipe, TrainingConfig, read_section, read_value
from fusionbench.types import UsageError
from fusionbench.weights.checkpoints import load_into, read_state_dict
from fusionbench_film.configuration import PRESETS, FilmConfig
from fusionbench_film.losses import FusionLoss, Gradients, Intensity, SignedLoss
from fusionbench_film.method import METADATA_KEY, FilmMethod
from fusionbench_film.network import Film
from fusionbench_film.training_data import Preparation, TrainingPairs, collate


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Section ``data``: what is trained on.

    Attributes:
        source: A data set as on the command line, ``NAME[@SPLIT]``, with text features.
        root: Its folder or file; else it is looked for in ``data_root``.
        data_root: Folder that holds data sets.
        options: Options of the data set.
        features: Variant of the text features; the samples' own if empty.
        preparation: ``resize`` as released, ``crop``, or ``none``.
        size: Rows and columns of the training images.
        tones: Each source goes through a power law of its own, drawn up to this factor about 1.
        limit: Only the first this many samples.
        cache: Keep decoded pairs in memory.
    """

    source: str
    root: Path | None = None
    data_root: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    features: str = ""
    preparation: Preparation = "resize"
    size: tuple[int, int] = (288, 384)
    tones: float = 1.0
    limit: int | None = None
    cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserConfig:
    """Section ``optimiser``: Adam, with the rate multiplied by ``decay`` every ``decay_epochs``."""

    rate: float
    decay: float
    decay_epochs: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Section ``loss``: weights of the terms beside the intensity's 1.

    Attributes:
        gradient: Weight of the gradient.
        similarity: Weight of the similarities.
        gradient_warmup: Epochs in which the gradient's weight rises from 0. Gradients are compared without
            their sign, so a network trained on them from the start may end at the negative image.
        intensity: ``maximum``, ``mean``, ``exposed`` or ``truth``, see :class:`SignedLoss`.
        gradients: ``magnitude``, without their sign, is the released loss; ``strongest`` or ``truth``:
            see :class:`SignedLoss`.
    """

    gradient: float = 20.0
    similarity: float = 0.0
    gradient_warmup: int = 0
    intensity: Intensity = "maximum"
    gradients: Gradients = "magnitude"

    @property
    def needs_truth(self) -> bool:
        """Whether the training pairs must have ground truth."""
        return "truth" in (self.intensity, self.gradients)

    def build(self) -> FusionLoss | SignedLoss:
        """The loss.

        Raises:
            UsageError: Settings that do not fit each other.
        """
        if self.gradients != "magnitude":
            if self.similarity:
                raise UsageError("loss.similarity goes with loss.gradients: magnitude only.")
            return SignedLoss(self.intensity, self.gradients, self.gradient)
        if self.intensity != "maximum":
            raise UsageError(
                f"loss.intensity: {self.intensity} needs gradients with their sign.",
                hint="Set loss.gradients to strongest or truth.",
            )
        return FusionLoss(self.gradient, self.similarity)


class FilmObjective(nn.Module):
    """Fuses a batch and computes the losses, in float32 whatever the precision of the network."""

    def __init__(self, film: Film, loss: LossConfig) -> None:
        super().__init__()
        self.film = film
        self.loss = loss.build()
        self._warmup = loss.gradient_warmup

    def forward(self, batch: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        """Loss terms by name."""
        fused = self.film(batch["a"], batch["b"], batch.get("text"), batch.get("mask"))
        with torch.autocast(fused.device.type, enabled=False):
            share = epoch / self._warmup if epoch < self._warmup else 1.0
            if isinstance(self.loss, FusionLoss):
                return self.loss(fused.float(), batch["a"], batch["b"], gradient_share=share)
            return self.loss(fused.float(), batch["a"], batch["b"], batch.get("truth"), gradient_share=share)


class FilmRecipe(Recipe):
    """FILM for the shared loop.

    Args:
        film: The network, initialised.
        data: Training pairs.
        optimiser: Adam's settings.
        loss: Weights of the loss terms.
        features: Variant of the text features, for validation.
    """

    objective: FilmObjective

    def __init__(
        self, film: Film, data: TrainingPairs, optimiser: OptimiserConfig, loss: LossConfig, *, features: str = ""
    ) -> None:
        self.objective = FilmObjective(film, loss)
        adam = torch.optim.Adam(film.parameters(), lr=optimiser.rate)
        schedule = torch.optim.lr_scheduler.StepLR(adam, optimiser.decay_epochs, gamma=optimiser.decay)
        self.parts = [Part(name="film", module=film, optimiser=adam, scheduler=schedule)]
        self.data = data
        self._features = features

    @property
    def film(self) -> Film:
        """The network that is trained."""
        return self.objective.film

    def collate(self, items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return collate(items)

    def export(self, path: Path) -> None:
        """Write weights and dimensions; a reader sees the whole file or none."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.film.state_dict().items()}
        with replacing(path) as temporary:
            save_file(state, temporary, metadata={METADATA_KEY: self.film.config.to_json()})

    def method(self) -> FilmMethod:
        text = "required" if self.film.config.text else "none"
        return FilmMethod.of(self.film.eval(), text=text, features=self._features)

    def pictures(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        fused = self.film(batch["a"][:4], batch["b"][:4], _first(batch, "text"), _first(batch, "mask"))
        rows = torch.cat((batch["a"][:4], batch["b"][:4], fused.clamp(0, 1)), dim=-1)
        return {"A, B, fused": rows}


def recipe(config: Mapping[str, Any], training: TrainingConfig) -> FilmRecipe:
    """FILM's trainer: from the sections ``network``, ``data``, ``optimiser`` and ``loss`` to a recipe.

    ``network`` takes ``preset``, dimensions of :class:`FilmConfig`, and ``weights`` to start from.

    Raises:
        UsageError: An unknown section or key, or a value that does not fit.
        DataError: The data set is absent or lacks text features.
    """
    unknown = sorted(set(config) - {"network", "data", "optimiser", "loss"})
    if unknown:
        raise UsageError(
            f"configuration: unknown section {', '.join(unknown)}.",
            hint="FILM reads network, data, optimiser and loss; the loop reads training and validation.",
        )
    network = read_value(config.get("network") or {}, dict[str, Any], "network")
    weights = read_value(network.pop("weights", None), Path | None, "network.weights")
    preset = read_value(network.pop("preset", "released"), Literal[tuple(PRESETS)], "network.preset")
    dimensions = FilmConfig.from_mapping(network, base=PRESETS[preset])
    film = Film(dimensions)
    if weights is not None:
        load_into(film, read_state_dict(weights), path=weights)
    settings = read_section(DataConfig, config.get("data"), "data")
    loss = read_section(LossConfig, config.get("loss"), "loss")
    pairs = TrainingPairs(
        _open(settings),
        preparation=settings.preparation,
        size=settings.size,
        text_dim=dimensions.text_dim if dimensions.text else None,
        features=settings.features,
        cache=settings.cache,
        truth=loss.needs_truth,
        tones=settings.tones,
    )
    optimiser = read_section(OptimiserConfig, config.get("optimiser"), "optimiser")
    return FilmRecipe(film, pairs, optimiser, loss, features=settings.features)


def _open(settings: DataConfig) -> Any:
    source = settings.source if settings.root is None else f"{settings.source}={settings.root}"
    dataset = open_dataset(source, data_root=settings.data_root, options=settings.options)
    return dataset if settings.limit is None else _Limited(dataset, settings.limit)


class _Limited:
    """The first samples of a data set."""

    def __init__(self, dataset: Any, limit: int) -> None:
        self.name, self.task, self.problems = dataset.name, dataset.task, dataset.problems
        self.samples = tuple(dataset.samples)[:limit]


def _first(batch: Mapping[str, Any], name: str) -> Tensor | None:
    return batch[name][:4] if name in batch else None
