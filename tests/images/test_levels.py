"""The one conversion between [0, 1] and 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fusionbench.images import from_levels, read_image, to_levels
from fusionbench.images.colour import round_to_8_bits
from fusionbench.images.levels import rounded_to_levels


def test_every_level_comes_back_from_arrays_and_tensors() -> None:
    levels = np.arange(256, dtype=np.uint8)
    values = from_levels(levels)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(to_levels(values), levels)
    tensor = torch.from_numpy(levels)
    assert torch.equal(from_levels(tensor), torch.from_numpy(values))
    assert torch.equal(to_levels(from_levels(tensor)), tensor)
    assert to_levels(from_levels(tensor)).dtype == torch.uint8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_and_tensors_agree_and_are_clipped(dtype: type) -> None:
    values = np.concatenate([np.random.default_rng(0).uniform(-0.2, 1.2, 5000), (np.arange(255) + 0.5) / 255]).astype(
        dtype
    )
    levels = to_levels(values)
    np.testing.assert_array_equal(levels, to_levels(torch.from_numpy(values)).numpy())
    np.testing.assert_array_equal(levels, np.rint(np.clip(values, 0, 1) * dtype(255)))
    rounded = rounded_to_levels(torch.from_numpy(values))
    assert rounded.dtype == torch.from_numpy(values).dtype
    assert torch.equal(rounded, round_to_8_bits(torch.from_numpy(values)))
    np.testing.assert_array_equal(to_levels(rounded.numpy()), levels)


def test_an_image_in_8_bits(tmp_path: Path) -> None:
    import tifffile

    wide = np.random.default_rng(0).integers(0, 65536, (20, 21), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", wide, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif").levels(), np.rint(wide / 257).astype(np.uint8))
