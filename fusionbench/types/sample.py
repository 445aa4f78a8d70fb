"""What flows through a run: samples (files on disk) and batches (tensors in memory)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.types.labels import Labels
from fusionbench.types.task import Task

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class LazyArray:
    """An image or feature that is no file of its own, such as a member of an HDF5 file.

    Attributes:
        name: What error messages call it, for instance ``MSRS_test.h5:imageA/00537D``.
        read: Returns the array: an image as HW or HWC (uint8, uint16, or float in [0, 1]), a text
            feature as (T, D) float32. Called from worker threads, at most once a run.
        shape: Shape of what ``read`` returns, where that is known without reading.
    """

    name: str
    read: Callable[[], np.ndarray]
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


Readable = Path | LazyArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scene to fuse: where its sources lie, nothing decoded.

    Attributes:
        id: Unique within its data set; may contain ``/`` (``MRI_CT/11``), never ``..``.
        task: The fusion task.
        sources: Two or more sources in the task's canonical order.
        reference: Ground truth where it exists.
        texts: Paragraphs that describe the sources, in their order; empty where there are none.
        text_features: Encoded texts, (T, D) or (1, T, D) float32, by their variant (``caption``); the usual ones
            under the empty name. See :meth:`features`.
        labels: Objects and classes of pixels, read when asked for; None where the scene is not labelled.
        meta: Anything an adapter wants to pass on (part, exposure times, ...).
    """

    id: str
    task: Task
    sources: tuple[Readable, ...]
    reference: Readable | None = None
    texts: tuple[str, ...] = ()
    text_features: Mapping[str, Readable] = field(default_factory=dict)
    labels: Labels | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def features(self, variant: str = "") -> Readable | None:
        """The text features of a variant, the usual ones if it is empty; None where there are none."""
        return self.text_features.get(variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a data set that keeps a sample from being used, or that a user should know.

    Attributes:
        kind: Short machine-readable class: ``unpaired``, ``unreadable``, ``size``, ``duplicate``,
            ``ambiguous``, ``list``, ``suspicious``, ...
        message: What is wrong and the remedy, naming the files.
        paths: The files concerned, relative to the root where possible.
        fatal: Whether the sample it belongs to is unusable; a notice otherwise.
        sample: Id of the sample concerned, if it got one.
    """

    kind: str
    message: str
    paths: tuple[str, ...] = ()
    fatal: bool = True
    sample: str | None = None


@dataclass(slots=True, kw_only=True)
class Batch:
    """Samples of equal size, decoded and prepared as the method asked for.

    Attributes:
        sources: One tensor per source, N x C x H x W float32 in [0, 1] on the method's device;
            C is 1 for ``luma`` methods and 3 for ``rgb`` methods. Canonical order.
        task: The fusion task of all samples.
        ids: Sample ids, length N.
        text: Per sample the text features (T_i, D) float32 on the device, or None; empty tuple
            for methods that do not read text. Lengths may differ: pad and mask, or loop.
        texts: Per sample the paragraphs; empty for methods that do not read text.
    """

    sources: tuple[Tensor, ...]
    task: Task
    ids: tuple[str, ...] = ()
    text: tuple[Tensor | None, ...] = ()
    texts: tuple[Sequence[str], ...] = ()

    def __len__(self) -> int:
        return int(self.sources[0].shape[0])
