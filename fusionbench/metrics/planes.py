"""What a metric function reads: gray planes of the fused image and its sources, and shared intermediates."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import partial, wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

from fusionbench.metrics.sources import KnownSources, bytes_of

T = TypeVar("T")

# Above this many pixels an image's intermediates are dropped after each metric to bound the memory, its planes are
# scored one by one, and what looks at the neighbourhood of a pixel alone takes some rows after the other.
KEPT_PIXELS = 2**22


class Memory:
    """Intermediates of single images and of pairs, found again by what the images hold.

    For who scores many variants of the same images: most of them share an image with another. Beyond ``size`` bytes
    what was used least recently is dropped.
    """

    def __init__(self, size: int = 2**29) -> None:
        self._size = size
        self._used = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is kept under the key, computed if it is not."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = self._kept[key] = compute()
        self._used += bytes_of(value)
        while self._used > self._size:
            _, dropped = self._kept.popitem(last=False)
            self._used -= bytes_of(dropped)
        return value


class Planes:
    """Gray planes of equal size, one set per image or per colour channel.

    Index 0 means the fused image and 1, 2, ... the sources wherever an intermediate is asked for by
    number. Every tensor is P x H x W with values 0..255 in the working precision; by the colour rule ``rgb`` it
    is a whole image, N x 3 x H x W. Large ones may be held as 8-bit levels until they are asked for.

    Attributes:
        per_image: Planes that belong to one image; a metric's value is the mean over them.
        dtype: The working precision.
        memory: Where intermediates are looked for that other planes may have in common with these; None for nowhere.
        known: Where intermediates of the sources alone are kept for other fused images; None for nowhere.
        scope: Of which of the known sources' planes these are.
        band_of: The planes of which these are some rows, or None.
    """

    def __init__(
        self, fused: Tensor, sources: tuple[Tensor, ...] = (), reference: Tensor | None = None, per_image: int = 1
    ) -> None:
        self._held = (fused, *sources)
        self._held_reference = reference
        self.per_image = per_image
        self.dtype = fused.dtype
        self.memory: Memory | None = None
        self.known: KnownSources | None = None
        self.scope: tuple[Hashable, ...] = ()
        self.band_of: Planes | None = None
        self._shared: dict[Hashable, Any] = {}
        self._digests: dict[int, bytes] = {}
        self._converted: dict[int, Tensor] = {}

    def __getitem__(self, index: int) -> Tensor:
        held = self._held[index]
        if held.dtype == self.dtype:
            return held
        if index not in self._converted:
            self._converted[index] = held.to(self.dtype)
        return self._converted[index]

    def taken(self, index: int) -> Tensor:
        """An image for who needs it once: of one that is held as 8-bit levels nothing larger stays behind."""
        return self._converted[index] if index in self._converted else self._held[index].to(self.dtype)

    def levels(self, index: int) -> Tensor | None:
        """An image as it is held, uint8, if it is held as 8-bit levels."""
        held = self._held[index]
        return held if held.dtype == torch.uint8 else None

    @property
    def fused(self) -> Tensor:
        """The fused planes."""
        return self[0]

    @property
    def sources(self) -> tuple[Tensor, ...]:
        """The planes of each source, in the order they were given."""
        return tuple(self[index] for index in self.source_indices)

    @property
    def reference(self) -> Tensor | None:
        """Planes of the ground truth, or None."""
        return None if self._held_reference is None else self._held_reference.to(self.dtype)

    @property
    def device(self) -> torch.device:
        """Where they lie."""
        return self._held[0].device

    def __len__(self) -> int:
        return int(self._held[0].shape[0])

    @property
    def height(self) -> int:
        """Rows of each plane."""
        return int(self._held[0].shape[-2])

    @property
    def width(self) -> int:
        """Columns of each plane."""
        return int(self._held[0].shape[-1])

    @property
    def source_indices(self) -> range:
        """Indices of the sources, 1 upwards."""
        return range(1, len(self._held))

    @property
    def whole(self) -> Planes:
        """The planes of which these are some rows, or themselves."""
        return self if self.band_of is None else self.band_of

    @property
    def large(self) -> bool:
        """Whether the memory does not suffice for many intermediates of their size."""
        return self.height * self.width > KEPT_PIXELS

    def each(self) -> Iterator[Planes]:
        """Each plane by itself where they are large, else themselves."""
        if not self.large or len(self) == 1:
            yield self
            return
        for number in range(len(self)):
            yield self._single(number)

    def _single(self, number: int) -> Planes:
        fused, *sources = (image.narrow(0, number, 1) for image in self._held)
        truth = self._held_reference
        part = Planes(fused, tuple(sources), None if truth is None else truth.narrow(0, number, 1))
        part.dtype = self.dtype
        return part

    def mapped(self, convert: Callable[..., Tensor], *arguments: Any) -> Planes:
        """Planes of ``convert(image, *arguments)`` of each image, which share nothing with these."""
        reference = None if self.reference is None else convert(self.reference, *arguments)
        return Planes(
            convert(self.fused, *arguments), tuple(convert(source, *arguments) for source in self.sources), reference
        )

    def derived(self, convert: Callable[[Tensor], Tensor]) -> Planes:
        """As :meth:`mapped`; where the sources are known, they are converted once, and so are theirs.

        Args:
            convert: A function that is always the same object, one of a module.
        """
        known = self.known
        if known is None:
            return self.mapped(convert)
        kept = (
            known.get((convert, self.scope, index), partial(convert, source))
            for index, source in enumerate(self.sources, 1)
        )
        planes = Planes(convert(self.fused), tuple(kept))
        planes.known, planes.scope = known, (*self.scope, convert)
        return planes

    def digest(self, index: int) -> bytes:
        """Digest of one image's levels, precision and shape."""
        if index not in self._digests:
            plane = self[index].detach().cpu().contiguous()
            small = plane.to(torch.uint8)
            held = small if torch.equal(small.to(plane.dtype), plane) else plane
            facts = f"{plane.dtype}{held.dtype}{tuple(plane.shape)}{self[index].device}".encode()
            self._digests[index] = hashlib.blake2b(held.numpy().tobytes(), key=facts[:64], digest_size=16).digest()
        return self._digests[index]

    def filled(self, value: float) -> Tensor:
        """One value for each plane."""
        return torch.full((len(self),), value, dtype=self.fused.dtype, device=self.fused.device)

    def forget(self) -> None:
        """Drop the intermediates kept so far, to free their memory."""
        self._shared.clear()
        self._converted.clear()


