"""Both versions of StackMFF against the official networks, with two to eight planes and more."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fusionbench import Batch, Task
from fusionbench.nn.focal_stacks import gray_stack, index_at, select
from fusionbench_stackmff_v2.method import StackMFFV2Method, chosen
from fusionbench_stackmff_v2.network import focal_depth
from fusionbench_stackmff_v4.method import StackMFFV4Method
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input
from tests.helpers.shared import shared_path

EIGHTH = (..., slice(0, None, 8), slice(0, None, 8))
WINDOW = (..., slice(64, 128), slice(64, 128))


def planes_of(case: Case) -> list[torch.Tensor]:
    facts = case.facts["input"]
    if facts["source"].startswith("stored"):
        return list(map(tensor, case.array("stack")))
    return [tensor(decoded(*each)) for each in zip(facts["paths"], facts["decoded_rgb_sha256"], strict=True)]


def scores_and_index(case: Case, method: Any, stack: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scores = method.network(stack)
    return scores, chosen(scores) if case.method == "stackmff_v2" else scores.argmax(1)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("stackmff_v2") + cases("stackmff_v4"))
def test_scores_choice_and_saved_images(case: Case) -> None:
    method, facts = loaded(case.method, case.weights), case.facts
    noise = facts["kind"] == "network only"
    if noise:
        stack = golden_input(facts["input"]["seed"], tuple(facts["input"]["shape"]))[None]
    else:
        planes = planes_of(case)
        stack = gray_stack(planes, 32)
        assert list(stack.shape[-2:]) == facts["network_size"]
    scores, index = scores_and_index(case, method, stack)
    if case.has("score"):
        assert_near(scores, case.array("score"))
    else:
        assert_near(scores[EIGHTH], case.array("score_s8"))
    if case.has("depth"):
        assert_near(focal_depth(scores), case.array("depth"))
    assert (index[0].numpy() != case.array("index_net")).sum() <= facts["near_ties"]
    if noise:
        return
    fused = method.fuse(Batch(sources=tuple(planes), task=Task.MFF))
    pixels = (fused[0] * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    if case.has("color_saved"):
        assert (pixels == case.array("color_saved")).all()
    elif not facts["near_ties"]:
        assert hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() == facts["color_sha256"]
    else:
        assert (pixels[64:128, 64:128] != case.array("color_window")).any(-1).mean() < 0.001
    if case.method == "stackmff_v2":
        method.output = "gray"
        gray = method.fuse(Batch(sources=tuple(planes), task=Task.MFF))
        found, key = (gray, "gray_saved") if case.has("gray_saved") else (gray[WINDOW], "gray_window")
        assert_levels(found, case.array(key))


def untrained(version: str) -> Any:
    torch.manual_seed(0)
    method = StackMFFV2Method() if version == "v2" else StackMFFV4Method()
    method.load_untrained(torch.device("cpu"))
    return method


def stack_of(count: int, height: int = 97, width: int = 131) -> list[torch.Tensor]:
    """A tilted texture seen at several focal distances: the farther a column is from focus, the more it is blurred."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=generator)
    sharp = torch.nn.functional.interpolate(coarse, (height, width), mode="nearest")
    sharp = (sharp + torch.rand(1, 3, height, width, generator=generator)) / 2
    blurred = [
        torch.nn.functional.avg_pool2d(sharp, 2 * radius + 1, 1, radius, count_include_pad=False)
        for radius in range(count)
    ]
    columns = (torch.arange(width) * count // width).expand(height, width)
    planes = [select(blurred, (columns - plane).abs()) for plane in range(count)]
    return [(plane * 255).round() / 255 for plane in planes]


@pytest.mark.parametrize("version", ["v2", "v4"])
@pytest.mark.parametrize("count", [2, 3, 7, 15])
def test_every_pixel_is_one_of_the_planes_whatever_their_number(version: str, count: int) -> None:
    planes = stack_of(count)
    fused = untrained(version).fuse(Batch(sources=tuple(planes), task=Task.MFF))
    differences = torch.cat([(fused - plane).abs().amax(1) for plane in planes])
    assert differences.amin(0).max() == 0


@pytest.mark.shared
@pytest.mark.parametrize("version", ["v2", "v4"])
@pytest.mark.parametrize("count", [3, 6, 12])
def test_long_generated_stacks_are_fused_sharp(version: str, count: int) -> None:
    name = f"stackmff_{version}"
    method = loaded(name, shared_path("weights", name, f"StackMFF-{version.upper()}.safetensors"))
    planes = stack_of(count, 128, 384)
    sharp = select(planes, (torch.arange(384) * count // 384).expand(128, 384))
    fused = method.fuse(Batch(sources=tuple(planes), task=Task.MFF))
    errors = [(image - sharp).abs().mean() for image in (fused, *planes)]
    assert errors[0] < 0.6 * min(errors[1:])


@pytest.mark.shared
@pytest.mark.parametrize("number", ["01", "02", "03", "04"])
@pytest.mark.parametrize("version", ["v2", "v4"])
def test_the_triple_series(version: str, number: str) -> None:
    name = f"stackmff_{version}"
    method = loaded(name, shared_path("weights", name, f"StackMFF-{version.upper()}.safetensors"))
    folder = shared_path("data", "Lytro", "Triple Series")
    images = [Image.open(folder / f"lytro-{number}-{letter}.jpg").crop((130, 130, 386, 386)) for letter in "ABC"]
    planes = [tensor(np.asarray(image)) for image in images]
    fused = method.fuse(Batch(sources=tuple(planes), task=Task.MFF))
    gradients = [image.diff(dim=-1).abs().mean() for image in (fused, *planes)]
    assert gradients[0] > 0.98 * max(gradients[1:])


@pytest.mark.shared
def test_order_of_planes_matters_to_one_version_and_not_to_the_other() -> None:
    planes = torch.cat([plane.mean(1, keepdim=True) for plane in stack_of(3, 128, 128)], 1)
    for version, matters in (("v2", True), ("v4", False)):
        name = f"stackmff_{version}"
        network = loaded(name, shared_path("weights", name, f"StackMFF-{version.upper()}.safetensors")).network
        difference = (network(planes) - network(planes.flip(1)).flip(1)).abs().max()
        assert (difference > 1e-3) == matters


def test_depth_of_equal_planes_is_zero_and_does_not_depend_on_the_batch() -> None:
    assert (focal_depth(torch.zeros(1, 4, 5, 6)) == 0).all()
    scores = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(focal_depth(scores)[1:], focal_depth(scores[1:]))


def test_multiples_of_128_keep_the_scores_at_the_network_s_size() -> None:
    method, planes = untrained("v4"), stack_of(2, 130, 150)
    assert method.network(gray_stack(planes, 32)).shape[-2:] == (128, 128)
    assert method.network(gray_stack(planes, 128)).shape[-2:] == (256, 256)


def test_index_and_selection() -> None:
    index = torch.arange(6).view(2, 3)
    assert index_at(index, 4, 3).tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]]
    planes = [torch.full((1, 3, 2, 3), float(number)) for number in range(6)]
    assert torch.equal(select(planes, index)[0, 2], index.float())
