"""Giving samples the text features that lie in a folder, or beside their images in a VLF folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusionbench.types import DataError, Sample
from fusionbench_film.vlf.layout import FeatureFolder, VlfFolder


def features_beside(root: Path, ids: Sequence[str]) -> Mapping[str, Mapping[str, Path]]:
    """Features of a data set whose folder is ``Image/TASK/DATASET`` of a VLF folder, by sample and variant.

    So the images of the release may be read as any data set that they belong to: ``roadscene=VLF/Image/IVF/RoadScene``.
    """
    place = VlfFolder.around(root)
    if place is None:
        return {}
    folder, task, dataset = place
    return {sample: found for sample, found in folder.features(task, dataset, ids).items() if found}


def attach_features(samples: Sequence[Sample], folder: Path) -> tuple[Sample, ...]:
    """The samples with the ``.npy`` of their name.

    Raises:
        DataError: The folder is absent, or samples have no file in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of text features.")
    files = FeatureFolder(folder)
    found = [files.find(sample.id) for sample in samples]
    missing = [sample.id for sample, path in zip(samples, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{folder}: no text features for {len(missing)} of {len(samples)} samples: {', '.join(missing[:5])}.",
            hint="Expected NAME.npy for each sample; dots and slashes of names may be underscores.",
        )
    return tuple(
        dataclasses.replace(sample, text_features={**sample.text_features, "": path})
        for sample, path in zip(samples, found, strict=True)
        if path is not None
    )
