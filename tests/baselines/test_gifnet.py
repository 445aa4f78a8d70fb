"""GIFNet against the official network with its published weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.baselines.golden import Case, assert_crop, assert_output, cases, loaded, tensor

pytestmark = pytest.mark.shared


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


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("gifnet"))
def test_whole_images(case: Case) -> None:
    network = loaded("gifnet", case.weights).network
    pixels = case.images("RGB" if case.variant in ("mfif", "meif") else None, gray_jpeg=True)
    assert_output(network(*map(network_input, pixels)), case)
