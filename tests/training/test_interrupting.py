"""Ctrl-C during a training, and starting again where another one has been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusionbench.training.checkpoint import latest
from tests.training.recipes import ToyRecipe
from tests.training.test_loop import config, train

pytest.importorskip("accelerate")

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
import time
import fusionbench as fb
from tests.training.recipes import Noise, ToyRecipe


class Slow(Noise):
    def __getitem__(self, draw):
        time.sleep(0.02)
        return super().__getitem__(draw)


def trainer(own, training):
    recipe = ToyRecipe()
    recipe.data = Slow(400)
    return recipe


def fusionbench_methods():
    return [fb.MethodSpec(name="toy", tasks=(fb.Task.IVF,), factory=object, trainer=trainer)]
"""

CONFIG = """
training: {epochs: 50, batch_size: 2, device: cpu, log_steps: 1, tensorboard: false, WORKERS, STEPS}
"""


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("steps", [1, 0], ids=["with-checkpoint", "without"])
def test_ctrl_c_ends_a_training_with_a_message(tmp_path: Path, workers: int, steps: int) -> None:
    plugin, settings = tmp_path / "toy.py", tmp_path / "toy.yaml"
    plugin.write_text(PLUGIN)
    settings.write_text(CONFIG.replace("WORKERS", f"workers: {workers}").replace("STEPS", f"checkpoint_steps: {steps}"))
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "fusionbench", "train", "toy", "-p", plugin, "--config", settings, "--out", out],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A terminal sends Ctrl-C to the whole group.
        start_new_session=True,
    )
    losses = out / "losses.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if losses.exists() and losses.read_text().count("\n") > 3 and (not steps or latest(out / "checkpoints")):
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    last = latest(out / "checkpoints")
    if steps:
        assert f"interrupted; the last checkpoint is {last}" in errors
    else:
        assert last is None
        assert "interrupted before the first checkpoint" in errors


def test_starting_again_gives_up_the_checkpoints_of_the_other_training(tmp_path: Path) -> None:
    train(ToyRecipe(), config(epochs=3), out=tmp_path)
    old = latest(tmp_path / "checkpoints")
    recipe = ToyRecipe(seed=1)
    recipe.objective.fail_at = 7
    with pytest.raises(KeyboardInterrupt):
        train(recipe, config(epochs=3), out=tmp_path, fresh=True)
    new = latest(tmp_path / "checkpoints")
    assert new is not None
    assert old is not None
    assert new.name < old.name
    assert not old.exists()
