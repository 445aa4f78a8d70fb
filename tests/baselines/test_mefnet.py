"""MEF-Net against the official network with its published weights, with two to six exposures."""

from __future__ import annotations

import csv
import itertools
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from fusionbench import Batch, Task
from fusionbench.images.colour import luma
from fusionbench_mefnet.network import MEFNetMethod, reduced
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input
from tests.helpers.shared import shared_path

ALL = cases("mefnet")
EIGHTH = (..., slice(0, None, 8), slice(0, None, 8))
WINDOW = (..., slice(64, 128), slice(64, 128))


def integers(seed: str, shape: list[int]) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(seed.encode())).integers(0, 256, shape, dtype=np.uint8)


def batch_of(case: Case) -> Batch:
    facts = case.facts["input"]
    if facts["source"] == "rng integers":
        images = integers(facts["seed"], facts["shape"])
    elif facts["source"].startswith("stored"):
        images = case.array("stack")
    else:
        images = [decoded(*each) for each in zip(facts["paths"], facts["decoded_sha256"], strict=True)]
    return Batch(sources=tuple(map(tensor, images)), task=Task.MEF)


@pytest.mark.shared
@pytest.mark.parametrize("case", ALL[:1])
def test_network_alone(case: Case) -> None:
    facts, network = case.facts["input"], loaded("mefnet", case.weights).network
    low, high = (golden_input(f"{facts['seed']}/{size}", tuple(facts[f"{size}_shape"])) for size in ("lr", "hr"))
    fused, weights = network(low, high)
    assert_near(network.lr(low), case.array("w_lr"))
    assert_near(fused, case.array("y"))
    assert_near(weights, case.array("weights"))


@pytest.mark.shared
@pytest.mark.parametrize("case", ALL[1:])
def test_outputs_and_what_is_saved(case: Case) -> None:
    batch = batch_of(case)
    method = loaded("mefnet", case.weights)
    low = luma(reduced(torch.cat(batch.sources)))
    assert list(low.shape[-2:]) == case.facts["low_resolution_size"]
    assert_near(method.network.lr(low)[..., ::2, ::2], case.array("w_lr_s2"))
    fused = method.fuse(batch)
    whole = case.has("y")
    if whole:
        assert_near(fused, case.array("y"), 3e-4)  # the original's own distance from double precision
    else:
        assert_near(fused[EIGHTH], case.array("y64_s8"))
    for output, key in {"official": "saved", "plain": "saved_round"}.items():
        method.output = output
        saved = method.finish(fused, batch)
        if whole:
            assert_levels(saved, case.array(key))
        else:
            assert_levels(saved[WINDOW], case.array(f"{key}_window"))


def untrained() -> MEFNetMethod:
    torch.manual_seed(0)
    method = MEFNetMethod(output="plain")
    method.load_untrained(torch.device("cpu"))
    return method


@pytest.mark.parametrize("count", [2, 3, 6, 12])
def test_any_number_in_any_order(count: int) -> None:
    method, images = untrained(), torch.rand(count, 1, 3, 20, 31).unbind()
    first = method.fuse(Batch(sources=images, task=Task.MEF))
    turned = method.fuse(Batch(sources=images[::-1], task=Task.MEF))
    torch.testing.assert_close(first, turned, atol=1e-5, rtol=0)


def test_equal_exposures_are_returned() -> None:
    method, image = untrained(), torch.rand(1, 3, 20, 31)
    batch = Batch(sources=(image,) * 4, task=Task.MEF)
    torch.testing.assert_close(method.finish(method.fuse(batch), batch), image, atol=2e-5, rtol=0)


@pytest.mark.shared
@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_real_sequences_of_any_length_and_order(count: int) -> None:
    rows = list(csv.DictReader(shared_path("data", "manifest_stacks.csv").open()))
    stacks = [list(group) for _, group in itertools.groupby(rows, key=lambda row: (row["dataset"], row["stack_id"]))]
    stack = next(rows for rows in stacks if rows[0]["dataset"] == "IFCNN_MEDataset" and len(rows) >= count)[:count]
    method = loaded("mefnet", ALL[0].values[0].weights)
    images = [tensor(np.asarray(_opened(row["path"]))) for row in stack]
    fused = method.fuse(Batch(sources=tuple(images), task=Task.MEF))
    turned = method.fuse(Batch(sources=tuple(images[1:] + images[:1]), task=Task.MEF))
    assert (fused - turned).abs().max() < 1 / 255


def _opened(path: str) -> Image.Image:
    return Image.open(shared_path("data", path)).convert("RGB")
