"""Loading the compiled library, and its functions on torch planes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fusionbench.native import Native
from fusionbench.nn.bands import together

# The library's own version: raised with every change of its interface.
_VERSION = 1
_POINTER, _INDEX, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int, ctypes.c_double
_SUFFIX = {torch.float64: "f64", torch.float32: "f32"}
_REAL: dict[torch.dtype, type[ctypes.c_double] | type[ctypes.c_float]] = {
    torch.float64: ctypes.c_double,
    torch.float32: ctypes.c_float,
}


class Kernel:
    """The functions of the library: ``... x H x W`` on the CPU, float64 or float32, any strides.

    Planes are shared out among the cores, and none depends on another. The interpreter's lock is free while one runs.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def box_mean(self, x: Tensor, radius: int, *, mirror: bool) -> Tensor:
        """Mean over windows of ``2 radius + 1`` pixels a side; running sums in float64."""
        out = _like(x)
        self._each("box", [x], out, _INDEX(radius), _INT(mirror))
        return out

    def guided_filter(self, guide: Tensor, x: Tensor, radius: int, epsilon: float) -> Tensor:
        """The guided filter, all means in float64."""
        out = _like(x)
        self._each("guided", [guide, x], out, _INDEX(radius), _DOUBLE(epsilon))
        return out

    def separable(self, x: Tensor, taps: Sequence[float]) -> Tensor:
        """Columns, then rows, filtered with the same taps of odd number; the image is mirrored at the border."""
        out = _like(x)
        values = (_REAL[x.dtype] * len(taps))(*taps)
        self._each("separable", [x], out, _INDEX(len(taps)), values)
        return out

    def perona_malik(self, x: Tensor, iterations: int, step: float, kappa: float) -> Tensor:
        """Anisotropic diffusion."""
        return self._diffused("anisotropic", x, iterations, step, kappa)

    def fourth_order(self, x: Tensor, iterations: int, step: float, kappa: float) -> Tensor:
        """Fourth-order diffusion."""
        return self._diffused("fourth_order", x, iterations, step, kappa)

    def solve(
        self, start: Tensor, target: Tensor, data: Tensor, smoothness: Tensor, tolerance: float, most: int
    ) -> Tensor:
        """``(data + D' smoothness D) z = data target`` by at most ``most`` conjugate gradients; dots in float64."""
        found = start.clone(memory_format=torch.contiguous_format)
        self._each("solve", [target, data, smoothness], found, _REAL[start.dtype](tolerance), _INDEX(most))
        return found

    def _diffused(self, name: str, x: Tensor, iterations: int, step: float, kappa: float) -> Tensor:
        found = x.clone(memory_format=torch.contiguous_format)
        real = _REAL[x.dtype]
        self._each(name, [], found, _INDEX(iterations), real(step), real(kappa))
        return found

    def _each(self, name: str, inputs: Sequence[Tensor], out: Tensor, *arguments: object) -> None:
        """Call a function for each plane: the ``inputs``, ``out``, which is contiguous, H, W, ``arguments``."""
        height, width = out.shape[-2:]
        size = height * width
        planes = [*(plane.contiguous() for plane in inputs), out]
        bases = [plane.data_ptr() for plane in planes]
        function = getattr(self._library, f"fb_{name}_{_SUFFIX[out.dtype]}")

        def work(number: int) -> None:
            offset = number * size * out.element_size()
            pointers = (_POINTER(base + offset) for base in bases)
            if function(*pointers, _INDEX(height), _INDEX(width), *arguments):
                raise MemoryError(f"not enough memory to filter {height}x{width} pixels")

        count = out.numel() // size
        if torch.get_num_threads() > 1:
            together(work, range(count))
        else:
            for number in range(count):
                work(number)


def _like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


NATIVE = Native(Path(__file__).parent, _VERSION, Kernel)


def kernel_for(*planes: Tensor) -> Kernel | None:
    """The kernel, where it can work on these planes: on the CPU, of one real type and shape, without gradients."""
    first = planes[0]
    able = (
        first.dtype in _SUFFIX
        and first.numel() > 0
        and first.ndim >= 2
        and all(
            type(plane) is Tensor  # others, such as fake ones, may have no memory
            and plane.device.type == "cpu"
            and plane.dtype is first.dtype
            and plane.shape == first.shape
            and not plane.requires_grad
            for plane in planes
        )
    )
    return NATIVE.kernel() if able else None
