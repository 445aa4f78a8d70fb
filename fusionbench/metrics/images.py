"""From what callers have (tensors or arrays, several layouts and ranges) to N x C x H x W with values 0..255."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.colour import Images
from fusionbench.metrics.planes import KEPT_PIXELS
from fusionbench.metrics.sources import KnownSources
from fusionbench.types import MetricError

# An image whose values are all this near to 8-bit levels holds 8-bit levels: multiples of 1/255 are not
# exact in binary, and some definitions ask whether two values are equal.
_SNAP = 1e-3

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def working_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """The precision that ``"float64"`` or ``torch.float64`` means.

    Raises:
        MetricError: It is neither float64 nor float32.
    """
    found = _DTYPES.get(str(dtype).removeprefix("torch.").lower())
    if found is None:
        raise MetricError(f"dtype: expected 'float32' or 'float64', got {str(dtype)!r}.")
    return found


def images_of(
    fused: Any,
    sources: Sequence[Any] | KnownSources = (),
    reference: Any = None,
    *,
    dtype: torch.dtype,
    device: Any = None,
    eight_bit: bool = False,
) -> Images:
    """Check the operands of one call and bring them to one precision, device and layout.

    Args:
        fused: Tensor or array, NCHW, CHW or HW (arrays also NHWC or HWC), C = 1 or 3; uint8, or float in [0, 1].
        sources: Two or more of the same, each with N, H and W of the fused one; or known ones, with their reference.
        reference: Ground truth of the same size, or None.
        dtype: Working precision.
        device: Where to compute; the fused image's device if None.
        eight_bit: Whether float images are rounded to 8 bits.

    Raises:
        MetricError: An operand has a wrong type, range, shape or NaN; the message names it.
    """
    first = _image(fused, "fused", dtype, device, eight_bit)
    device = device or first.device
    known = None
    if isinstance(sources, KnownSources):
        known = sources
        compare_with = partial(_operands, known.sources, known.reference, dtype, device, eight_bit)
        others, truth = known.get((_operands, dtype, str(device), eight_bit), compare_with)
    else:
        others, truth = _operands(sources, reference, dtype, device, eight_bit)
    named = [(f"sources[{i}]", other) for i, other in enumerate(others)]
    for name, other in named + ([("reference", truth)] if truth is not None else []):
        if (other.shape[0], *other.shape[2:]) != (first.shape[0], *first.shape[2:]):
            raise MetricError(
                f"{name}: expected the fused image's size {_size(first)}, got {_size(other)}.",
                hint="Sources, fused image and ground truth must be registered and equally large.",
            )
    return Images(first, tuple(others), truth, known=known, dtype=dtype)


def _operands(
    sources: Sequence[Any], reference: Any, dtype: torch.dtype, device: Any, eight_bit: bool
) -> tuple[list[Tensor], Tensor | None]:
    if isinstance(sources, (Tensor, np.ndarray, str)) or not isinstance(sources, Sequence):
        raise MetricError(
            f"sources: expected a list or tuple of images, got {_describe(sources)}.",
            hint="Pass the sources as (infrared, visible), each shaped like the fused image.",
        )
    others = [_image(source, f"sources[{i}]", dtype, device, eight_bit) for i, source in enumerate(sources)]
    truth = None if reference is None else _image(reference, "reference", dtype, device, eight_bit)
    return others, truth


def _image(value: Any, name: str, dtype: torch.dtype, device: Any, eight_bit: bool) -> Tensor:
    tensor = _tensor(value, name)
    tensor = _batched(tensor, name, is_array=isinstance(value, np.ndarray))
    if tensor.shape[0] == 0:
        raise MetricError(f"{name}: expected at least one image, got shape {tuple(tensor.shape)}.")
    if min(tensor.shape[-2:]) < 2:
        raise MetricError(f"{name}: expected at least 2 x 2 pixels, got {_size(tensor)}.")
    # Of large images 8-bit levels are held as such until they are scored.
    of_levels = torch.uint8 if tensor.shape[-2] * tensor.shape[-1] > KEPT_PIXELS else dtype
    if tensor.dtype == torch.uint8:
        return tensor.to(device=device, dtype=of_levels)
    if not tensor.is_floating_point():
        raise MetricError(f"{name}: expected uint8, or float in [0, 1], got {tensor.dtype}.", hint=_remedy(tensor))
    # Narrow types are widened: not every operation exists for them.
    low, high = (float(extreme) for extreme in torch.aminmax(tensor.detach().to(dtype)))
    if not (low >= 0.0 and high <= 1.0):
        found = "NaN or infinite values" if not np.isfinite([low, high]).all() else f"values in [{low:g}, {high:g}]"
        raise MetricError(
            f"{name}: expected float values in [0, 1], got {found}.",
            hint="Values 0..255 go in as uint8; clip others to [0, 1].",
        )
    if eight_bit:
        # Whose gradients are asked for need not be levels for long.
        rounded = (tensor * 255).round()
        return rounded.to(device=device, dtype=dtype if tensor.requires_grad else of_levels)
    scaled = tensor.to(device=device, dtype=dtype) * 255
    # A narrow type holds k/255 to half a unit of its last place.
    grain = scaled.detach() * (torch.finfo(tensor.dtype).eps * 0.51)
    offset = torch.round(scaled.detach()) - scaled.detach()
    levels = (offset.abs() <= grain.clamp(min=_SNAP)).flatten(1).all(1)[:, None, None, None]
    return scaled + torch.where(levels, offset, 0.0)


def _remedy(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "A mask is no image; pass mask.astype(float) if it is meant as one."
    if tensor.is_complex():
        return "Pass the magnitude, scaled to [0, 1]."
    return "Values 0..255 go in as uint8; divide 16-bit values by 65535 and pass floats."


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, np.ma.MaskedArray):
        raise MetricError(
            f"{name}: a masked array would lose its mask: no metric leaves pixels out.",
            hint="Pass array.filled(0), or crop the images to the part that is meant.",
        )
    if isinstance(value, np.ndarray):
        native = value.astype(value.dtype.newbyteorder("="), copy=False)
        try:
            return torch.from_numpy(np.require(native, requirements=["C", "W"]))
        except TypeError:
            raise MetricError(f"{name}: expected uint8, or float in [0, 1], got {value.dtype}.") from None
    if not isinstance(value, Tensor):
        raise MetricError(
            f"{name}: expected a torch tensor or numpy array, got {_describe(value)}.",
            hint="numpy.asarray(image) makes one of a PIL image, numpy.stack(images) of a list of equally large ones.",
        )
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        raise MetricError(f"{name}: expected a dense tensor with values, got {value.dtype} {value.layout}.")
    return value


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
