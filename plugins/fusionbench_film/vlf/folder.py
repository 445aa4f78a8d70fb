"""Writing VLF folders: images, lists and text features as FILM's authors publish them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fusionbench.data import read_features
from fusionbench.fusing import decode_sample
from fusionbench.images.encode import write_png
from fusionbench.images.levels import to_levels
from fusionbench.types import Sample
from fusionbench_film.vlf.layout import VlfFolder, flat_names, side, write_features, write_text


def write_folder(
    samples: Iterable[Sample], root: Path, dataset: str, split: str, *, progress: Callable[[], None] | None = None
) -> tuple[int, int]:
    """Write samples into a VLF folder: PNG images in their luma, a list of the split, text features.

    Args:
        samples: Of one task.
        root: The VLF folder; other data sets in it are left alone.
        dataset: Name of the data set inside.
        split: Name of the list.
        progress: Called after each sample.

    Returns:
        Number of samples, and of texts.

    Raises:
        DataError, ImageError: A sample cannot be read, or names collide.
    """
    samples = list(samples)
    names = flat_names(sample.id for sample in samples)
    tree = VlfFolder(root)
    count = 0
    for sample in samples:
        name = names[sample.id]
        for index, luma in enumerate(decode_sample(sample).lumas()):
            path = tree.image(sample.task, dataset, side(sample.task, index), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, to_levels(luma[0]).numpy())
        for variant, place in sample.text_features.items():
            write_features(VlfFolder(root, variant).feature(sample.task, dataset, name), read_features(place))
        count += sample.features() is not None
        if progress is not None:
            progress()
    if samples:
        listed = "".join(f"{names[sample.id]}.png\n" for sample in samples)
        write_text(tree.names(samples[0].task, dataset, split), listed)
    return len(samples), count
