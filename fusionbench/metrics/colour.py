"""Colour rules: which gray planes a convention makes of gray and RGB images.

Each rule turns :class:`Images` into :class:`~fusionbench.metrics.planes.Planes`. Rules that only differ
for colour images return the same planes for gray ones, so that intermediates are shared between profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench.metrics.planes import KEPT_PIXELS, Memory, Planes
from fusionbench.metrics.sources import KnownSources
from fusionbench.types import MetricError

# float32 weights as OpenCV holds them, as exact doubles.
_OPENCV = tuple(float(np.float32(weight)) for weight in RGB_TO_LUMA)
# Pillow's integer weights; their sum is 65536.
_PILLOW = (19595.0, 38470.0, 7471.0)
_MATLAB = (0.298936021293775, 0.587043074451121, 0.114020904255103)


class UndefinedForColour(Exception):
    """The convention has no value for this combination of channel counts."""


@dataclass(slots=True)
class Images:
    """The operands of one call, N x C x H x W with values 0..255 and C = 1 or 3.

    Large 8-bit images are held as such, an eighth of their size in the working precision; each plane is brought to that
    when it is scored.

    Attributes:
        fused: The fused images.
        sources: The sources, in order.
        reference: Ground truth, or None.
        memory: Where their planes look for intermediates of the same images, see :class:`Memory`.
        known: Where what depends on the sources alone is kept; None for nowhere.
        backwards: Whether the sources stand in the opposite order of the known ones.
        dtype: The working precision; the fused images' own if None.
    """

    fused: Tensor
    sources: tuple[Tensor, ...]
    reference: Tensor | None = None
    memory: Memory | None = None
    known: KnownSources | None = None
    backwards: bool = False
    dtype: torch.dtype | None = None
    _planes: dict[str, Planes] = field(default_factory=dict)

    @property
    def all_gray(self) -> bool:
        """Whether every image has one channel."""
        given = (self.fused, *self.sources, *(() if self.reference is None else (self.reference,)))
        return all(image.shape[1] == 1 for image in given)

    def planes(self, rule: str) -> Planes:
        """Planes by the named rule, made once.

        Raises:
            UndefinedForColour: The rule has no planes for these channel counts.
            MetricError: There is no such rule.
        """
        if rule not in RULES:
            raise MetricError(f"unknown colour rule {rule!r}.", hint=f"Rules: {', '.join(RULES)}.")
        key = "gray" if self.all_gray and rule != "rgb" else rule
        if key not in self._planes:
            planes = self._planes[key] = RULES[key](self)
            planes.dtype = self.dtype or self.fused.dtype
            planes.memory = self.memory
            planes.known = self.known
            # What a rule makes of the sources depends on how many channels the fused image has.
            planes.scope = (key, self.backwards, self.fused.shape[1], self.fused.dtype, str(self.fused.device))
        return self._planes[key]

    def each_source(self, convert: Callable[..., Tensor], *arguments: Hashable) -> tuple[Tensor, ...]:
        """``convert(source, *arguments)`` of each source, once where they are known."""
        if self.known is None:
            return tuple(convert(source, *arguments) for source in self.sources)
        # By their numbers among the known ones, and so the same in both orders.
        last = len(self.sources) - 1
        return tuple(
            self.known.get(
                (convert, *arguments, last - index if self.backwards else index, source.dtype, str(source.device)),
                partial(convert, source, *arguments),
            )
            for index, source in enumerate(self.sources)
        )

    def part(self, rows: slice | Tensor, *, backwards: bool = False) -> Images:
        """Some of the images, by a range or a mask; ``backwards`` with the sources in the opposite order."""
        reference = None if self.reference is None else self.reference[rows]
        sources = tuple(source[rows] for source in (self.sources[::-1] if backwards else self.sources))
        # Of one image any rows are all of them, and what large images leave behind would fill the memory.
        whole = len(self.fused) == 1 and self.fused.shape[-2] * self.fused.shape[-1] <= KEPT_PIXELS
        known = self.known if whole else None
        return Images(self.fused[rows], sources, reference, self.memory, known, backwards, self.dtype)

    def forget(self) -> None:
        """Drop all intermediates kept so far, to free their memory."""
        for planes in self._planes.values():
            planes.forget()


def rounded(values: Tensor) -> Tensor:
    """Round half to even; the gradient passes through unchanged."""
    return values + (torch.round(values) - values).detach() if values.requires_grad else torch.round(values)


def _half_away(values: Tensor) -> Tensor:
    away = torch.floor(values.detach() + 0.5)
    return values + (away - values).detach() if values.requires_grad else away


def opencv_gray(image: Tensor) -> Tensor:
    """N x H x W of 0.299 R + 0.587 G + 0.114 B rounded half to even, bit for bit as OpenCV does on float32.

    OpenCV's float32 code evaluates fma(R, 0.299, fma(B, 0.114, G * 0.587)); exact ties of the weighted
    sum depend on that order. A double holds each exact sum, so one rounding to float32 after each step
    is the fused operation.
    """
    if image.shape[1] == 1:
        return image[:, 0]
    red, green, blue = image.unbind(1)
    if image.requires_grad:
        return rounded(_OPENCV[0] * red + _OPENCV[1] * green + _OPENCV[2] * blue)
    red, green, blue = red.double(), green.double(), blue.double()
    total = (green * _OPENCV[1]).float().double()
    total = (blue * _OPENCV[2] + total).float().double()
    total = (red * _OPENCV[0] + total).float()
    return torch.round(total).to(image.dtype)


def matlab_gray(image: Tensor, *, eight_bit: bool = True) -> Tensor:
    """N x H x W of MATLAB's luma; rounded half away from zero as for uint8 input, or left as doubles."""
    if image.shape[1] == 1:
        return image[:, 0]
    red, green, blue = (channel.double() for channel in image.unbind(1))
    luma = _MATLAB[0] * red + _MATLAB[1] * green + _MATLAB[2] * blue
    if eight_bit:
        return _half_away(luma).to(image.dtype)
    return luma.to(image.dtype) if image.is_floating_point() else luma


