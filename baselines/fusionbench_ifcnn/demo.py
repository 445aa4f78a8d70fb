"""What IFCNN's demonstration does around the network, in 8-bit steps as OpenCV and Pillow take them.

Images are float tensors in [0, 1]; the 8-bit values are integers in float tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fusionbench.images import colour
from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench_ifcnn.clahe import equalise


def luma(rgb: Tensor) -> Tensor:
    """8-bit luma in [0, 1], N x 1 x H x W."""
    return _pillow(rgb, *RGB_TO_LUMA) / 255


def finish_exposures(fused: Tensor, sources: Sequence[Tensor], *, official: bool) -> Tensor:
    """Fused luma (as three channels) with the chroma of the sources, as RGB.

    Args:
        fused: The network's output, N x 3 x H x W.
        sources: The RGB exposures.
        official: Also squeeze the luma into the limited range and enhance its local contrast.
    """
    chroma_blue = _merged([_pillow(source, -0.16874, -0.33126, 0.5) for source in sources])
    chroma_red = _merged([_pillow(source, 0.5, -0.41869, -0.08131) for source in sources])
    if not official:
        return _to_rgb(colour.luma(fused.clamp(0, 1)) * 255, chroma_red, chroma_blue) / 255
    y = colour.gray_as_opencv((fused.clamp(0, 1) * 255).floor() / 255).double()
    squeezed = (y * 235 + (1 - y) * 16).floor().to(torch.uint8)
    enhanced = torch.stack([equalise(image[0])[None] for image in squeezed])
    red, blue = (chroma.add(128).floor().to(torch.int32) - 128 for chroma in (chroma_red, chroma_blue))
    return _to_rgb_8bit(enhanced.to(torch.int32), red, blue).clamp(0, 255).to(fused.dtype) / 255


def _pillow(rgb: Tensor, *weights: float) -> Tensor:
    """A channel of Pillow's YCbCr in 0..255 (chroma around zero).

    Its tables hold 64ths, rounded by adding a half and cutting, also where they are negative; so do we.
    """
    values = (rgb * 255).round().double()
    total = sum((64 * weight * plane + 0.5).trunc() for weight, plane in zip(weights, values.split(1, 1), strict=True))
    return (total / 64).floor().to(rgb.dtype)


def _merged(chromas: Sequence[Tensor]) -> Tensor:
    """Chroma around zero, each image's weighted by how far from gray it is."""
    weights = [chroma.abs() for chroma in chromas]
    total = sum(weights, torch.zeros(()))
    return sum(c * w for c, w in zip(chromas, weights, strict=True)) / torch.where(total > 0, total, 1)


def _to_rgb(y: Tensor, red: Tensor, blue: Tensor) -> Tensor:
    return torch.cat((y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue), 1)


def _to_rgb_8bit(y: Tensor, red: Tensor, blue: Tensor) -> Tensor:
    """OpenCV's integer YCrCb to RGB, full range; chroma around zero."""
    half = 1 << 13
    return torch.cat(
        (
            y + (22987 * red + half >> 14),
            y + (-11698 * red - 5636 * blue + half >> 14),
            y + (29049 * blue + half >> 14),
        ),
        1,
    )
