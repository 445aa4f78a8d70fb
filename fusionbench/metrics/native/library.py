"""Loading the compiled library, and its functions on torch planes."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench.native import Native

# The library's own version: raised with every change of its interface.
_VERSION = 4
_POINTER = ctypes.c_void_p
_SUFFIX = {torch.float64: "f64", torch.float32: "f32"}
_REAL = {torch.float64: ctypes.c_double, torch.float32: ctypes.c_float}


class Kernel:
    """The functions of the library. Planes are H x W, contiguous, on the CPU, float64 or float32, gray levels 0..255.

    The interpreter's lock is free while one runs.
    """

    SQUARES = (7, 11)  # sides of windows that are no product of two

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.fb_side_size.restype = ctypes.c_size_t
        for suffix in _SUFFIX.values():
            for name in ("prepare", "edges", "preserved", "windows", "median"):
                self._function(name, suffix).restype = ctypes.c_double

    @property
    def instructions(self) -> str:
        """The instruction set in use."""
        return self._library.fb_instructions().decode()

    @property
    def fuses(self) -> bool:
        """Whether multiplications and additions are fused, as torch's are on such processors."""
        return self.instructions != "baseline"

    def _function(self, name: str, suffix: str) -> Any:
        return getattr(self._library, f"fb_{name}_{suffix}")

    def _call(self, name: str, plane: Tensor, *arguments: object) -> float:
        height, width = plane.shape
        return self._function(name, _SUFFIX[plane.dtype])(_address(plane), height, width, *arguments)

    def source_information(self, source: Tensor) -> tuple[Tensor, float]:
        """What VIF needs of a source: its pyramid and moments, and the information in nats that it holds."""
        size = self._library.fb_side_size(*source.shape)
        side = torch.empty(size, dtype=source.dtype)
        return side, self._call("prepare", source, _address(side))

    def transmitted(self, fused: Tensor, sides: Sequence[Tensor]) -> list[float]:
        """The information in nats that the fused plane holds of each source, of :meth:`source_information`."""
        found = (ctypes.c_double * len(sides))()
        self._call("vif", fused, len(sides), (_POINTER * len(sides))(*(side.data_ptr() for side in sides)), found)
        return list(found)

    def edges(self, plane: Tensor) -> tuple[Tensor, Tensor, float]:
        """Sobel strength and orientation of a plane (H x W each), and the sum of the strengths."""
        strength, angle = torch.empty_like(plane), torch.empty_like(plane)
        total = self._call("edges", plane, _address(strength), _address(angle))
        return strength, angle, total

    def preserved(self, fused: tuple[Tensor, Tensor], source: tuple[Tensor, Tensor], unit: float = 1.0) -> float:
        """Sum over the pixels of a source's edge preservation times its strength; (strength, orientation) of both."""
        dtype = fused[0].dtype
        planes = (_address(plane) for plane in (*fused, *source))
        count = ctypes.c_size_t(fused[0].numel())
        return self._function("preserved", _SUFFIX[dtype])(count, *planes, _REAL[dtype](unit))

    def feature_information(self, first: Tensor, second: Tensor, fused: Tensor) -> float:
        """Sum over all 3 x 3 windows of the mean score of two sources, see ``formulas.feature_information``."""
        height, width = fused.shape
        planes = (_address(plane) for plane in (first, second, fused))
        return self._function("windows", _SUFFIX[fused.dtype])(*planes, height, width)

    def activity(self, plane: Tensor) -> tuple[float, float, float, float]:
        """Sums of squared deviations from the mean, of squared first differences across and down, of gradients."""
        found = (ctypes.c_double * 4)()
        self._call("activity", plane, found)
        return found[0], found[1], found[2], found[3]

    def correlate(self, plane: Tensor, vertical: Sequence[float], horizontal: Sequence[float]) -> Tensor:
        """Correlation with the outer product of two windows where it fits."""
        height, width = plane.shape
        out = plane.new_empty((height - len(vertical) + 1, width - len(horizontal) + 1))
        real = _REAL[plane.dtype]
        down, along = ((real * len(taps))(*taps) for taps in (vertical, horizontal))
        self._call("correlate", plane, len(down), down, len(along), along, _address(out))
        return out

    def correlate_square(self, plane: Tensor, window: Tensor) -> Tensor:
        """Correlation with a window of one of ``SQUARES`` where it fits, summed from its last column and row back."""
        size = len(window)
        height, width = plane.shape
        out = plane.new_empty((height - size + 1, width - size + 1))
        self._call(f"square{size}", plane, _address(window), _address(out))
        return out

    def filtered(self, spectrum: Tensor, first: Tensor, second: Tensor, out: Tensor) -> None:
        """A complex spectrum times the product of two real filters, into ``out``."""
        count = ctypes.c_size_t(first.numel())
        self._function("filtered", _SUFFIX[first.dtype])(count, *map(_address, (spectrum, first, second, out)))

    def gabor(
        self,
        spectrum: Tensor,
        frequencies: tuple[Tensor, Tensor],
        centres: Sequence[float],
        shape: tuple[float, float, float],
        out: Sequence[Tensor],
    ) -> None:
        """A real image's spectrum times the log-Gabor filters of some scales in one orientation.

        Args:
            spectrum: Complex, H x W, or the first W // 2 + 1 columns.
            frequencies: H + W each, of the rows and then of the columns: those of the filters and of their low-pass.
            centres: Logarithm of each scale's frequency.
            shape: Factor of the squared distance of logarithms, the orientation, factor of the squared distance to it.
            out: For each scale complex H x W.
        """
        radial, low_pass = frequencies
        height, width = out[0].shape
        real = _REAL[radial.dtype]
        self._function("gabor", _SUFFIX[radial.dtype])(
            _address(spectrum),
            spectrum.shape[-1],
            height,
            width,
            _address(radial),
            _address(low_pass),
            len(centres),
            (real * len(centres))(*centres),
            *map(real, shape),
            (_POINTER * len(out))(*(plane.data_ptr() for plane in out)),
        )

    def add_congruency(self, responses: Sequence[Tensor], noise: float, angle: float, sums: Sequence[Tensor]) -> None:
        """Add one orientation's complex responses of four scales to five planes, see ``formulas.phase``."""
        dtype = sums[0].dtype
        numbers = [_REAL[dtype](value) for value in (noise, math.cos(angle), math.sin(angle))]
        inputs, outputs = ((_POINTER * len(planes))(*(p.data_ptr() for p in planes)) for planes in (responses, sums))
        count = ctypes.c_size_t(sums[0].numel())
        self._function("congruency", _SUFFIX[dtype])(count, inputs, *numbers, outputs)

    def median(self, values: Tensor) -> float:
        """Median of values that are not negative; the mean of the two middle ones for an even count."""
        return self._function("median", _SUFFIX[values.dtype])(ctypes.c_size_t(values.numel()), _address(values))


def _address(plane: Tensor) -> ctypes.c_void_p:
    return _POINTER(plane.data_ptr())


NATIVE = Native(Path(__file__).parent, _VERSION, Kernel)


def kernel_for(*planes: Tensor) -> Kernel | None:
    """The kernel, where it can work on these planes: on the CPU, float64 or float32, without gradients."""
    able = all(plane.device.type == "cpu" and plane.dtype in _SUFFIX and not plane.requires_grad for plane in planes)
    return NATIVE.kernel() if able else None
