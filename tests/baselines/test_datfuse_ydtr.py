"""DATFuse and YDTR, of the same authors, against the official networks, and the images that their scripts save."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_ydtr.network import YDTR
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input


def batch_of(case: Case) -> Batch:
    facts = case.facts["input"]
    if facts["source"] == "rng":
        height, width = facts["shape"]
        images = [golden_input(f"{facts['seed']}/{side}", (1, height, width))[None] for side in ("ir", "vi")]
    elif facts["source"].startswith("stored"):
        images = [tensor(case.array(side)) for side in ("ir", "vi")]
    else:
        images = [tensor(decoded(*each, "L")) for each in zip(facts["paths"], facts["decoded_sha256"], strict=True)]
    return Batch(sources=tuple(images), task=Task.IVF)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("datfuse") + cases("ydtr"))
def test_outputs_and_what_is_saved(case: Case) -> None:
    method, batch = loaded(case.method, case.weights), batch_of(case)
    fused = method.fuse(batch)
    saved = method.finish(fused, batch)
    for key, part in {"": (...,), "_s8": (..., slice(0, None, 8), slice(0, None, 8))}.items():
        if case.has(f"out{key}"):
            assert_near(fused[part], case.array(f"out{key}"))
    window = (..., slice(64, 128), slice(64, 128))
    if case.has("out_window"):
        assert_near(fused[window], case.array("out_window"))
    if case.has("saved_window"):
        assert_levels(saved[window], case.array("saved_window"), most=0.01)
    if case.has("saved_s4"):  # the authors' own published result
        assert_levels(saved[..., ::4, ::4], case.array("saved_s4"), most=0.01)
    if case.has("saved"):
        assert_levels_modulo(saved, case.array("saved"))


def assert_levels_modulo(found: torch.Tensor, expected: np.ndarray) -> None:
    """Negative values wrap around, so that 0 and 255 are neighbours."""
    difference = ((found * 255).round().numpy().squeeze().astype(int) - expected) % 256
    assert np.isin(difference, (0, 1, 255)).all()
    assert (difference != 0).mean() <= 0.005


def test_ydtr_is_symmetric() -> None:
    torch.manual_seed(0)
    network = YDTR().eval().requires_grad_(False)
    sources = torch.rand(2, 1, 1, 9, 11).unbind()
    assert torch.equal(network(*sources), network(*sources[::-1]))
