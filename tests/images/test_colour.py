"""Conversions that other libraries' code makes, against digests of what it made."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from fusionbench.images.colour import (
    chroma,
    chroma_in_thousandths,
    gray_as_opencv,
    read_gray_as_opencv,
    recolour_as_opencv,
    with_chroma,
)

# Of OpenCV 5.0.0's imread(..., IMREAD_GRAYSCALE) and cvtColor(..., COLOR_RGB2GRAY) of the same image in each format.
ROUNDED = "77691cf70cb51de36de87dc2bffe9d98e970a66997bacb77af97718097d33199"
READ = {
    ".png": "1aa101d23a2854ec4344df01d23d52c04a7267f42606beedc3f7b13772308996",
    ".bmp": "7ea4381dece06b67eda596423c05e4d042bada0bdc6c4b460a060658c775fda0",
    ".tif": "7ea4381dece06b67eda596423c05e4d042bada0bdc6c4b460a060658c775fda0",
    ".ppm": "7ea4381dece06b67eda596423c05e4d042bada0bdc6c4b460a060658c775fda0",
    ".webp": ROUNDED,
}


def image() -> torch.Tensor:
    pixels = np.random.default_rng(7).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    pixels[:16] = pixels[:16, :, :1]
    return torch.from_numpy(pixels.astype(np.float32)).movedim(-1, 0)[None] / 255


def digest(gray: torch.Tensor) -> str:
    return hashlib.sha256((gray[0, 0] * 255).round().to(torch.uint8).numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("suffix", READ)
def test_gray_is_read_as_opencv_reads_it(suffix: str) -> None:
    assert digest(read_gray_as_opencv(image(), suffix)) == READ[suffix]


def test_gray_is_made_as_opencv_makes_it() -> None:
    assert digest(gray_as_opencv(image())) == ROUNDED
    gray = image()[:, :1]
    assert gray_as_opencv(gray) is gray
    assert read_gray_as_opencv(gray, ".png") is gray


def test_gray_in_three_channels_has_no_chroma_and_gives_gray() -> None:
    """Exactly: of a rounding error, values halfway between two levels would be saved as unequal channels."""
    gray = (torch.arange(256.0) / 255).view(1, 1, 16, 16).expand(-1, 3, -1, -1)
    fused = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    for rule in (chroma, chroma_in_thousandths):
        assert not rule(gray).any()
        assert torch.equal(with_chroma(fused, rule(gray)), fused.expand(-1, 3, -1, -1))
    assert torch.equal(recolour_as_opencv(fused, gray), fused.expand(-1, 3, -1, -1))
