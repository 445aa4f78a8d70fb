"""U2Fusion against the official network with its published weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from tests.baselines.golden import Case, assert_crop, assert_output, assert_saved, cases, loaded

pytestmark = pytest.mark.shared


def network_input(image: np.ndarray) -> torch.Tensor:
    luma = image / 255 if image.ndim == 2 else image / 255 @ [0.299, 0.587, 0.114]
    return torch.from_numpy(luma[None, None]).float()


@pytest.mark.parametrize("case", cases("u2fusion"))
def test_crops(case: Case) -> None:
    network = loaded("u2fusion", case.weights).network
    assert_crop(network(*map(network_input, case.crops())), case)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("u2fusion"))
def test_whole_images_and_what_is_saved(case: Case) -> None:
    method = loaded("u2fusion", case.weights)
    fused = method.network(*map(network_input, case.images()))
    assert_output(fused, case)
    if case.variant != "vis-ir":  # saved in colour, after which the harness restores it by its own rule
        assert_saved(method.finish(fused, Batch(sources=(), task=Task.MIF)), case)