def shared(function: Callable[..., T]) -> Callable[..., T]:
    """Make ``function(planes, *arguments)`` compute once per :class:`Planes` and reuse the result."""

    @wraps(function)
    def remembered(planes: Planes, *arguments: Hashable) -> T:
        key = (remembered, *arguments)
        store = planes._shared
        if key not in store:
            store[key] = function(planes, *arguments)
        return store[key]

    return remembered


def shared_by_images(function: Callable[..., T]) -> Callable[..., T]:
    """As :func:`shared`, for a function that reads no other images than those whose numbers are among its arguments.

    Integer arguments are such numbers. Where the planes have a :class:`Memory`, the result is also shared with other
    planes of the same images; where their sources are known, what reads no other images is kept with them.
    """

    @wraps(function)
    def remembered(planes: Planes, *arguments: Hashable) -> T:
        memory, known = planes.memory, planes.known
        numbers = [value for value in arguments if type(value) is int]
        of_sources = known is not None and bool(numbers) and 0 not in numbers
        if of_sources or memory is None or any(planes._held[number].requires_grad for number in numbers):
            key = (remembered, *arguments)
            if key not in planes._shared:
                if known is not None and of_sources:
                    value = known.get((remembered, planes.scope, *arguments), lambda: function(planes, *arguments))
                else:
                    value = function(planes, *arguments)
                planes._shared[key] = value
            return planes._shared[key]
        content = (planes.digest(value) if type(value) is int else value for value in arguments)
        return memory.get((remembered, *content), lambda: function(planes, *arguments))

    return remembered
