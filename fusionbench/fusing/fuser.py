"""What the harness does for every method, once: prepare, pad, batch, crop, round, give colour back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fusionbench.fusing.decoding import DecodedSample
from fusionbench.fusing.guarded import GuardedCalls, with_sources
from fusionbench.fusing.padding import crop_to, pad_to_multiple
from fusionbench.images import colour, from_levels, to_levels
from fusionbench.types import (
    Batch,
    Dataset,
    FusionBenchError,
    HasNetwork,
    Method,
    MethodError,
    MethodSpec,
    Sample,
    Task,
    UsageError,
)

Colour = Literal["restore", "gray"]
_PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Mean distance of values from [0, 1] above which they must be on another scale, such as 0 to 255.
_OTHER_SCALE = 0.5
# A result is said to be clipped where more than this share of its values lies further outside [0, 1] than that.
_CLIPPED_SHARE, _CLIPPED_BY = 0.01, 0.05
# How far values of a source in memory may leave [0, 1] by rounding.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class FusedImage:
    """A fused image as it is written and scored.

    Attributes:
        pixels: uint8, 1 x H x W or 3 x H x W, on the CPU.
        seconds: Wall time of fusing, the batch's time divided by its size.
        notes: What the harness had to do: smaller batches, tiles, values that were clipped.
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
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast of methods that are made for it
            (:attr:`fusionbench.MethodSpec.autocast`).
        colour_mode: ``restore`` gives the results of luma methods their colour back, ``gray`` leaves
            them gray, as FILM's and CDDFuse's released scripts write them.

    Raises:
        UsageError: There is no such precision.
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
        if precision not in _PRECISIONS:
            raise UsageError(f"precision {precision!r} is not one of {', '.join(_PRECISIONS)}.")
        self._autocast_dtype = _PRECISIONS[precision] if spec.lowers_precision else None
        self._calls = GuardedCalls(method, spec, device)

    @property
    def network(self) -> nn.Module:
        """The ``nn.Module`` of a learned method.

        Raises:
            MethodError: The method has none.
        """
        network = network_of(self.method)
        if network is None:
            raise MethodError(f"method {self.spec.name} has no network: it is not a learned method.")
        return network

    def prepare(self, dataset: Dataset) -> None:
        """Show the method a data set, before its samples are fused; of no effect where it does not ask for that.

        Raises:
            MethodError: The method raised.
        """
        self._calls.prepare(dataset)

    def lacking(self, sample: Sample) -> str:
        """What keeps a sample from being fused, as far as the loaded method can tell; empty if nothing does.

        Raises:
            MethodError: The method raised.
        """
        return self._calls.lacking(sample)

    def fuse(self, batch: Batch) -> Tensor:
        """The method's own ``fuse``, checked, without padding, tiles or colour."""
        with torch.inference_mode(), self._autocast():
            return self._calls.checked(self.method.fuse(batch), batch)

    def __call__(self, *sources: Tensor, task: Task | str | None = None) -> Tensor:
        """Fuse images in memory.

        Args:
            sources: Two or more tensors, H x W, C x H x W or N x C x H x W float in [0, 1] (uint8 is
                divided by 255, other integers have no agreed white), C = 1 or 3, in the task's canonical order.
            task: Needed where the method serves several tasks and colour depends on it.

        Returns:
            N x C x H x W float32 in [0, 1] on the CPU, not rounded; C is 3 where a source has colour.

        Raises:
            MethodError: Sources of different size, too small, on another scale, too few or too many, or a failing
                method.
        """
        chosen = Task(task) if task is not None else self.spec.tasks[0]
        stacked = [_as_batch(source).to(self.device) for source in sources]
        if len({tuple(s.shape[-2:]) for s in stacked}) > 1 or len({s.shape[0] for s in stacked}) > 1:
            raise MethodError(f"sources differ in size: {[tuple(s.shape) for s in stacked]}.")
        self._check_size((stacked[0].shape[-2], stacked[0].shape[-1]), "the image")
        if self.spec.takes == "luma":
            read = self._calls.read_gray(stacked, ("",) * len(stacked), chosen)
            prepared = [colour.luma(s) for s in stacked] if read is None else read
        else:
            prepared = [_as_rgb(s) for s in stacked]
        fused, _ = self._fuse_prepared(Batch(sources=tuple(prepared), task=chosen))
        return self._finished(fused, fused.clamp(0, 1), stacked, chosen).clamp(0, 1).cpu()

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
        return [
            item if isinstance(item, FusionBenchError) else FusedImage(item[0], seconds, (*notes, *item[1]))
            for item in images
        ]

    def _fuse_batch(self, samples: Sequence[DecodedSample]) -> tuple[list[_Result], tuple[str, ...]]:
        self._check_samples(samples)
        if self.spec.takes == "luma":
            planes = [self._lumas(sample) for sample in samples]
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
        clipped = [_clipping(image) if good else () for image, good in zip(fused, finite, strict=True)]
        rounded = colour.round_to_8_bits(fused)
        results: list[_Result] = []
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
            stored = [source[None].to(self.device) for source in sample.sources] if any(sample.coloured) else []
            image = self._finished(fused[index : index + 1], rounded[index : index + 1], stored, sample.task)
            results.append((to_levels(image[0]).cpu(), clipped[index]))
        return results, notes

    def _lumas(self, sample: DecodedSample) -> list[Tensor]:
        """1 x H x W of each source: by the method's own rule where its script reads such files otherwise."""
        if any(sample.coloured) and all(sample.eight_bit):
            suffixes = sample.suffixes or ("",) * len(sample.sources)
            read = self._calls.read_gray([source[None] for source in sample.sources], suffixes, sample.task)
            if read is not None:
                return [plane[0] for plane in read]
        return sample.lumas()

    def _finished(self, fused: Tensor, clipped: Tensor, stored: Sequence[Tensor], task: Task) -> Tensor:
        """What is written of a result: of a luma method in colour, where that is wanted and a source has some."""
        if self.spec.takes != "luma":
            return clipped
        gray = self.colour_mode == "gray" or all(source.shape[1] == 1 for source in stored)
        saved = self._calls.save(fused, () if gray else stored, task)
        if saved is not None:
            return saved
        if gray or clipped.shape[1] != 1:
            return clipped
        return colour.with_chroma(clipped, colour.fuse_chroma(stored, task).to(clipped))

    def _fuse_prepared(self, batch: Batch) -> tuple[Tensor, tuple[str, ...]]:
        """Pad, fuse with retreat, crop, finish. Values are not yet clipped."""
        height, width = batch.sources[0].shape[-2:]
        padded = with_sources(batch, tuple(pad_to_multiple(s, self.spec.multiple) for s in batch.sources))
        with torch.inference_mode(), self._autocast():
            fused, notes = self._calls.fuse(padded)
            return self._calls.finish(crop_to(fused, height, width).float(), batch), notes

    def _check_size(self, size: tuple[int, int], name: str) -> None:
        if min(size) < self.spec.min_size:
            raise MethodError(
                f"method {self.spec.name} needs images of at least {self.spec.min_size} pixels a side, "
                f"{name} is {size[1]}x{size[0]}."
            )

    def _check_samples(self, samples: Sequence[DecodedSample]) -> None:
        first = samples[0]
        fewest, most = self.spec.sources
        count = len(first.sources)
        if count < fewest or (most is not None and count > most):
            takes = f"{fewest} or more" if most is None else str(fewest) if most == fewest else f"{fewest} to {most}"
            raise MethodError(f"method {self.spec.name} takes {takes} sources, {first.id} has {count}.")
        self._check_size(first.size, first.id)
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


