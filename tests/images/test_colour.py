"""Conversions that other libraries' code makes, against digests of what it made."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from fusionbench.images.colour import gray_as_opencv, read_gray_as_opencv

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
