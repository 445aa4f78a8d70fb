"""MUFusion against the official network with its published weights, and what its scripts save."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_mufusion.method import MUFusionMethod, origins
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input

ALL = cases("mufusion")
NOISE, REAL = ALL[:5], ALL[5:]
# Task by the middle of the case's name, and whether the network's first input is the batch's second source.
TASKS = {"IVIF": (Task.IVF, False), "MIF": (Task.MIF, True), "MEIF": (Task.MEF, True), "MFIF": (Task.MFF, False)}


@pytest.mark.shared
@pytest.mark.parametrize("case", NOISE)
def test_network_on_noise(case: Case) -> None:
    network = loaded("mufusion", case.weights).network
    inputs = [golden_input(entry["seed"], tuple(entry["shape"])).double() for entry in case.facts["inputs"].values()]
    assert_near(network(*inputs), case.array("out"), 1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_what_the_scripts_save(case: Case) -> None:
    facts = case.facts
    script, kind = facts["case"].split("/")[:2]
    task, turned = TASKS[kind.partition("-")[0]]
    method = loaded("mufusion", case.weights, output="gray" if script == "gray" else "official")
    images = [image.expand(-1, 3, -1, -1) for image in map(tensor, sources(case))]
    batch = Batch(sources=tuple(images[::-1] if turned else images), task=task)
    fused = method.fuse(batch)
    finished = method.finish(fused.float(), batch)
    scale = 255 if script == "rgb" else 1
    if case.has("fullmap"):
        assert_near(fused * scale, case.array("fullmap"), 1e-6 * scale)
        assert_levels(finished, case.array("fullu8"), most=0.0005)
    else:
        assert_near(fused[..., ::8, ::8] * scale, case.array("out_strided"), 1e-6 * scale)
        assert_levels(finished[..., 64:128, 64:128], case.array("u8_window"), most=0.0005)


def sources(case: Case) -> list[np.ndarray]:
    if case.has("in1"):
        return [case.array("in1"), case.array("in2")]
    facts = case.facts
    return [
        decoded(
            facts[f"slot{slot}"].removeprefix("data/"),
            facts[f"slot{slot}_sha256_of_decoded_bytes"],
            "RGB" if "RGB" in facts[f"decode{slot}"] else "L",
        )
        for slot in (1, 2)
    ]


def test_patches_that_are_listed_twice_count_twice() -> None:
    counts = np.zeros((252, 137), int)
    for y, x in origins(252, 137):
        counts[y : y + 128, x : x + 128] += 1
    assert set(np.unique(counts)) == {1, 2, 3, 4, 6}


def test_the_mean_of_patches_of_a_local_network_is_that_network() -> None:
    method = MUFusionMethod()
    method.network = torch.maximum
    pair = torch.rand(2, 1, 1, 130, 260, dtype=torch.float64).unbind()
    torch.testing.assert_close(method._patchwise(*pair), torch.maximum(*pair))


@pytest.mark.parametrize("task", list(Task))
def test_colour_goes_where_the_scripts_put_it(task: Task) -> None:
    method, level = MUFusionMethod(), torch.full((1, 1, 4, 4), 0.4)
    level[..., 0, 0], level[..., -1, -1] = 0.1, 0.7
    gray, colour = torch.full((1, 3, 4, 4), 0.4), torch.tensor([0.6, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    stretched = method.finish(level, Batch(sources=(gray, gray), task=task))
    assert stretched.shape[1] == 1
    assert (stretched.min(), stretched.max()) == (0, 1)
    coloured = method.finish(level, Batch(sources=(gray, colour), task=task))
    assert coloured.shape[1] == 3
    assert (coloured[:, 0] > coloured[:, 2]).all()
