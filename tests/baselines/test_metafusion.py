"""MetaFusion against its golden values, and through its official container."""

from __future__ import annotations

import colorsys
from pathlib import Path

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_metafusion.method import MetaFusion
from fusionbench_metafusion.network import FusionNet
from tests.helpers.golden import GoldenMethod, fill_golden, manifest, shapes


@pytest.fixture
def golden() -> GoldenMethod:
    return GoldenMethod("metafusion")


@pytest.fixture
def method(golden: GoldenMethod) -> MetaFusion:
    found = MetaFusion()
    found.load_untrained(torch.device("cpu"))
    assert fill_golden(found.network, gain=golden.gain) == golden.sha256
    return found


@pytest.mark.shared
@torch.inference_mode()
def test_network_matches_golden(golden: GoldenMethod, method: MetaFusion) -> None:
    inputs = golden.inputs("c72x96")
    x = torch.cat((inputs["ir"], inputs["vis_rgb"]), dim=1)
    weights = method.network(x)
    torch.testing.assert_close(weights, golden.expected("c72x96", "weights"), atol=1e-5, rtol=0)
    for index, block in enumerate(method.network.block1):
        x = block(x)
        torch.testing.assert_close(x[:, :4], golden.expected("c72x96", f"block1.{index}_first4"), atol=1e-5, rtol=0)
    fused = method.brightness(*inputs.values())
    torch.testing.assert_close(fused, golden.expected("c72x96", "fused"), atol=1e-5, rtol=0)
    levels = (fused[0, 0].clamp(0, 1) * 255).to(torch.uint8).int()
    assert (levels - golden.expected("c72x96", "brightness_uint8").int()).abs().max() <= 1


@pytest.mark.shared
@torch.inference_mode()
def test_real_pair_through_the_method(golden: GoldenMethod, method: MetaFusion) -> None:
    infrared, visible = (image.expand(-1, 3, -1, -1) for image in golden.inputs("real").values())
    batch = Batch(sources=(infrared, visible), task=Task.IVF)
    fused = method.fuse(batch)
    torch.testing.assert_close(fused, golden.expected("real", "fused"), atol=1e-5, rtol=0)
    finished = method.finish(fused, batch)
    torch.testing.assert_close(finished, torch.floor(fused * 255).expand(-1, 3, -1, -1) / 255, atol=1e-6, rtol=0)


@pytest.mark.shared
def test_state_dict_has_the_official_names() -> None:
    assert shapes(FusionNet()) == manifest("metafusion", "model")


@pytest.fixture
def random_method(tmp_path: Path) -> MetaFusion:
    torch.manual_seed(0)
    path = tmp_path / "model_weight.pth"
    torch.save(FusionNet().state_dict(), path)
    method = MetaFusion()
    method.load(torch.device("cpu"), path)
    return method


@torch.inference_mode()
def test_images_of_a_batch_are_independent(random_method: MetaFusion) -> None:
    batch = Batch(sources=(torch.rand(2, 3, 18, 23), torch.rand(2, 3, 18, 23)), task=Task.IVF)
    fused = random_method.fuse(batch)
    assert fused.shape == (2, 1, 18, 23)
    second = Batch(sources=tuple(source[1:] for source in batch.sources), task=Task.IVF)
    torch.testing.assert_close(fused[1:], random_method.fuse(second), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_finish_keeps_hue_and_saturation(random_method: MetaFusion) -> None:
    visible = torch.rand(1, 3, 2, 2)
    visible[..., 0, 0] = 0  # black has neither hue nor saturation
    value = torch.full((1, 1, 2, 2), 0.6)
    batch = Batch(sources=(visible, visible), task=Task.IVF)
    finished = random_method.finish(value, batch)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        hue, saturation, _ = colorsys.rgb_to_hsv(*visible[0, :, row, column].tolist())
        expected = colorsys.hsv_to_rgb(hue, saturation, 153 / 255)
        torch.testing.assert_close(finished[0, :, row, column], torch.tensor(expected), atol=1e-5, rtol=0)
    assert finished[0, :, 0, 0].tolist() == pytest.approx([0.6] * 3)


@torch.inference_mode()
def test_official_size_returns_the_native_one(random_method: MetaFusion) -> None:
    random_method.size = (12, 16)
    batch = Batch(sources=(torch.rand(1, 3, 20, 30), torch.rand(1, 3, 20, 30)), task=Task.IVF)
    assert random_method.fuse(batch).shape == (1, 1, 20, 30)
