"""The training loop: resume is exact, parts keep their own pace, and mistakes are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fusionbench.locking import locked
from fusionbench.training import TrainingConfig, train
from fusionbench.training.journal import read_losses
from fusionbench.training.loop import Validation
from fusionbench.types import DataError, FusionBenchError, UsageError, WeightsError
from tests.training.recipes import ToyRecipe

pytest.importorskip("accelerate")

CONFIG = TrainingConfig(epochs=4, batch_size=3, device="cpu", log_steps=1, tensorboard=False, clip_norm=1.0)


def config(**changes: object) -> TrainingConfig:
    from dataclasses import replace

    return replace(CONFIG, **changes)


def values(folder: Path) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in read_losses(folder / "losses.csv")]


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("fail_at", [4, 5, 7, 11])
def test_interrupted_training_ends_as_an_undisturbed_one(tmp_path: Path, fail_at: int, ema: float | None) -> None:
    settings = config(ema=ema, checkpoint_steps=2)
    train(ToyRecipe(), settings, out=tmp_path / "whole")
    broken = ToyRecipe()
    broken.objective.fail_at = fail_at
    with pytest.raises(KeyboardInterrupt):
        train(broken, settings, out=tmp_path / "parts")
    torch.manual_seed(99)
    train(ToyRecipe(seed=5), settings, out=tmp_path / "parts")
    assert values(tmp_path / "parts") == values(tmp_path / "whole")
    whole, parts = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_finished_training_can_be_prolonged(tmp_path: Path) -> None:
    train(ToyRecipe(), config(), out=tmp_path / "whole")
    train(ToyRecipe(), config(epochs=2), out=tmp_path / "parts")
    train(ToyRecipe(), config(), out=tmp_path / "parts")
    assert values(tmp_path / "parts") == values(tmp_path / "whole")


def test_a_late_part_rests_before_its_first_epoch(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    before = recipe.objective.second.weight.detach().clone()
    train(recipe, config(epochs=2), out=tmp_path)
    assert torch.equal(recipe.objective.second.weight, before)
    assert recipe.parts[1].optimiser.param_groups[0]["lr"] == 1e-2
    assert recipe.parts[0].optimiser.param_groups[0]["lr"] == pytest.approx(1e-2 / 4)
    train(recipe, config(epochs=3), out=tmp_path)
    assert not torch.equal(recipe.objective.second.weight, before)


def test_workers_do_not_change_what_is_drawn(tmp_path: Path) -> None:
    train(ToyRecipe(), config(epochs=1), out=tmp_path / "none")
    train(ToyRecipe(), config(epochs=1, workers=2), out=tmp_path / "two")
    assert values(tmp_path / "none") == values(tmp_path / "two")


def test_other_settings_do_not_resume(tmp_path: Path) -> None:
    settings = {"training": {"epochs": 1, "seed": 0}, "loss": {"gradient": 20}}
    train(ToyRecipe(), config(epochs=1), out=tmp_path, settings=settings)
    longer = {"training": {"epochs": 2, "seed": 0}, "loss": {"gradient": 20}}
    train(ToyRecipe(), config(epochs=2), out=tmp_path, settings=longer)
    other = {"training": {"epochs": 2, "seed": 1}, "loss": {"gradient": 10}}
    with pytest.raises(UsageError, match=r"loss\.gradient, training\.seed"):
        train(ToyRecipe(), config(epochs=2), out=tmp_path, settings=other)
    train(ToyRecipe(), config(epochs=1), out=tmp_path, settings=other, fresh=True)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    recipe.objective.poison_at = 5
    with pytest.raises(FusionBenchError, match="not finite after 4 steps"):
        train(recipe, config(), out=tmp_path)
    assert list((tmp_path / "checkpoints").iterdir())


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(ToyRecipe(), config(epochs=1), out=tmp_path)
    (path,) = (tmp_path / "checkpoints").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match=path.name):
        train(ToyRecipe(), config(epochs=2), out=tmp_path)


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path, "training.lock"), pytest.raises(UsageError, match="another fusionbench process"):
        train(ToyRecipe(), config(), out=tmp_path)
    assert train(ToyRecipe(), config(), out=tmp_path).steps


def test_too_few_samples_for_a_batch(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no complete batch"):
        train(ToyRecipe(), config(batch_size=11), out=tmp_path)


def test_validation_keeps_the_best(tmp_path: Path) -> None:
    scores = iter([1.0, 3.0, 2.0, float("nan")])
    validation = Validation(score=lambda method: {"Qabf": next(scores)}, best=("Qabf", True))
    result = train(ToyRecipe(), config(), out=tmp_path, validation=validation)
    recorded = [float(value) for _, _, name, value in values(tmp_path) if name == "score/Qabf"]
    assert recorded[:3] == [1, 3, 2]
    assert result.best is not None
    train(ToyRecipe(), config(epochs=2), out=tmp_path / "two")
    best, two = load_file(result.best), load_file(tmp_path / "two" / "weights.safetensors")
    assert all(torch.equal(best[name], two[name]) for name in best)


def test_tensorboard_gets_terms_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(ToyRecipe(), config(epochs=1, tensorboard=True), out=tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"loss/total", "loss/error", "rate/first"} <= set(events.Tags()["scalars"])
    assert "input" in events.Tags()["images"]


def test_checkpoints_are_kept_as_asked(tmp_path: Path) -> None:
    train(ToyRecipe(), config(keep=3), out=tmp_path)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 3
    assert not json.dumps(sorted(p.name for p in tmp_path.rglob("*.tmp"))).count("tmp")


@pytest.mark.parametrize(
    "text",
    ["no,table\n1,2\n", "step,epoch,name,value\nx,0,loss,1\n", f"step,epoch,name,value\n0,0,{'a' * 200_000},1\n"],
)
def test_a_damaged_file_of_losses_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "losses.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"losses\.csv, line 2: expected step,epoch,name,value"):
        read_losses(tmp_path / "losses.csv")