def network_of(method: Method) -> nn.Module | None:
    """The network of a learned method that is loaded; None for other methods."""
    return method.network if isinstance(method, HasNetwork) else None


_Result = tuple[Tensor, tuple[str, ...]] | FusionBenchError


def _clipping(fused: Tensor) -> tuple[str, ...]:
    """A note where more of a result leaves [0, 1], and further, than overshoot at edges explains."""
    outside = (fused < -_CLIPPED_BY) | (fused > 1 + _CLIPPED_BY)
    share = float(outside.float().mean())
    if share <= _CLIPPED_SHARE:
        return ()
    low, high = float(fused.min()), float(fused.max())
    return (
        f"{share:.0%} of the values lay more than {_CLIPPED_BY} outside [0, 1] and were clipped "
        f"(they ran from {low:.3g} to {high:.3g})",
    )


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)


def _as_rgb(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def _as_batch(image: Tensor) -> Tensor:
    tensor = torch.as_tensor(image)
    if tensor.dtype == torch.uint8:
        tensor = from_levels(tensor)
    elif not tensor.is_floating_point():
        raise MethodError(
            f"a source is {tensor.dtype}; expected floats in [0, 1] or uint8.",
            hint="Divide it by the value that means white, 65535 for 16 bit.",
        )
    elif tensor.numel() and not bool(((tensor >= -_ROUNDING) & (tensor <= 1 + _ROUNDING)).all()):
        low, high = float(tensor.min()), float(tensor.max())
        raise MethodError(
            f"a source has values from {low:.4g} to {high:.4g}; expected floats in [0, 1] or uint8.",
            hint="Divide it by the value that means white.",
        )
    while tensor.ndim < 4:
        tensor = tensor[None]
    if tensor.ndim > 4 or tensor.shape[1] not in (1, 3):
        raise MethodError(
            f"a source has shape {tuple(image.shape)}; expected H x W, C x H x W or N x C x H x W, C 1 or 3."
        )
    return tensor.float()
