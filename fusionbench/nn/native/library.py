"""Loading the compiled library, and its functions on maps of H x W x C."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from fusionbench.native import Native
from fusionbench.nn.bands import Band, row_ranges, together
from fusionbench.nn.native.packing import Convolution, Coupling, Output, Projection, Shrinkage

# The library's own version: raised with every change of its interface.
_VERSION = 2
_POINTER = ctypes.c_void_p
_INT, _STEP = ctypes.c_int, ctypes.c_ssize_t


class _Projection(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("channels", "wide", "centred", "full")),
        *((name, _POINTER) for name in ("pointwise", "pointwise_bias", "scale", "shift")),
        *((name, _POINTER) for name in ("kernel", "kernel_bias", "partner")),
    )


class _Features(ctypes.Structure):
    _fields_ = (
        ("data", _POINTER),
        ("rows", _INT),
        ("width", _INT),
        ("row_step", _STEP),
        ("step", _STEP),
        ("above", _POINTER),
        ("below", _POINTER),
        ("edge_step", _STEP),
    )


class _Map(ctypes.Structure):
    _fields_ = (("data", _POINTER), ("height", _INT), ("width", _INT), ("row_step", _STEP), ("step", _STEP))


class _Convolution(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("channels", "outputs", "wide", "side", "dilation", "add_first")),
        ("slope", ctypes.c_float),
        ("weight", _POINTER),
        ("bias", _POINTER),
    )


class _Coupling(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("channels", "wide", "outputs", "blocks")),
        *((name, _POINTER) for name in ("first", "kernel", "last")),
    )


class _Shrinkage(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("channels", "steps", "parts")),
        ("decay", ctypes.c_float),
        ("weights", _POINTER),
        ("bias", _POINTER),
    )


class Kernel:
    """The functions of the library: float32 on the CPU, a channel stride of 1, any other strides.

    The interpreter's lock is free while one runs.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def add_projected(self, projection: Projection, band: Band, output: Output) -> None:
        """Add to a band's rows what ``output`` makes of their projection, which has one half."""
        self._add("plain", projection, band, output)

    def add_gated(self, projection: Projection, band: Band, output: Output) -> None:
        """Add to a band's rows what ``output`` makes of GELU(first half) * second half of their projection."""
        self._add("gated", projection, band, output)

    def sums(self, projection: Projection, band: Band, *, dim: int, heads: int) -> tuple[Tensor, Tensor]:
        """First half times second half, summed over all pixels, and the sums of their squares; float64.

        Returns:
            dim x dim, of which only what lies within a head is meant to be read, and 2 dim.
        """
        products = torch.zeros(dim, dim, dtype=torch.float64)
        squares = torch.zeros(2 * dim, dtype=torch.float64)
        features, kept = _features(band)
        self._library.fb_sums(
            _reference(_projection(projection)),
            _reference(features),
            dim,
            heads,
            _POINTER(products.data_ptr()),
            _POINTER(squares.data_ptr()),
        )
        del kept
        return products, squares

    def convolve(
        self,
        convolution: Convolution,
        source: Tensor,
        out: Tensor,
        *,
        add: Tensor | None = None,
        add_first: bool = False,
        sums: Tensor | None = None,
        then: tuple[Convolution, Tensor] | None = None,
        cores: bool = True,
    ) -> None:
        """A map's convolution.

        Args:
            convolution: What to apply.
            source: H x W x C.
            out: H x W x N; may be other channels of the same map, or the source itself if the taps are 1x1.
            add: H x W x N, added to the result; may be ``out``.
            add_first: Add before the activation.
            sums: N float64 values to which each output channel's sum over all pixels is added.
            then: A 1x1 convolution of the result, and where its result goes, H x W x M.
            cores: Share the rows out among the cores; not within :func:`fusionbench.nn.bands.together`.
        """
        maps = [_reference(_map(each)) for each in (source, out)]
        added = None if add is None else _reference(_map(add))
        second = (None, None) if then is None else (_reference(_convolution(then[0], False)), _reference(_map(then[1])))
        given = _reference(_convolution(convolution, add_first))
        height = source.shape[0]
        ranges = row_ranges(height, source.device) if cores else [(0, height)]
        own = [None if sums is None else torch.zeros_like(sums) for _ in ranges]

        def work(number: int) -> None:
            total = _POINTER(_address(own[number]))
            self._library.fb_convolve(given, *maps, added, total, *second, *ranges[number])

        together(work, range(len(ranges)))
        for each in own:
            if sums is not None and each is not None:
                sums += each

    def couple(self, coupling: Coupling, source: Tensor, target: Tensor) -> None:
        """Change a map by the inverted residuals of another, on all cores: target + r, or target * exp(r) + s of two.

        Args:
            coupling: The residuals.
            source: H x W x C, H and W at least 2.
            target: H x W x N, shares nothing with the source.
        """
        given = _Coupling(
            coupling.channels,
            coupling.wide,
            coupling.outputs,
            len(coupling.last),
            _address(coupling.first),
            _address(coupling.kernel),
            _address(coupling.last),
        )
        arguments = [_reference(each) for each in (given, _map(source), _map(target))]
        together(lambda rows: self._library.fb_couple(*arguments, *rows), row_ranges(len(source), source.device))

    def gram(self, source: Tensor) -> Tensor:
        """Products of the channels of H x W x C, C a multiple of 32, summed over all pixels: C x C, float64."""
        channels = source.shape[-1]
        products = torch.zeros(channels, channels, dtype=torch.float64)
        self._library.fb_gram(_reference(_map(source)), channels, _POINTER(products.data_ptr()))
        return products

    def shrink(self, shrinkage: Shrinkage, image: Tensor, out: Tensor) -> None:
        """What is read out of an image's unrolled shrinkage, on all cores.

        Args:
            shrinkage: The steps.
            image: H x W x 1, H and W at least 2.
            out: H x W x P, shares nothing with the image.
        """
        given = _Shrinkage(
            shrinkage.channels,
            shrinkage.steps,
            shrinkage.parts,
            shrinkage.decay,
            _address(shrinkage.weights),
            _address(shrinkage.bias),
        )
        arguments = [_reference(each) for each in (given, _map(image), _map(out))]
        together(lambda rows: self._library.fb_shrink(*arguments, *rows), row_ranges(len(image), image.device))

    def _add(self, name: str, projection: Projection, band: Band, output: Output) -> None:
        features, kept = _features(band)
        function = getattr(self._library, f"fb_add_{name}")
        given = _reference(_projection(projection)), _reference(features)
        function(*given, _POINTER(output.weight.data_ptr()), _POINTER(_address(output.bias)))
        del kept


