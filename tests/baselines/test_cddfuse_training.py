"""CDDFuse's training: its windows, its phases in the shared loop, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

from fusionbench.plugins import current_plugins
from fusionbench.training import TrainingConfig, read_section, train
from fusionbench.training.journal import read_losses
from fusionbench.types import DataError, UsageError
from fusionbench_cddfuse.method import CDDFuse
from fusionbench_cddfuse.training import CDDFuseRecipe, DataConfig, Objective, PhasesConfig, recipe
from fusionbench_cddfuse.windows import WindowPairs, cut, has_contrast, open_windows
from tests.helpers.shared import shared_path

pytest.importorskip("accelerate")

SETTINGS = TrainingConfig(
    epochs=2, batch_size=2, device="cpu", log_steps=1, tensorboard=False, drop_last=False, picture_epochs=0
)


def windows(count: int = 3, size: int = 16) -> WindowPairs:
    generator = torch.Generator().manual_seed(0)
    return WindowPairs([tuple(torch.rand(2, 1, size, size, generator=generator)) for _ in range(count)])


def _changed(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    """Sub-networks of which any tensor differs."""
    return {name.partition(".")[0] for name, t in network.state_dict().items() if not torch.equal(t, before[name])}


def test_both_phases_run_and_train_their_parts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = CDDFuseRecipe(windows(), PhasesConfig(first=1))
    before = {name: tensor.clone() for name, tensor in made.network.state_dict().items()}
    train(made, replace(SETTINGS, epochs=1), out=tmp_path)
    changed = _changed(made.network, before)
    assert changed == {"DIDF_Encoder", "DIDF_Decoder"}
    result = train(made, SETTINGS, out=tmp_path)
    changed = _changed(made.network, before)
    assert changed == {"DIDF_Encoder", "DIDF_Decoder", "BaseFuseLayer", "DetailFuseLayer"}
    assert result.steps == 4
    method = CDDFuse()
    method.load(torch.device("cpu"), result.weights)
    assert all(torch.equal(t, method.network.state_dict()[name]) for name, t in load_file(result.weights).items())


def test_rates_follow_the_released_schedule() -> None:
    made = CDDFuseRecipe(windows(), PhasesConfig())
    part = made.parts[0]
    rates = []
    for _ in range(160):
        rates.append(part.optimiser.param_groups[0]["lr"])
        part.optimiser.step()
        part.scheduler.step()
    assert [rates[epoch] for epoch in (0, 19, 20, 40, 119)] == pytest.approx([1e-4, 1e-4, 5e-5, 2.5e-5, 3.125e-6])
    assert rates[-1] == pytest.approx(1e-6)
    assert [(p.name, p.first_epoch, p.clip_norm) for p in made.parts] == [
        ("DIDF_Encoder", 0, 0.01),
        ("DIDF_Decoder", 0, 0.01),
        ("BaseFuseLayer", 40, 0.01),
        ("DetailFuseLayer", 40, 0.01),
    ]


def test_gradients_reach_both_composed_convolutions() -> None:
    torch.manual_seed(0)
    objective = Objective(CDDFuseRecipe(windows(), PhasesConfig()).network, first=0)
    pair = torch.rand(2, 1, 1, 12, 12)
    objective({"visible": pair[0], "infrared": pair[1]}, 0)["total"].backward()
    attention = objective.network.BaseFuseLayer.attn
    assert attention.qkv1.weight.grad.abs().max() > 0
    assert attention.qkv2.weight.grad.abs().max() > 0
    assert all(p.grad is not None for p in objective.network.parameters())


def test_windows_lie_at_the_stride_and_need_contrast() -> None:
    images = torch.rand(2, 1, 480, 640, generator=torch.Generator().manual_seed(0))
    assert len(list(cut(images[0], images[1], size=128, stride=200))) == 6
    images[0, :, :128, :128] = 0.5
    pairs = list(cut(images[0], images[1], size=128, stride=200))
    assert len(pairs) == 5
    assert torch.equal(pairs[0][1], images[1, :, :128, 200:328])
    assert has_contrast(torch.zeros(1, 8, 8))


def test_the_authors_file_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "MSRS_train_imgsize_128_stride_200.h5"
    values = np.random.default_rng(0).random((2, 3, 1, 128, 128), dtype=np.float32)
    with h5py.File(path, "w") as file:
        for group, arrays in zip(("ir_patchs", "vis_patchs"), values, strict=True):
            for index, array in enumerate(arrays):
                file.create_dataset(f"{group}/{index}", data=array)
    data = open_windows(str(path))
    assert len(data) == 3
    assert torch.equal(data.pairs[2][1], torch.from_numpy(values[1, 2]))
    with h5py.File(path, "a") as file:
        del file["vis_patchs/1"]
    with pytest.raises(DataError, match="no window '1'"):
        open_windows(str(path))


def test_the_released_configuration_is_the_default() -> None:
    released = yaml.safe_load(Path(current_plugins().methods["cddfuse"].training_configs["released"]).read_text())
    assert read_section(PhasesConfig, released["phases"], "phases") == PhasesConfig()
    assert read_section(DataConfig, released["data"], "data") == DataConfig(source="msrs@train")
    training = read_section(TrainingConfig, released["training"], "training")
    assert (training.epochs, training.batch_size, training.drop_last) == (120, 8, False)


def test_configuration_mistakes_are_named() -> None:
    with pytest.raises(UsageError, match="unknown section 'phase'"):
        recipe({"phase": {}}, SETTINGS)
    with pytest.raises(UsageError, match=r"phases: unknown key 'frist'"):
        recipe({"phases": {"frist": 3}, "data": {"source": "x.h5"}}, SETTINGS)
    with pytest.raises(UsageError, match=r"data\.source is missing"):
        recipe({}, SETTINGS)


@pytest.mark.shared
@pytest.mark.slow
def test_it_learns_a_few_real_windows(tmp_path: Path) -> None:
    """Phase I halves the reconstruction error of two windows, phase II the distance of the fused image."""
    torch.manual_seed(0)
    root = shared_path("data", "MSRS")
    made = recipe(
        {
            "data": {"source": "msrs@test", "root": str(root), "size": 32, "stride": 300},
            "phases": {"first": 12, "rate": "1e-3", "halve_every": 100},
        },
        SETTINGS,
    )
    made.data.pairs = made.data.pairs[:2]
    trained = replace(SETTINGS, epochs=28, checkpoint_epochs=28)
    result = train(made, trained, out=tmp_path)
    totals = [float(row["value"]) for row in read_losses(result.losses) if row["name"] == "loss/total"]
    assert min(totals[8:12]) < totals[0] / 2
    assert min(totals[-4:]) < totals[12] / 2
