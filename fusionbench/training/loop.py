"""The loop: from a recipe and its settings to weights, resumable at any checkpoint."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch.utils.data import DataLoader

from fusionbench.locking import locked
from fusionbench.training import checkpoint
from fusionbench.training.config import TrainingConfig
from fusionbench.training.ema import WeightAverage
from fusionbench.training.journal import TrainingJournal
from fusionbench.training.processes import ElsewhereError, Team, prepared_accelerator
from fusionbench.training.recipe import Part, Recipe
from fusionbench.training.resuming import Position, Resumable
from fusionbench.training.sampling import EpochBatches
from fusionbench.types import FusionBenchError, Method, UsageError

if TYPE_CHECKING:
    from accelerate import Accelerator

LOCK = "training.lock"

Validate = Callable[[Method], Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a training is, for whoever displays it.

    Attributes:
        epoch, epochs: Epochs finished and in all.
        step, steps: Steps made and in all.
        losses: The latest logged values.
        seconds_per_step: Mean of this process so far.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    losses: Mapping[str, float]
    seconds_per_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a finished training left behind.

    Attributes:
        weights: Final weights, as ``fusionbench run`` loads them.
        best: Weights of the best validation, if there was one.
        losses: The CSV file with every logged value.
        steps: Steps made in all, those before a resume included.
        scores: The last validation's means.
    """

    weights: Path
    best: Path | None
    losses: Path
    steps: int
    scores: Mapping[str, float]


