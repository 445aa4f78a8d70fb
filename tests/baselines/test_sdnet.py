"""SDNet against the official network with its published weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from tests.baselines.golden import Case, assert_crop, assert_output, assert_saved, cases, loaded
from tests.helpers.shared import shared_path

pytestmark = pytest.mark.shared


def network_input(image: np.ndarray) -> torch.Tensor:
    """In -1..1; colour goes through the limited-range luma that the authors extract beforehand."""
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = image[..., 0]
    if image.ndim == 3:
        weights = (0.257, 0.504, 0.098)
        image = sum(np.floor(w * image[..., i] + 0.5) for i, w in enumerate(weights)) + 16
    return torch.from_numpy((image[None, None] - 127.5) / 127.5).float()


@pytest.mark.parametrize("case", cases("sdnet"))
def test_crops(case: Case) -> None:
    network = loaded("sdnet", case.weights).network
    assert_crop(network(*map(network_input, case.crops())), case)


@pytest.mark.parametrize("case", cases("sdnet"))
def test_whole_images_and_what_is_saved(case: Case) -> None:
    method = loaded("sdnet", case.weights)
    fused = method.network(*map(network_input, case.images()))
    assert_output(fused, case)
    assert_saved(method.finish((fused + 1) / 2, Batch(sources=(), task=Task.IVF)), case)


@pytest.mark.parametrize(
    ("task", "swapped"), [(Task.IVF, False), (Task.MIF, True), (Task.MEF, True), (Task.MFF, False)]
)
def test_each_source_takes_the_branch_that_the_authors_gave_it(task: Task, swapped: bool) -> None:
    shared_path("weights", "sdnet")
    case = cases("sdnet")[0].values[0]
    method = loaded("sdnet", case.weights, output="plain")
    first, second = torch.rand(2, 1, 1, 16, 16).unbind()
    expected = method.network(*((second, first) if swapped else (first, second)))
    found = method.fuse(Batch(sources=((first + 1) / 2, (second + 1) / 2), task=task))
    torch.testing.assert_close(found, (expected + 1) / 2, atol=1e-6, rtol=0)
