"""Calling a method's own code: what it raises, returns or lacks memory for is dealt with here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fusionbench.fusing.tiling import fuse_in_tiles
from fusionbench.types import (
    Batch,
    Dataset,
    Finishes,
    FusionBenchError,
    Method,
    MethodError,
    MethodSpec,
    Prepares,
    ReadsGray,
    Sample,
    SavesImages,
    SeesWholeImages,
    Task,
    TellsLacking,
    described,
    first_line,
    raised_at,
)

# Sides tried, largest first, when a whole image does not fit into the device's memory.
_TILES = (1536, 1024, 768, 512, 384, 256)
_NO_MEMORY = ("not enough memory", "can't allocate memory")


class GuardedCalls:
    """The calls that a method's contract has, checked.

    Args:
        method: Loaded on ``device``.
        spec: The method's registered facts.
        device: Where it computes.
    """

    def __init__(self, method: Method, spec: MethodSpec, device: torch.device) -> None:
        self._method = method
        self._spec = spec
        self._device = device

    def prepare(self, dataset: Dataset) -> None:
        """Show the data set to a method that wants to know it.

        Raises:
            MethodError: The method raised.
        """
        if isinstance(self._method, Prepares):
            self._foreign("prepare", self._method.prepare, dataset)

    def lacking(self, sample: Sample) -> str:
        """What the method says keeps a sample from being fused; empty if nothing does, or it cannot tell.

        Raises:
            MethodError: The method raised.
        """
        if not isinstance(self._method, TellsLacking):
            return ""
        return str(self._foreign("lacking", self._method.lacking, sample) or "")

    def fuse(self, batch: Batch) -> tuple[Tensor, tuple[str, ...]]:
        """Fuse; where memory runs out, in halves of the batch, then in tiles where the method allows it.

        Returns:
            The fused images, N x C x H x W float, and what had to be done, for people to read.

        Raises:
            MethodError: The method raised, returned something else, or lacks memory for one tile.
        """
        try:
            return self._fused(batch), ()
        except _OutOfMemory as error:
            reason = error
        self._free()
        if len(batch) > 1:
            half = len(batch) // 2
            parts = [self.fuse(_slice(batch, 0, half)), self.fuse(_slice(batch, half, len(batch)))]
            notes = tuple(dict.fromkeys(["batch halved: out of memory", *parts[0][1], *parts[1][1]]))
            return torch.cat([part[0] for part in parts]), notes
        whole = isinstance(self._method, SeesWholeImages) and self._method.whole_image
        if self._spec.overlap is not None and not whole:
            for tile in _TILES:
                if tile >= max(batch.sources[0].shape[-2:]) or tile <= 2 * self._spec.overlap:
                    continue
                try:
                    fused = fuse_in_tiles(
                        lambda sources: self._fused(with_sources(batch, sources)),
                        batch.sources,
                        tile=tile - tile % self._spec.multiple,
                        overlap=self._spec.overlap,
                    )
                    return fused, (f"tiles of {tile} pixels: out of memory",)
                except _OutOfMemory as error:
                    reason = error
                    self._free()
        height, width = batch.sources[0].shape[-2:]
        raise MethodError(
            f"method {self._spec.name} ran out of memory on {self._device} with one image of {width}x{height}: "
            f"{reason}",
            hint="Use a device with more memory or smaller images.",
        )

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """What the method's ``finish`` makes of whole, unpadded results; the results themselves without one.

        Raises:
            MethodError: The method raised, returned something else, or lacks memory.
        """
        method = self._method
        if not isinstance(method, Finishes):
            return fused
        try:
            return self.checked(self._guard(lambda: method.finish(fused, batch)), batch)
        except _OutOfMemory as error:
            raise MethodError(
                f"method {self._spec.name} ran out of memory on {self._device} in finish: {error}",
                hint="Use a device with more memory or smaller images.",
            ) from None

    def read_gray(self, sources: Sequence[Tensor], suffixes: Sequence[str], task: Task) -> list[Tensor] | None:
        """Gray of colour sources as the method's script reads it, N x 1 x H x W each; None where it has no such rule.

        Raises:
            MethodError: The method raised.
        """
        read = self._method.read_gray if isinstance(self._method, ReadsGray) else None
        return None if read is None else list(self._guard(lambda: read(sources, suffixes, task)))

    def save(self, fused: Tensor, sources: Sequence[Tensor], task: Task) -> Tensor | None:
        """What the method's script saves, in colour where sources are given; None where it has no such rule.

        Raises:
            MethodError: The method raised, or returned another size.
        """
        save = self._method.save if isinstance(self._method, SavesImages) else None
        if save is None:
            return None
        saved = self._guard(lambda: save(fused, sources, task))
        if not isinstance(saved, Tensor) or saved.shape[0] != len(fused) or saved.shape[2:] != fused.shape[2:]:
            raise MethodError(f"method {self._spec.name} returned something else than images from save.")
        return saved

    def checked(self, fused: Any, batch: Batch) -> Tensor:
        """What a method returned, if it is a tensor of the promised shape and type.

        Raises:
            MethodError: It is not.
        """
        name = self._spec.name
        if not isinstance(fused, Tensor):
            raise MethodError(f"method {name} returned {type(fused).__name__}, expected a tensor N x C x H x W.")
        expected = (len(batch), *batch.sources[0].shape[-2:])
        channels = (1,) if self._spec.takes == "luma" else (1, 3)
        if fused.ndim != 4 or (fused.shape[0], *fused.shape[2:]) != expected or fused.shape[1] not in channels:
            wanted = f"{len(batch)} x {' or '.join(map(str, channels))} x {expected[1]} x {expected[2]}"
            raise MethodError(f"method {name} returned shape {tuple(fused.shape)}, expected {wanted}.")
        if not fused.is_floating_point():
            raise MethodError(f"method {name} returned {fused.dtype}, expected floating point values in [0, 1].")
        return fused

    def _fused(self, batch: Batch) -> Tensor:
        return self.checked(self._guard(lambda: self._method.fuse(batch)), batch)

    def _foreign(self, name: str, part: Callable[..., Any], *arguments: Any) -> Any:
        """Call a part that computes no images."""
        try:
            return part(*arguments)
        except (FusionBenchError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise MethodError(
                f"method {self._spec.name}: {name} raised {described(error)}{raised_at(error)}"
            ) from error

    def _guard(self, call: Callable[[], Any]) -> Any:
        """Run foreign code; what it raises becomes a MethodError that says so."""
        try:
            return call()
        except (FusionBenchError, KeyboardInterrupt):
            raise
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _OutOfMemory(first_line(error)) from None
        except BaseException as error:
            # The CPU allocator reports lack of memory as a plain RuntimeError, in words that differ by system.
            if isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY):
                raise _OutOfMemory(first_line(error)) from None
            raise MethodError(f"method {self._spec.name} raised {described(error)}{raised_at(error)}") from error

    def _free(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def with_sources(batch: Batch, sources: tuple[Tensor, ...]) -> Batch:
    """The same batch with other sources, padded or cut."""
    return Batch(sources=sources, task=batch.task, ids=batch.ids, text=batch.text, texts=batch.texts)


def _slice(batch: Batch, start: int, stop: int) -> Batch:
    return Batch(
        sources=tuple(source[start:stop] for source in batch.sources),
        task=batch.task,
        ids=batch.ids[start:stop],
        text=batch.text[start:stop],
        texts=batch.texts[start:stop],
    )


class _OutOfMemory(Exception):
    """The device has no memory left; the harness retreats."""
