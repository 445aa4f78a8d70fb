"""From what callers have (tensors or arrays, several layouts and ranges) to N x C x H x W with values 0..255."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.colour import Images
from fusionbench.types import MetricError

# An image whose values are all this near to 8-bit levels holds 8-bit levels: multiples of 1/255 are not
# exact in binary, and some definitions ask whether two values are equal.
_SNAP = 1e-3


def images_of(
    fused: Any, sources: Sequence[Any] = (), reference: Any = None, *, dtype: torch.dtype, device: Any = None
) -> Images:
    """Check the operands of one call and bring them to one precision, device and layout.

    Args:
        fused: Tensor or array, NCHW, CHW or HW (arrays also NHWC or HWC), C = 1 or 3; uint8, or float in [0, 1].
        sources: Two or more of the same, each with N, H and W of the fused one.
        reference: Ground truth of the same size, or None.
        dtype: Working precision.
        device: Where to compute; the fused image's device if None.

    Raises:
        MetricError: An operand has a wrong type, range, shape or NaN; the message names it.
    """
    if isinstance(sources, (Tensor, np.ndarray, str)) or not isinstance(sources, Sequence):
        raise MetricError(
            f"sources: expected a list or tuple of images, got {_describe(sources)}.",
            hint="Pass the sources as (infrared, visible), each shaped like the fused image.",
        )
    first = _image(fused, "fused", dtype, device)
    others = [_image(source, f"sources[{i}]", dtype, device or first.device) for i, source in enumerate(sources)]
    truth = None if reference is None else _image(reference, "reference", dtype, device or first.device)
    named = [(f"sources[{i}]", other) for i, other in enumerate(others)]
    for name, other in named + ([("reference", truth)] if truth is not None else []):
        if (other.shape[0], *other.shape[2:]) != (first.shape[0], *first.shape[2:]):
            raise MetricError(
                f"{name}: expected the fused image's size {_size(first)}, got {_size(other)}.",
                hint="Sources, fused image and ground truth must be registered and equally large.",
            )
    return Images(first, tuple(others), truth)


def _image(value: Any, name: str, dtype: torch.dtype, device: Any) -> Tensor:
    tensor = _tensor(value, name)
    tensor = _batched(tensor, name, is_array=isinstance(value, np.ndarray))
    if min(tensor.shape[-2:]) < 2:
        raise MetricError(f"{name}: expected at least 2 x 2 pixels, got {_size(tensor)}.")
    if tensor.dtype == torch.uint8:
        return tensor.to(device=device, dtype=dtype)
    if not tensor.is_floating_point():
        raise MetricError(
            f"{name}: expected uint8, or float in [0, 1], got {tensor.dtype}.",
            hint="Divide 16-bit values by 65535 and pass floats.",
        )
    low, high = (float(extreme) for extreme in torch.aminmax(tensor.detach()))
    if not (low >= 0.0 and high <= 1.0):
        found = "NaN or infinite values" if not np.isfinite([low, high]).all() else f"values in [{low:g}, {high:g}]"
        raise MetricError(
            f"{name}: expected float values in [0, 1], got {found}.",
            hint="Values 0..255 go in as uint8; clip others to [0, 1].",
        )
    scaled = tensor.to(device=device, dtype=dtype) * 255
    offset = torch.round(scaled.detach()) - scaled.detach()
    eight_bit = offset.abs().amax((1, 2, 3), keepdim=True) < _SNAP
    return scaled + torch.where(eight_bit, offset, 0.0)


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray) and value.dtype != object:
        return torch.from_numpy(np.require(value, requirements=["C", "W"]))
    raise MetricError(f"{name}: expected a torch tensor or numpy array, got {_describe(value)}.")


def _batched(tensor: Tensor, name: str, *, is_array: bool) -> Tensor:
    shape = tuple(tensor.shape)
    if tensor.ndim == 2:
        return tensor[None, None]
    if tensor.ndim == 3:
        tensor = tensor[None]
    if tensor.ndim == 4:
        if tensor.shape[1] in (1, 3):
            return tensor
        if is_array and tensor.shape[3] in (1, 3):
            return tensor.permute(0, 3, 1, 2)
    layouts = "HW, CHW, HWC, NCHW or NHWC" if is_array else "HW, CHW or NCHW"
    raise MetricError(f"{name}: expected {layouts} with 1 or 3 channels, got shape {shape}.")


def _size(tensor: Tensor) -> str:
    return f"N={tensor.shape[0]}, {tensor.shape[2]} x {tensor.shape[3]} (H x W)"


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
