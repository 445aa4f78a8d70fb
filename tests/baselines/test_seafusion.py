"""SeAFusion against the official network with its published weights, and the images its script saves."""

from __future__ import annotations

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_seafusion.network import SeAFusion
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input

ALL = cases("seafusion")
NOISE, REAL = ALL[:2], ALL[2:]


@pytest.mark.shared
@pytest.mark.parametrize("case", NOISE)
def test_noise(case: Case) -> None:
    network = loaded("seafusion", case.weights).network
    inputs = [golden_input(entry["seed"], tuple(entry["shape"])) for entry in case.facts["inputs"].values()]
    for branch, image in zip(("vis", "inf"), inputs, strict=True):
        features = getattr(network, f"{branch}_conv")(image).maximum(0.2 * getattr(network, f"{branch}_conv")(image))
        assert_near(features[:, ::5, ::4, ::4], case.array(f"mid_{branch}_conv"))
        block = getattr(network, f"{branch}_rgbd1")(features)
        assert_near(block[:, ::5, ::4, ::4], case.array(f"mid_{branch}_rgbd1"))
    assert_near(network(*inputs), case.array("out"))


def batch_of(infrared: torch.Tensor, visible: torch.Tensor) -> Batch:
    return Batch(sources=(infrared.expand(-1, 3, -1, -1), visible), task=Task.IVF)


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_crops_and_what_is_saved_of_them(case: Case) -> None:
    method = loaded("seafusion", case.weights)
    batch = batch_of(tensor(case.array("crop_ir")), tensor(case.array("crop_vi")))
    fused = method.fuse(batch)
    assert_near(fused, case.array("crop_out"))
    assert_levels(method.finish(fused, batch), case.array("crop_u8"), most=0.002)


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_whole_images_and_what_is_saved_of_them(case: Case) -> None:
    method, facts = loaded("seafusion", case.weights), case.facts
    infrared = decoded(facts["ir"].removeprefix("data/"), facts["ir_sha256_of_decoded_bytes"], "L")
    visible = decoded(facts["vi"].removeprefix("data/"), facts["vi_sha256_of_decoded_bytes"], "RGB")
    batch = batch_of(tensor(infrared), tensor(visible))
    fused = method.fuse(batch)
    assert_near(fused[..., ::8, ::8], case.array("out_strided"))
    assert_levels(method.finish(fused, batch)[..., 64:128, 64:128], case.array("u8_window"), most=0.002)


def test_kernels_start_as_sobel_s_and_are_loaded() -> None:
    kernels = SeAFusion().vis_rgbd1.sobelconv
    assert kernels["convx"].weight[3, 0].tolist() == [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
    assert torch.equal(kernels["convy"].weight, kernels["convx"].weight.transpose(2, 3))


@pytest.mark.shared
def test_published_kernels_differ_from_sobel_s() -> None:
    trained, fixed = loaded("seafusion", REAL[0].values[0].weights).network.state_dict(), SeAFusion().state_dict()
    names = [name for name in trained if "sobelconv" in name]
    assert len(names) == 8
    assert max((trained[name] - fixed[name]).abs().max() for name in names) > 0.1
