"""CDDFuse's training samples: windows of infrared-visible pairs that have contrast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.data import open_dataset, open_hdf5
from fusionbench.images import read_image
from fusionbench.images.colour import luma, round_to_8_bits
from fusionbench.training import Draw
from fusionbench.types import DataError, Readable, Sample, Task

# Most pixels of a stored window.
_MOST = 1 << 24


class WindowPairs:
    """Window pairs in memory, 128 kB for each of 128 x 128.

    Args:
        pairs: Infrared and visible windows, 1 x H x W float32 in [0, 1].
    """

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, draw: Draw) -> dict[str, Tensor]:
        infrared, visible = self.pairs[draw.index]
        return {"infrared": infrared, "visible": visible}


def open_windows(
    source: str,
    *,
    data_root: Path | None = None,
    size: int = 128,
    stride: int = 200,
    options: Mapping[str, Any] | None = None,
) -> WindowPairs:
    """Read training windows.

    Args:
        source: The authors' HDF5 file (``*.h5``, groups ``ir_patchs`` and ``vis_patchs``), or an
            infrared-visible data set, ``NAME[@SPLIT][=ROOT]``, that is cut as the authors cut theirs.
        data_root: Folder with the data sets, where ``source`` names no root.
        size, stride: Of the windows that are cut.
        options: Options of the data set.

    Raises:
        DataError: Unreadable files, a data set of another task, or no window with contrast.
    """
    if source.endswith((".h5", ".hdf5")):
        pairs = list(_stored_windows(Path(source).expanduser()))
    else:
        dataset = open_dataset(source, data_root=data_root, options=options)
        if dataset.task is not Task.IVF:
            raise DataError(f"{source}: cddfuse trains on infrared-visible pairs, this data set is {dataset.task}.")
        pairs = [pair for sample in dataset.samples for pair in cut(*_read_pair(sample), size=size, stride=stride)]
    if not pairs:
        raise DataError(
            f"{source}: no window of {size} x {size} pixels with contrast.", hint="Check the data set; or lower size."
        )
    return WindowPairs(pairs)


def cut(infrared: Tensor, visible: Tensor, *, size: int, stride: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Complete windows at multiples of the stride, in which both images (1 x H x W) have contrast."""
    height, width = infrared.shape[-2:]
    for top in range(0, height - size + 1, stride):
        for left in range(0, width - size + 1, stride):
            pair = [image[:, top : top + size, left : left + size] for image in (infrared, visible)]
            if all(has_contrast(window) for window in pair):
                # Copies, so that a window does not keep its whole image in memory.
                yield pair[0].clone(), pair[1].clone()


def has_contrast(window: Tensor) -> bool:
    """Whether the span from the 10th to the 90th percentile is a tenth of the latter or more.

    A black window has an undefined ratio and passes, as it does in the released code.
    """
    low, high = np.percentile(window.numpy(), (10, 90))
    return high == 0 or (high - low) / high >= 0.1


def _read_pair(sample: Sample) -> tuple[Tensor, Tensor]:
    """Infrared luma in 8-bit steps and visible luma as it is, 1 x H x W, as the released preprocessing has them."""
    infrared, visible = (_read_luma(source) for source in sample.sources)
    return round_to_8_bits(infrared), visible


def _read_luma(source: Readable) -> Tensor:
    image = read_image(source)
    pixels = torch.from_numpy(np.ascontiguousarray(image.pixels, dtype=np.float32)) / image.peak
    return pixels[None] if pixels.ndim == 2 else luma(pixels.permute(2, 0, 1)[None])[0]


def _stored_windows(path: Path) -> Iterator[tuple[Tensor, Tensor]]:
    groups = ("ir_patchs", "vis_patchs")
    with open_hdf5(path) as file:
        for group in groups:
            if group not in file.names():
                raise DataError(f"{path}: no group {group!r}; expected the file made by CDDFuse's dataprocessing.py.")
        partners = set(file.names("vis_patchs"))
        for name in file.names("ir_patchs"):
            if name not in partners:
                raise DataError(f"{path}: vis_patchs has no window {name!r}.")
            infrared, visible = (
                torch.from_numpy(file.read(f"{group}/{name}", most=_MOST).astype(np.float32)) for group in groups
            )
            if infrared.ndim != 3 or infrared.shape != visible.shape or infrared.shape[0] != 1:
                raise DataError(
                    f"{path}: windows {name!r} are {tuple(infrared.shape)} and {tuple(visible.shape)}, "
                    "expected 1 x H x W twice."
                )
            yield infrared, visible
