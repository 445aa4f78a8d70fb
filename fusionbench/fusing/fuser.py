"""Everything the harness does for every method, once: prepare, pad, fuse, retreat, finish, colour."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fusionbench.fusing.decoding import DecodedSample
from fusionbench.images import colour
from fusionbench.images.padding import crop_to, pad_to_multiple
from fusionbench.images.tiling import fuse_in_tiles
from fusionbench.types import Batch, FusionBenchError, Method, MethodError, MethodSpec, Task

Colour = Literal["restore", "gray"]
_PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Sides tried, largest first, when a whole image does not fit into the device's memory.
_TILES = (1536, 1024, 768, 512, 384, 256)
_NO_MEMORY = ("not enough memory", "can't allocate memory")
# Mean distance of values from [0, 1] above which they must be on another scale, such as 0 to 255.
_OTHER_SCALE = 0.5


@dataclass(frozen=True, slots=True)
class FusedImage:
    """A fused image as it is written and scored.

    Attributes:
        pixels: uint8, 1 x H x W or 3 x H x W, on the CPU.
        seconds: Wall time of fusing, the batch's time divided by its size.
        notes: What the harness had to do: smaller batches, tiles.
    """

    pixels: Tensor
    seconds: float
    notes: tuple[str, ...] = ()


class Fuser:
    """A loaded method, ready to fuse.

    ``fuser(*sources)`` fuses images held in memory; :meth:`fuse_samples` is what runs use.

    Args:
        method: Loaded on ``device``.
        spec: The method's registered facts.
        device: Where it computes.
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast.
        colour_mode: ``restore`` gives the results of luma methods their colour back, ``gray`` leaves
            them gray, as FILM's and CDDFuse's released scripts write them.
    """

    def __init__(
        self,
        method: Method,
        spec: MethodSpec,
        device: torch.device,
        *,
        precision: str = "float32",
        colour_mode: Colour = "restore",
    ) -> None:
        self.method = method
        self.spec = spec
        self.device = device
        self.colour_mode = colour_mode
        self._autocast_dtype = _PRECISIONS[precision]

    @property
    def network(self) -> nn.Module:
        """The ``nn.Module`` of a learned method.

        Raises:
            MethodError: The method has none.
        """
        network = getattr(self.method, "network", None)
        if network is None:
            raise MethodError(f"method {self.spec.name} has no network: it is not a learned method.")
        return network

    def fuse(self, batch: Batch) -> Tensor:
        """The method's own ``fuse``, checked, without padding, tiles or colour."""
        with torch.inference_mode(), self._autocast():
            return self._checked(self.method.fuse(batch), batch)

    def __call__(self, *sources: Tensor, task: Task | str | None = None) -> Tensor:
        """Fuse images in memory.

        Args:
            sources: Two or more tensors, H x W, C x H x W or N x C x H x W float in [0, 1] (uint8 is
                divided by 255), C = 1 or 3, in the task's canonical order.
            task: Needed where the method serves several tasks and colour depends on it.

        Returns:
            N x C x H x W float32 in [0, 1] on the CPU, not rounded; C is 3 where a source has colour.

        Raises:
            MethodError: Sources of different size, too few or too many, or a failing method.
        """
        chosen = Task(task) if task is not None else self.spec.tasks[0]
        stacked = [_as_batch(source).to(self.device) for source in sources]
        if len({tuple(s.shape[-2:]) for s in stacked}) > 1 or len({s.shape[0] for s in stacked}) > 1:
            raise MethodError(f"sources differ in size: {[tuple(s.shape) for s in stacked]}.")
        prepared = tuple(colour.luma(s) if self.spec.takes == "luma" else _as_rgb(s) for s in stacked)
        fused, _ = self._fuse_prepared(Batch(sources=prepared, task=chosen))
        return self._coloured(fused.clamp(0, 1), stacked, chosen).clamp(0, 1).cpu()

    def fuse_samples(self, samples: Sequence[DecodedSample]) -> list[FusedImage | FusionBenchError]:
        """Fuse samples of equal size; a sample that fails yields its error instead of an image."""
        started = time.perf_counter()
        try:
            images, notes = self._fuse_batch(samples)
        except FusionBenchError as error:
            if len(samples) == 1:
                return [error]
            return [result for sample in samples for result in self.fuse_samples([sample])]
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = (time.perf_counter() - started) / len(samples)
        return [FusedImage(image, seconds, notes) if isinstance(image, Tensor) else image for image in images]

    def _fuse_batch(self, samples: Sequence[DecodedSample]) -> tuple[list[Tensor | FusionBenchError], tuple[str, ...]]:
        self._check_samples(samples)
        if self.spec.takes == "luma":
            planes = [sample.lumas() for sample in samples]
        else:
            planes = [[_as_rgb(source[None])[0] for source in sample.sources] for sample in samples]
        sources = tuple(torch.stack(list(column)).to(self.device) for column in zip(*planes, strict=True))
        reads_text = self.spec.text != "none"
        batch = Batch(
            sources=sources,
            task=samples[0].task,
            ids=tuple(sample.id for sample in samples),
            text=tuple(_to(sample.text, self.device) for sample in samples) if reads_text else (),
            texts=tuple(sample.texts for sample in samples) if reads_text else (),
        )
        fused, notes = self._fuse_prepared(batch)
        finite = fused.flatten(1).isfinite().all(dim=1).tolist()
        outside = (fused - fused.clamp(0, 1)).abs().flatten(1).mean(dim=1).tolist()
        fused = colour.round_to_8_bits(fused)
        results: list[Tensor | FusionBenchError] = []
        for index, sample in enumerate(samples):
            if not finite[index]:
                results.append(MethodError(f"method {self.spec.name} returned NaN or infinite values for {sample.id}."))
                continue
            if outside[index] > _OTHER_SCALE:
                results.append(
                    MethodError(
                        f"method {self.spec.name} returned values far outside [0, 1] for {sample.id}.",
                        hint="Sources are in [0, 1] and so must be what it returns: divide by 255, for instance.",
                    )
                )
                continue
            image = fused[index : index + 1]
            if self.spec.takes == "luma" and any(sample.coloured):
                stored = [source[None].to(self.device) for source in sample.sources]
                image = self._coloured(image, stored, sample.task)
            results.append((image[0].clamp(0, 1) * 255).round().to(torch.uint8).cpu())
        return results, notes

    def _coloured(self, fused: Tensor, stored: Sequence[Tensor], task: Task) -> Tensor:
        wanted = self.colour_mode == "restore" and self.spec.takes == "luma"
        if not wanted or fused.shape[1] != 1 or all(source.shape[1] == 1 for source in stored):
            return fused
        return colour.with_chroma(fused, colour.fuse_chroma(stored, task).to(fused))

    def _fuse_prepared(self, batch: Batch) -> tuple[Tensor, tuple[str, ...]]:
        """Pad, fuse with retreat, crop, finish. Values are not yet clipped."""
        height, width = batch.sources[0].shape[-2:]
        padded = _with_sources(batch, tuple(pad_to_multiple(s, self.spec.multiple) for s in batch.sources))
        with torch.inference_mode(), self._autocast():
            fused, notes = self._retreating(padded)
            fused = crop_to(fused, height, width).float()
            finish: Callable[[Tensor, Batch], Tensor] | None = getattr(self.method, "finish", None)
            if finish is not None:
                fused = self._guard(lambda: finish(fused, batch))
        return fused, notes

    def _retreating(self, batch: Batch) -> tuple[Tensor, tuple[str, ...]]:
        """Fuse; where memory runs out, in halves of the batch, then in tiles where the method allows it."""
        try:
            return self._checked(self._guard(lambda: self.method.fuse(batch)), batch), ()
        except _OutOfMemory as error:
            reason = error
        self._free()
        if len(batch) > 1:
            half = len(batch) // 2
            parts = [self._retreating(_slice(batch, 0, half)), self._retreating(_slice(batch, half, len(batch)))]
            notes = tuple(dict.fromkeys(["batch halved: out of memory", *parts[0][1], *parts[1][1]]))
            return torch.cat([part[0] for part in parts]), notes
        if self.spec.overlap is not None:
            for tile in _TILES:
                if tile >= max(batch.sources[0].shape[-2:]) or tile <= 2 * self.spec.overlap:
                    continue
                try:
                    fused = fuse_in_tiles(
                        lambda sources: self._checked(
                            self._guard(lambda: self.method.fuse(_with_sources(batch, sources))),
                            _with_sources(batch, sources),
                        ),
                        batch.sources,
                        tile=tile - tile % self.spec.multiple,
                        overlap=self.spec.overlap,
                    )
                    return fused, (f"tiles of {tile} pixels: out of memory",)
                except _OutOfMemory as error:
                    reason = error
                    self._free()
        height, width = batch.sources[0].shape[-2:]
        raise MethodError(
            f"method {self.spec.name} ran out of memory on {self.device} with one image of {width}x{height}: {reason}",
            hint="Use a device with more memory or smaller images.",
        )

    def _guard(self, call: Callable[[], Any]) -> Any:
        """Run foreign code; what it raises becomes a MethodError that says so."""
        try:
            return call()
        except FusionBenchError:
            raise
        except torch.OutOfMemoryError as error:
            raise _OutOfMemory(_first_line(error)) from None
        except MemoryError as error:
            raise _OutOfMemory(_first_line(error) or "MemoryError") from None
        except (Exception, SystemExit) as error:
            # The CPU allocator reports lack of memory as a plain RuntimeError, in words that differ by system.
            if isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY):
                raise _OutOfMemory(_first_line(error)) from None
            where = _innermost(error)
            raise MethodError(
                f"method {self.spec.name} raised {type(error).__name__}: {_first_line(error)}{where}"
            ) from error

    def _checked(self, fused: Any, batch: Batch) -> Tensor:
        name = self.spec.name
        if not isinstance(fused, Tensor):
            raise MethodError(f"method {name} returned {type(fused).__name__}, expected a tensor N x C x H x W.")
        expected = (len(batch), *batch.sources[0].shape[-2:])
        channels = (1,) if self.spec.takes == "luma" else (1, 3)
        if fused.ndim != 4 or (fused.shape[0], *fused.shape[2:]) != expected or fused.shape[1] not in channels:
            wanted = f"{len(batch)} x {' or '.join(map(str, channels))} x {expected[1]} x {expected[2]}"
            raise MethodError(f"method {name} returned shape {tuple(fused.shape)}, expected {wanted}.")
        if not fused.is_floating_point():
            raise MethodError(f"method {name} returned {fused.dtype}, expected floating point values in [0, 1].")
        return fused

    def _check_samples(self, samples: Sequence[DecodedSample]) -> None:
        first = samples[0]
        fewest, most = self.spec.sources
        count = len(first.sources)
        if count < fewest or (most is not None and count > most):
            takes = f"{fewest} or more" if most is None else str(fewest) if most == fewest else f"{fewest} to {most}"
            raise MethodError(f"method {self.spec.name} takes {takes} sources, {first.id} has {count}.")
        if min(first.size) < self.spec.min_size:
            raise MethodError(
                f"method {self.spec.name} needs images of at least {self.spec.min_size} pixels a side, "
                f"{first.id} is {first.size[1]}x{first.size[0]}."
            )
        if self.spec.text == "required":
            lacking = [sample.id for sample in samples if sample.text is None]
            if lacking:
                raise MethodError(
                    f"method {self.spec.name} needs text features, {lacking[0]} has none.",
                    hint="Make them with `fusionbench text`, or point --text-features to a folder of .npy files.",
                )

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._autocast_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self._autocast_dtype)

    def _free(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


class _OutOfMemory(Exception):
    """The device has no memory left; the harness retreats."""


def _first_line(error: BaseException) -> str:
    """What an error says, in characters that records and terminals can hold."""
    line = (str(error).strip().splitlines() or [""])[0][:300]
    return line.encode(errors="backslashreplace").decode()


def _innermost(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)


def _as_rgb(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def _as_batch(image: Tensor) -> Tensor:
    tensor = torch.as_tensor(image)
    if tensor.dtype == torch.uint8:
        tensor = tensor.float() / 255
    while tensor.ndim < 4:
        tensor = tensor[None]
    if tensor.ndim > 4 or tensor.shape[1] not in (1, 3):
        raise MethodError(
            f"a source has shape {tuple(image.shape)}; expected H x W, C x H x W or N x C x H x W, C 1 or 3."
        )
    return tensor.float()


def _with_sources(batch: Batch, sources: tuple[Tensor, ...]) -> Batch:
    return Batch(sources=sources, task=batch.task, ids=batch.ids, text=batch.text, texts=batch.texts)


def _slice(batch: Batch, start: int, stop: int) -> Batch:
    return Batch(
        sources=tuple(source[start:stop] for source in batch.sources),
        task=batch.task,
        ids=batch.ids[start:stop],
        text=batch.text[start:stop],
        texts=batch.texts[start:stop],
    )
