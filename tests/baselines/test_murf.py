"""MURF's fusion network against the official one with its published weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from fusionbench import Batch, Task
from fusionbench_murf.network import MURF, MURFMethod, _to_square
from tests.baselines.golden import Case, assert_crop, assert_output, cases, loaded, tensor


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("murf"))
def test_crops(case: Case) -> None:
    network = loaded("murf", case.weights).network
    assert_crop(network(*map(tensor, case.crops())), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("murf"))
def test_whole_images(case: Case) -> None:
    network = loaded("murf", case.weights).network
    assert_output(network(*map(tensor, case.images())), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("murf"))
def test_luma_of_the_result_is_the_networks(case: Case) -> None:
    method = loaded("murf", case.weights, output="plain")
    visible, infrared = map(tensor, case.crops())
    fused = method.fuse(Batch(sources=(infrared.expand(-1, 3, -1, -1), visible), task=Task.IVF))
    luma = (fused * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    # The authors' two colour matrices are inverse to each other to three digits only.
    np.testing.assert_allclose(luma[0, 0].numpy(), case.array("crop_out"), atol=2e-3)


@pytest.mark.parametrize(("shared", "outputs", "channels"), [(False, 1, 3), (True, 1, 1), (True, 3, 3)])
@pytest.mark.parametrize("output", ["official", "plain"])
def test_weights_decide_the_variant(tmp_path: Path, shared: bool, outputs: int, channels: int, output: str) -> None:
    network = MURF(shared=shared, outputs=outputs)
    state = network.state_dict() | {"conv1_offset.offset_conv.conv1.kernel": torch.zeros(2)}
    save_file(state, tmp_path / "murf.safetensors")
    method = MURFMethod(output=output, square=32)
    method.load(torch.device("cpu"), tmp_path / "murf.safetensors")
    batch = Batch(sources=(torch.rand(2, 3, 20, 28), torch.rand(2, 3, 20, 28)), task=Task.IVF)
    fused = method.finish(method.fuse(batch), batch)
    assert fused.shape == (2, channels, 20, 28)
    if output == "official":
        torch.testing.assert_close(fused.amax((1, 2, 3)), torch.ones(2))


@pytest.mark.parametrize("side", [40, 120])
def test_resizing_to_the_square_is_pillows(side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))
    found = (_to_square(tensor(pixels), side)[0].movedim(0, -1) * 255).round().numpy()
    assert np.abs(found - expected).max() <= 1
