"""SESF-Fuse against the official network with its published weights, step by step."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_sesf_fuse.decision import clean_tensor, cleaned, softened
from tests.baselines.golden import Case, assert_levels, cases, decoded, loaded, tensor

WINDOW = (..., slice(64, 128), slice(64, 128))


def images_of(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    facts = case.facts["input"]
    if facts["source"] == "rng integers":
        seeds = [f"{facts['seed']}/{number}" for number in (1, 2)]
        arrays = [
            np.random.default_rng(zlib.crc32(seed.encode())).integers(0, 256, facts["shape"], dtype=np.uint8)
            for seed in seeds
        ]
    elif facts["source"].startswith("stored"):
        arrays = [case.array("img1"), case.array("img2")]
    else:
        arrays = [decoded(*each) for each in zip(facts["paths"], facts["decoded_sha256"], strict=True)]
    first, second = map(tensor, arrays)
    return first, second


def map_of(case: Case, key: str, size: tuple[int, ...]) -> np.ndarray:
    stored = case.array(key)
    if stored.ndim == 1:
        stored = np.unpackbits(stored)[: size[0] * size[1]].reshape(size)
    return stored.astype(bool)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("sesf_fuse"))
def test_every_step(case: Case) -> None:
    method, (first, second) = loaded("sesf_fuse", case.weights), images_of(case)
    size = tuple(first.shape[-2:])
    for key, image in {"sf1": first, "sf2": second}.items():
        found = method.activity(image)[0, 0]
        expected, found = (case.array(key), found) if case.has(key) else (case.array(f"{key}_s8"), found[::8, ::8])
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    decision = method.decide(first, second)
    assert (decision[0, 0].numpy() != map_of(case, "dm0", size)).sum() <= case.facts["near_ties"]
    clean = clean_tensor(decision)
    assert (clean[0, 0].numpy() == map_of(case, "dm", size)).all()
    weight = softened(clean, 255 * first.double(), 255 * second.double())
    expected, found = (
        (case.array("weight"), weight) if case.has("weight") else (case.array("weight_window"), weight[WINDOW])
    )
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-4)
    batch = Batch(sources=tuple(image.expand(-1, 3, -1, -1) for image in (first, second)), task=Task.MFF)
    fused = method.fuse(batch)
    assert fused.shape[1] == first.shape[1]
    # Where both images agree the blend lies a rounding error off a level, on either side of it.
    if case.has("saved"):
        assert_levels(fused, case.array("saved"), most=0.015)
    else:
        assert_levels(fused[WINDOW], case.array("saved_window"), most=0.015)


def test_small_regions_and_holes_go_and_borders_are_kept() -> None:
    decision = np.zeros((100, 100), bool)
    decision[:, :50] = True
    decision[40:60, 70:72] = True  # too thin for the opening
    decision[20:29, 20:29] = False  # a hole of less than a hundredth
    assert (cleaned(decision) == (np.arange(100) < 50)).all()


@pytest.mark.parametrize(("columns", "stays"), [(10, False), (11, True), (12, True)])
def test_a_region_of_exactly_a_hundredth_stays(columns: int, stays: bool) -> None:
    decision = np.zeros((100, 1100), bool)
    decision[:, :columns] = True
    assert (cleaned(decision) == (decision if stays else False)).all()


def test_one_image_twice_is_returned() -> None:
    image = torch.randint(0, 256, (1, 3, 30, 40)).double()
    weight = softened(torch.ones(1, 1, 30, 40, dtype=torch.float64), image, image)
    torch.testing.assert_close(image * weight + image * (1 - weight), image)
