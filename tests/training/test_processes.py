"""Training in several processes, as people start it: two on the CPU, which talk through gloo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fusionbench.training.journal import read_losses
from fusionbench.training.launching import processes_asked, refuse_missing_processes
from fusionbench.types import UsageError
from tests.training.recipes import ToyRecipe
from tests.training.test_loop import config, train

pytest.importorskip("accelerate")

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
import os
import time
from datetime import timedelta

import torch

import fusionbench as fb
from tests.training.recipes import ToyRecipe


class Recipe(ToyRecipe):
    def __init__(self, toy):
        super().__init__()
        self.toy = toy
        self.objective.dropout.p = 0.0  # Masks are drawn by each process for itself.
        self.data.unreadable = toy.get("unreadable")
        if os.environ["RANK"] == "1":
            self.objective.poison_at = toy.get("poison")

    def pictures(self, batch):
        time.sleep(self.toy.get("seconds", 0))
        return super().pictures(batch)

    def export(self, path):
        if "full" in self.toy:
            raise fb.FusionBenchError("the disk is full.")
        super().export(path)


def trainer(own, training):
    if "patience" in own["toy"]:  # Of the training's collectives.
        torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=own["toy"]["patience"]))
    return Recipe(own["toy"])


def fusionbench_methods():
    return [fb.MethodSpec(name="toy", tasks=(fb.Task.IVF,), factory=object, trainer=trainer)]
"""

CONFIG = "training: {epochs: 2, batch_size: 2, device: auto, log_steps: 1, tensorboard: false}\ntoy: {TOY}\n"

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--no_python", sys.executable)
ACCELERATE = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--no_python", sys.executable)


def trained(folder: Path, *launcher: str, toy: str = "", options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    plugin, settings = folder / "toy.py", folder / "toy.yaml"
    plugin.write_text(PLUGIN)
    settings.write_text(CONFIG.replace("TOY", toy))
    words = ["-m", "fusionbench", "train", "toy", "-p", plugin, "--config", settings, "--out", folder / "out", *options]
    kept = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "MASTER_PORT")}
    return subprocess.run(
        [sys.executable, *launcher, *words],
        env={**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("way", ["torchrun", "accelerate", "own"])
def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path, way: str) -> None:
    launcher = {"torchrun": TORCHRUN, "accelerate": ACCELERATE, "own": ()}[way]
    done = trained(tmp_path, *launcher, options=("--processes", "2") if way == "own" else ())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("weights:") == 1
    alone = ToyRecipe()
    alone.objective.dropout.p = 0.0
    train(alone, config(epochs=2, batch_size=4, clip_norm=None), out=tmp_path / "alone")
    two, one = (read_losses(tmp_path / name / "losses.csv") for name in ("out", "alone"))
    assert [row["name"] for row in two] == [row["name"] for row in one]
    assert [float(row["value"]) for row in two] == pytest.approx([float(row["value"]) for row in one], rel=1e-4)
    weights, expected = (load_file(tmp_path / name / "weights.safetensors") for name in ("out", "alone"))
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-5)


def test_what_one_process_does_alone_may_last_longer_than_a_collective(tmp_path: Path) -> None:
    done = trained(tmp_path, *TORCHRUN, toy="patience: 4, seconds: 7")
    assert done.returncode == 0, done.stderr
    assert len({row["step"] for row in read_losses(tmp_path / "out" / "losses.csv")}) == 4


def test_a_loss_that_is_not_finite_in_one_process_ends_all_with_one_message(tmp_path: Path) -> None:
    done = trained(tmp_path, toy="poison: 3", options=("--processes", "2"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("not finite after 2 steps (epoch 2) in process 1: total nan, error nan") == 1, done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


def test_a_sample_that_one_process_cannot_read_ends_all_with_one_message(tmp_path: Path) -> None:
    done = trained(tmp_path, toy="unreadable: 3", options=("--processes", "2"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: sample 3 cannot be read") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_what_fails_in_the_main_process_ends_all_with_one_message(tmp_path: Path) -> None:
    done = trained(tmp_path, toy="full: true", options=("--processes", "2"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("the disk is full") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_processes_that_were_not_started_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert processes_asked() == 1
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # As accelerate tells, which is not our parent here.
    with pytest.raises(UsageError, match="started this one only"):
        refuse_missing_processes()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert processes_asked() == 1