def pillow_gray(image: Tensor) -> Tensor:
    """N x H x W of (19595 R + 38470 G + 7471 B + 32768) >> 16, as Pillow makes 8-bit RGB gray."""
    if image.shape[1] == 1:
        return image[:, 0]
    red, green, blue = (channel.double() for channel in image.unbind(1))
    return _half_away((_PILLOW[0] * red + _PILLOW[1] * green + _PILLOW[2] * blue) / 65536).to(image.dtype)


def _one_plane(gray: Callable[[Tensor], Tensor]) -> Callable[[Images], Planes]:
    def rule(images: Images) -> Planes:
        reference = None if images.reference is None else gray(images.reference)
        return Planes(gray(images.fused), images.each_source(gray), reference)

    return rule


def _flattened(image: Tensor) -> Tensor:
    """N x 3 x H x W as 3N x H x W."""
    return image.flatten(0, 1)


def _gray_source(source: Tensor, conversion: str) -> Tensor:
    if source.shape[1] == 1:
        return source[:, 0]
    if conversion == "none":
        raise UndefinedForColour
    return matlab_gray(source, eight_bit=conversion == "rounded")


def _by_channels(toolbox: str, conversion: str) -> Callable[[Images], Planes]:
    """A metric for each channel of F, averaged, as the two MATLAB benchmarks go through them.

    With a gray F, ``conversion`` says what becomes of colour sources: ``rounded`` or ``unrounded`` gray, or
    ``none`` where the original fails.
    """

    def rule(images: Images) -> Planes:
        fused, sources = images.fused, images.sources
        if fused.shape[1] == 1:
            return Planes(fused[:, 0], images.each_source(_gray_source, conversion))
        channels = [source.shape[1] for source in sources]
        if toolbox == "mefb" and all(count == 1 for count in channels):
            return Planes(fused[:, 0], tuple(source[:, 0] for source in sources))
        # vifb reuses a gray second source for every channel; every other mixture makes the original fail.
        needed = channels[:1] if toolbox == "vifb" else channels
        if any(count == 1 for count in needed):
            raise UndefinedForColour
        planes = tuple(_flattened(source.expand(-1, 3, -1, -1)) for source in sources)
        return Planes(_flattened(fused), planes, per_image=3)

    return rule


def _fused_channels(images: Images) -> Planes:
    """The channels of F, whatever the sources are."""
    return Planes(_flattened(images.fused), per_image=images.fused.shape[1])


def _fused_or_first_channel(images: Images) -> Planes:
    """The channels of F, or only its first where all sources are gray."""
    if images.sources and all(source.shape[1] == 1 for source in images.sources):
        return Planes(images.fused[:, 0])
    return _fused_channels(images)


def _fused_channels_or_gray(images: Images) -> Planes:
    """The channels of F, or its gray image where all sources are gray."""
    if images.sources and all(source.shape[1] == 1 for source in images.sources):
        return Planes(matlab_gray(images.fused, eight_bit=False))
    return _fused_channels(images)


def _fused_side_by_side(images: Images) -> Planes:
    """The channels of F laid side by side as one H x 3W plane."""
    return Planes(torch.cat(images.fused.unbind(1), dim=-1))


def _alike_in_gray(images: Images) -> Planes:
    """MATLAB gray of every image, where all have the same number of channels."""
    if len({image.shape[1] for image in (images.fused, *images.sources)}) > 1:
        raise UndefinedForColour
    return _one_plane(matlab_gray)(images)


def _reference_channels(images: Images) -> Planes:
    """F and the ground truth by channels; a gray one is compared with every channel of the other."""
    fused, truth = images.fused, images.reference
    assert truth is not None, "the scorer asks only where there is ground truth"
    count = max(fused.shape[1], truth.shape[1])
    expanded = (_flattened(image.expand(-1, count, -1, -1)) for image in (fused, truth))
    return Planes(next(expanded), (), next(expanded), per_image=count)


def _rgb(images: Images) -> Planes:
    """Whole images, N x 3 x H x W; gray is repeated."""
    reference = None if images.reference is None else images.reference.expand(-1, 3, -1, -1)
    sources = tuple(source.expand(-1, 3, -1, -1) for source in images.sources)
    return Planes(images.fused.expand(-1, 3, -1, -1), sources, reference)


RULES: dict[str, Callable[[Images], Planes]] = {
    "gray": _one_plane(opencv_gray),
    "gray-matlab": _one_plane(matlab_gray),
    "gray-pillow": _one_plane(pillow_gray),
    "vifb": _by_channels("vifb", "rounded"),
    "vifb-unrounded": _by_channels("vifb", "unrounded"),
    "vifb-strict": _by_channels("vifb", "none"),
    "vifb-side-by-side": _fused_side_by_side,
    "mefb": _by_channels("mefb", "rounded"),
    "mefb-unrounded": _by_channels("mefb", "unrounded"),
    "mefb-strict": _by_channels("mefb", "none"),
    "mefb-gray": _alike_in_gray,
    "mefb-fused": _fused_or_first_channel,
    "mefb-channels-or-gray": _fused_channels_or_gray,
    "fused-channels": _fused_channels,
    "reference-channels": _reference_channels,
    "rgb": _rgb,
}