def _reference(structure: ctypes.Structure) -> object:
    return ctypes.byref(structure)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _projection(given: Projection) -> _Projection:
    before = given.pointwise, given.pointwise_bias, given.scale, given.shift
    tensors = *before, given.kernel, given.kernel_bias, given.partner
    full = given.pointwise is None
    return _Projection(given.channels, given.wide, given.centred, full, *(_address(tensor) for tensor in tensors))


def _convolution(given: Convolution, add_first: bool) -> _Convolution:
    wide = given.weight.shape[0] * given.weight.shape[2]
    sizes = given.channels, given.outputs, wide, given.side, given.dilation, add_first
    return _Convolution(*sizes, given.slope, _address(given.weight), _address(given.bias))


def _features(band: Band) -> tuple[_Features, tuple[Tensor | None, ...]]:
    """The band, and what must live as long as it is used."""
    above, below = (None if edge is None else edge.contiguous() for edge in (band.above, band.below))
    rows, width, channels = band.rows.shape
    steps = band.rows.stride()
    found = _Features(band.rows.data_ptr(), rows, width, steps[0], steps[1], _address(above), _address(below), channels)
    return found, (above, below)


def _map(tensor: Tensor) -> _Map:
    height, width, _ = tensor.shape
    row_step, step, _ = tensor.stride()
    return _Map(tensor.data_ptr(), height, width, row_step, step)


NATIVE = Native(Path(__file__).parent, _VERSION, Kernel)


def kernel_for(features: Tensor) -> Kernel | None:
    """The kernel, where it can work on this map: on the CPU, float32, without gradients, not under autocast."""
    able = (
        type(features) is Tensor  # others, such as fake ones, may have no memory
        and features.device.type == "cpu"
        and features.dtype is torch.float32
        and not features.requires_grad
        and not torch.is_autocast_enabled("cpu")
    )
    return NATIVE.kernel() if able else None