class Means(dict[str, float]):
    """The mean of each metric; NaN where no sample has a value.

    Attributes:
        incomplete: Metrics whose mean misses samples, which must not win by failing on the hard ones.
    """

    def __init__(self, means: Mapping[str, float], incomplete: Iterable[str] = ()) -> None:
        super().__init__(means)
        self.incomplete = frozenset(incomplete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """When to validate, and how.

    Attributes:
        score: Given the method with the present weights, the mean of each metric (:class:`Means` where some
            may miss samples).
        every: Epochs between validations.
        best: The metric that decides which weights are kept as the best, and whether more is better.
    """

    score: Validate
    every: int = 1
    best: tuple[str, bool] | None = None


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch; call it before a recipe makes its networks."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def train(
    recipe: Recipe,
    training: TrainingConfig,
    *,
    out: Path,
    settings: Mapping[str, Any] | None = None,
    validation: Validation | None = None,
    fresh: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a recipe, or go on with a training that was interrupted.

    The order of samples, their crops and every loss are the same whether a training was
    interrupted or not, on the same machine and number of processes.

    Args:
        recipe: What to train; see :class:`Recipe`.
        training: Settings of the loop.
        out: Folder for weights, checkpoints and logs.
        settings: The whole configuration, stored in checkpoints; a resume with another one is
            refused.
        validation: Scoring between epochs.
        fresh: Ignore checkpoints that lie in ``out``.
        progress: Called after each logged step.

    Of several processes each calls this, and each returns or raises.

    Raises:
        UsageError: No sample, an empty epoch, a checkpoint of other settings, another training in ``out``, or
            processes that a launcher was asked for and did not start.
        FusionBenchError: A loss is not finite, in any process.
        ElsewhereError: What the main process did for all failed.
        WeightsError: A damaged checkpoint.
        MissingExtraError: ``accelerate`` is not installed.
    """
    with prepared_accelerator(training, unused_parameters=recipe.unused_parameters) as accelerator, ExitStack() as held:
        team = Team(accelerator)
        # Of the processes of one training the main one holds the folder for all.
        team.alone(lambda: held.enter_context(locked(out, LOCK)))
        return _Loop(accelerator, team, recipe, training, out, settings or {}, validation, fresh, progress).run()


class _Loop:
    def __init__(
        self,
        accelerator: Accelerator,
        team: Team,
        recipe: Recipe,
        training: TrainingConfig,
        out: Path,
        settings: Mapping[str, Any],
        validation: Validation | None,
        fresh: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.accelerator, self.team, self.recipe, self.training, self.out = accelerator, team, recipe, training, out
        self.validation, self.progress = validation, progress
        self._stand_at(Position())
        self.scores: Mapping[str, float] = {}
        self.steps_per_epoch = len(self._batches(0))
        if not self.steps_per_epoch:
            raise UsageError(
                f"training: {len(recipe.data)} samples give no complete batch of {training.batch_size}.",
                hint="Use a smaller batch_size, drop_last: false, or more data.",
            )
        self.objective = accelerator.prepare(recipe.objective)
        self.optimisers = {part.name: accelerator.prepare(part.optimiser) for part in recipe.parts}
        self.average = WeightAverage(recipe.objective, training.ema) if training.ema else None
        self.resumable = Resumable(
            accelerator=accelerator,
            recipe=recipe,
            optimisers=self.optimisers,
            average=self.average,
            settings=settings,
            folder=out / checkpoint.FOLDER,
        )
        if not fresh:
            self._stand_at(self.resumable.restore())

    def _stand_at(self, at: Position) -> None:
        self.epoch, self.epoch_step, self.step, self.best = at.epoch, at.epoch_step, at.step, at.best

    def run(self) -> TrainingResult:
        """Make the remaining epochs."""
        journal = self.team.alone(
            lambda: TrainingJournal(self.out, after_step=self.step, tensorboard=self.training.tensorboard)
        )
        self._started, self._first_step = time.monotonic(), self.step
        with journal or nullcontext():
            for epoch in range(self.epoch, self.training.epochs):
                self._run_epoch(epoch, journal)
        weights = self.out / "weights.safetensors"
        with self._averaged():
            self.team.alone(lambda: self.recipe.export(weights))
        best = self.out / "best.safetensors"
        return TrainingResult(
            weights=weights,
            best=best if best.exists() else None,
            losses=self.out / "losses.csv",
            steps=self.step,
            scores=self.scores,
        )

    def _run_epoch(self, epoch: int, journal: TrainingJournal | None) -> None:
        self.epoch = epoch
        batch: Mapping[str, Any] = {}
        active = [part for part in self.recipe.parts if epoch >= part.first_epoch]
        for batch in self._read(self._loader(epoch)):
            terms = self._make_step(batch, epoch, active)
            if self.step % self.training.log_steps == 0 or self.epoch_step == self.steps_per_epoch:
                self._log(journal, epoch, terms, active)
            every = self.training.checkpoint_steps
            if every and self.step % every == 0 and self.epoch_step < self.steps_per_epoch:
                self._save()
        for part in active:
            if part.scheduler is not None:
                part.scheduler.step()
        last = epoch + 1 == self.training.epochs
        self.team.alone(lambda: self._look(journal, batch, epoch, last))
        self.epoch, self.epoch_step = epoch + 1, 0
        if (epoch + 1) % self.training.checkpoint_epochs == 0 or last:
            self._save()

    def _read(self, loader: DataLoader[Any]) -> Iterator[Mapping[str, Any]]:
        """The batches; what one process cannot read ends all, with the message of that one alone."""
        batches = iter(loader)
        for _ in range(len(loader)):
            batch: Mapping[str, Any] = {}
            failure: Exception | None = None
            try:
                batch = next(batches)
            except Exception as error:
                failure = error
            if self.team.any(failure is not None):
                raise failure or ElsewhereError("another process cannot read its samples.")
            yield batch

    def _look(self, journal: TrainingJournal | None, batch: Mapping[str, Any], epoch: int, last: bool) -> None:
        """Pictures and validation after an epoch, where they are due; only the main process, which has a journal."""
        assert journal is not None
        if batch and self.training.picture_epochs and (epoch % self.training.picture_epochs == 0 or last):
            with torch.no_grad(), self._averaged():
                journal.pictures(self.step, self.recipe.pictures(self._to_device(batch)))
        if self.validation and ((epoch + 1) % self.validation.every == 0 or last):
            self._validate(self.validation, journal, epoch)

    def _make_step(self, batch: Mapping[str, Any], epoch: int, active: list[Part]) -> Mapping[str, torch.Tensor]:
        self.objective.train()
        terms = self.objective(self._to_device(batch), epoch)
        total = terms["total"]
        # Of several processes all have to know, before they wait for each other's gradients.
        if self.team.any(~torch.isfinite(total.detach())):
            self._refuse(terms, epoch)
        self.accelerator.backward(total)
        for part in active:
            norm = part.clip_norm or self.training.clip_norm
            if norm:
                self.accelerator.clip_grad_norm_(part.module.parameters(), norm)
            self.optimisers[part.name].step()
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        if self.average is not None:
            self.average.update()
        self.step += 1
        self.epoch_step += 1
        return {name: value.detach() for name, value in terms.items()}

    def _refuse(self, terms: Mapping[str, torch.Tensor], epoch: int) -> NoReturn:
        """End the training in every process; the message is that of the first process whose loss is not finite."""
        gathered = self.team.gathered(torch.stack([value.detach().float() for value in terms.values()])).tolist()
        total = list(terms).index("total")
        bad = next(number for number, values in enumerate(gathered) if not math.isfinite(values[total]))
        values = ", ".join(f"{name} {value:g}" for name, value in zip(terms, gathered[bad], strict=True))
        where = f" in process {bad}" if self.team.several else ""
        kind = FusionBenchError if self.team.main else ElsewhereError
        raise kind(
            f"the loss is not finite after {self.step} steps (epoch {epoch + 1}){where}: {values}.",
            hint="Lower the learning rate, set training.clip_norm, or use precision: 'no'. Checkpoints are kept.",
        )

    def _log(
        self, journal: TrainingJournal | None, epoch: int, terms: Mapping[str, torch.Tensor], active: list[Part]
    ) -> None:
        """Record the losses' means over all processes; every process has to call it."""
        means = self.accelerator.reduce(torch.stack(list(terms.values())), "mean").tolist()
        if journal is None:
            return
        losses = {f"loss/{name}": mean for name, mean in zip(terms, means, strict=True)}
        rates = {f"rate/{part.name}": float(part.optimiser.param_groups[0]["lr"]) for part in active}
        journal.scalars(self.step, epoch, losses | rates)
        if self.progress is not None:
            elapsed = time.monotonic() - self._started
            self.progress(
                Progress(
                    epoch=epoch,
                    epochs=self.training.epochs,
                    step=self.step,
                    steps=self.steps_per_epoch * self.training.epochs,
                    losses=losses,
                    seconds_per_step=elapsed / (self.step - self._first_step),
                )
            )

    def _validate(self, validation: Validation, journal: TrainingJournal, epoch: int) -> None:
        with torch.no_grad(), self._averaged():
            self.recipe.objective.eval()
            means = validation.score(self.recipe.method())
            self.scores = dict(means)
            journal.scalars(self.step, epoch, {f"score/{name}": value for name, value in self.scores.items()})
            if validation.best is not None:
                name, more_is_better = validation.best
                value = self.scores[name]
                ranked = not math.isnan(value) and name not in getattr(means, "incomplete", ())
                if ranked and (self.best is None or (value > self.best) == more_is_better):
                    self.best = value
                    self.recipe.export(self.out / "best.safetensors")

    def _batches(self, epoch: int) -> EpochBatches:
        return EpochBatches(
            len(self.recipe.data),
            batch_size=self.training.batch_size,
            seed=self.training.seed,
            epoch=epoch,
            drop_last=self.training.drop_last,
            first=self.epoch_step,
            limit=self.training.steps_per_epoch,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )

    def _loader(self, epoch: int) -> DataLoader[Any]:
        return DataLoader(
            self.recipe.data,  # type: ignore[arg-type]  # torch asks a Dataset for no more
            batch_sampler=self._batches(epoch),
            collate_fn=self.recipe.collate,
            num_workers=self.training.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            # Otherwise each new iterator would draw from the global generator, and a resume in the
            # middle of an epoch makes one more of them.
            generator=torch.Generator(),
        )

    def _to_device(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        device = self.accelerator.device
        return {
            key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
            for key, value in batch.items()
        }

    def _averaged(self) -> Any:
        return self.average.applied() if self.average is not None else nullcontext()

    def _save(self) -> None:
        at = Position(epoch=self.epoch, epoch_step=self.epoch_step, step=self.step, best=self.best)
        self.team.alone(lambda: self.resumable.save(at, keep=self.training.keep))
