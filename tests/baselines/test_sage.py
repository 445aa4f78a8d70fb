"""SAGE against the official network with its published weights, and the images its script saves."""

from __future__ import annotations

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench.images.colour import gray_as_opencv, luma
from fusionbench_sage.network import SAGEMethod, ycrcb_as_opencv
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input

ALL = cases("sage")
NOISE, REAL = ALL[:2], ALL[2:]


@pytest.mark.shared
@pytest.mark.parametrize("case", NOISE)
def test_noise(case: Case) -> None:
    network = loaded("sage", case.weights).network
    visible, infrared = (golden_input(entry["seed"], tuple(entry["shape"])) for entry in case.facts["inputs"].values())
    first = network.module1(torch.cat((visible, infrared), 1))
    assert_near(first[:, ::5, ::2, ::2], case.array("mid_x1"))
    assert_near(network(visible, infrared), case.array("out"))


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_crops_and_what_is_saved_of_them(case: Case) -> None:
    method = loaded("sage", case.weights)
    batch = Batch(sources=(tensor(case.array("crop_ir")), tensor(case.array("crop_vi"))), task=Task.IVF)
    fused = method.fuse(batch)
    assert_near(fused, case.array("crop_out"))
    assert_levels(method.finish(fused, batch), case.array("crop_u8"), most=0.002)


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_whole_images_and_what_is_saved_of_them(case: Case) -> None:
    method, facts = loaded("sage", case.weights), case.facts
    infrared, visible = (
        tensor(decoded(facts[side].removeprefix("data/"), facts[f"{side}_sha256_of_decoded_rgb_bytes"], "RGB"))
        for side in ("ir", "vi")
    )
    window = (..., slice(64, 128, 4), slice(64, 128, 4))
    planes = torch.cat(ycrcb_as_opencv(visible), 1)[window]
    assert (planes[0].movedim(0, -1).numpy() == case.array("ycrcb_u8_window4")).all()
    assert_near(gray_as_opencv(infrared)[window] * 255, case.array("ir_u8_window4"), 1e-3)
    batch = Batch(sources=(infrared, visible), task=Task.IVF)
    fused = method.fuse(batch)
    assert_near(fused[..., ::8, ::8], case.array("out_strided"))
    assert_levels(method.finish(fused, batch)[..., 64:128, 64:128], case.array("u8_window"), most=0.002)


def test_grays_come_back_with_the_script_s_tint() -> None:
    gray = torch.full((1, 3, 1, 1), 120 / 255)
    batch = Batch(sources=(gray, gray), task=Task.IVF)
    level = torch.full((1, 1, 1, 1), 120 / 255)
    tinted = SAGEMethod().finish(level, batch) * 255
    torch.testing.assert_close(tinted.flatten(), torch.tensor([120.70, 119.47, 120.89]), atol=0.01, rtol=0)
    torch.testing.assert_close(SAGEMethod(output="plain").finish(level, batch), gray)


def test_opencv_s_gray_is_luma_within_a_level() -> None:
    colours = torch.randint(0, 256, (1, 3, 100, 100)) / 255
    difference = (gray_as_opencv(colours) * 255 - luma(colours) * 255).abs()
    assert difference.max() < 0.51
    gray = torch.arange(256).view(1, 1, 16, 16).expand(1, 3, 16, 16) / 255
    assert torch.equal((gray_as_opencv(gray) * 255).round(), (gray[:, :1] * 255).round())
