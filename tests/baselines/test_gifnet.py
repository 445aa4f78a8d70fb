"""GIFNet against the official network with its published weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.fusing import decode_sample
from fusionbench.types import Sample, Task, resolve
from tests.baselines.golden import Case, assert_crop, assert_output, cases, loaded, spec_of, tensor

pytestmark = pytest.mark.shared
# Task of a case, and the step that puts its slots into the task's order.
TASKS = {"ivif": (Task.IVF, 1), "mfif": (Task.MFF, 1), "meif": (Task.MEF, 1), "medical": (Task.MIF, -1)}


def network_input(image: np.ndarray) -> torch.Tensor:
    """Colour is reduced to luma, cut to 8 bits."""
    if image.ndim == 3:
        luma = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
        image = np.clip(luma, 0, 255).astype(np.uint8)
    return tensor(image)


@pytest.mark.parametrize("case", cases("gifnet"))
def test_crops(case: Case) -> None:
    network = loaded("gifnet", case.weights).network
    assert_crop(network(*map(network_input, case.crops())), case)


@pytest.mark.parametrize("case", cases("gifnet"))
def test_what_is_saved(case: Case) -> None:
    """Of the official network's output, with the sources of the same window."""
    method = resolve(spec_of("gifnet").factory)()
    task, order = TASKS[case.variant]
    sources = [tensor(crop[:64, :64]) for crop in case.crops()][::order]
    saved = method.save(torch.from_numpy(case.array("out_window"))[None, None], sources, task)
    found = (saved[0] * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    assert np.abs(found.astype(int) - case.array("u8_window")).max() <= 1
    assert (found != case.array("u8_window")).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("gifnet"))
def test_from_files_to_what_is_saved(case: Case) -> None:
    task, order = TASKS[case.variant]
    ready = fb.get_method("gifnet", weights=case.weights, task=task, device="cpu")
    sample = decode_sample(Sample(id="a", task=task, sources=tuple(case.paths()[::order])))
    (fused,) = ready.fuse_samples([sample])
    found = fused.pixels.movedim(0, -1)[64:128, 64:128].numpy()
    difference = np.abs(found.astype(int) - case.array("u8_window"))
    # JPEG files hold a gray of their own, and this machine's decoder may be another.
    assert difference.mean() < 0.3
    assert difference.max() <= 6


def test_without_colour_results_are_gray_and_truncated() -> None:
    method = resolve(spec_of("gifnet").factory)()
    fused, gray = torch.full((1, 1, 4, 4), 100.7 / 255), torch.rand(1, 1, 4, 4)
    for task in Task:
        for sources in ((), (gray, gray)):
            saved = method.save(fused, sources, task)
            assert torch.equal(saved, torch.full((1, 1, 4, 4), 100 / 255))
    assert resolve(spec_of("gifnet").factory)(output="plain").save is None


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("gifnet"))
def test_whole_images(case: Case) -> None:
    network = loaded("gifnet", case.weights).network
    pixels = case.images("RGB" if case.variant in ("mfif", "meif") else None, gray_jpeg=True)
    assert_output(network(*map(network_input, pixels)), case)
