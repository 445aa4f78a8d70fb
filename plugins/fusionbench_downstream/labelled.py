"""The labelled samples of a data set: every label read and checked before anything is fused or trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.plan import content_of
from fusionbench.runs.preflight import SampleFacts
from fusionbench.types import IGNORED, Box, DataError, MaskLabels, Sample
from fusionbench.types.complaints import Complaints
from fusionbench_downstream.settings import Kind

_WHOSE = {"detection": "boxes", "segmentation": "masks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One sample with its labels.

    Attributes:
        dataset: Key of the data set or split that it is of.
        sample: The sample.
        size: Width and height of its images.
        content: Digest of its images, by which fused ones are found.
        pixels: Digest of each source's pixels.
        boxes: Its objects; empty for segmentation.
        classes: The classes behind the indices of its mask; empty for detection.
        digest: Of its labels.
    """

    dataset: str
    sample: Sample
    size: tuple[int, int]
    content: str
    pixels: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    classes: tuple[str, ...] = ()
    digest: str = ""

    @property
    def id(self) -> str:
        """The sample's id."""
        return self.sample.id

    @property
    def light(self) -> str:
        """By which light the scene was taken (``day``, ``night``), where its data set says so; else empty."""
        light = self.sample.meta.get("light")
        return light if isinstance(light, str) else ""

    def mask(self, classes: Sequence[str]) -> np.ndarray:
        """H x W uint8 of indices into ``classes``, found by name; what is none of them is :data:`IGNORED`.

        Raises:
            DataError: As of :class:`fusionbench.types.MaskLabels`.
        """
        values = _mask_labels(self.sample).read(self.size)
        table = np.full(256, IGNORED, np.uint8)
        for index, name in enumerate(self.classes):
            if name in classes:
                table[index] = classes.index(name)
        return table[values]


def read_labelled(
    dataset: OpenedDataset, kind: Kind, facts: Mapping[str, SampleFacts]
) -> tuple[list[Labelled], tuple[str, ...], list[str]]:
    """The samples of a data set that are labelled.

    A sample without labels is left out, which is told: it is no negative. A sample whose images cannot be read is left
    out as well.

    Args:
        dataset: The data set.
        kind: Which labels are needed.
        facts: What was found in the images, by sample.

    Returns:
        The samples, the classes, and remarks.

    Raises:
        DataError: No sample is labelled, or labels are wrong; all of them are named.
    """
    complaints = Complaints()
    found: list[Labelled] = []
    classes: tuple[str, ...] = ()
    bare: list[str] = []
    broken: list[str] = []
    for sample in dataset.samples:
        fact = facts[sample.id]
        if not _has(sample, kind):
            bare.append(sample.id)
            continue
        if fact.error or fact.size is None:
            broken.append(sample.id)
            continue
        size = (fact.size[1], fact.size[0])
        with complaints.gathered():
            one = labelled(dataset.key, sample, kind, size, content_of(fact), fact.sources)
            own = _classes(sample, kind)
            if classes and set(own) != set(classes):
                raise DataError(
                    f"{dataset.key}: {sample.id} has other classes ({', '.join(own)}) than the samples before it"
                    f" ({', '.join(classes)})."
                )
            classes = classes or own
            found.append(one)
    complaints.raise_all()
    if not found:
        raise DataError(
            f"{dataset.key}: none of {len(dataset.samples)} samples has {_WHOSE[kind]}.",
            hint=f"`fusionbench info {dataset.request.name}` says where labels lie; `fusionbench data check` what is"
            " wrong with them.",
        )
    remarks = []
    if bare:
        remarks.append(
            f"{dataset.key}: {len(bare)} samples have no {_WHOSE[kind]} and are left out: {some_of(map(shown, bare))}"
        )
    if broken:
        remarks.append(
            f"{dataset.key}: {len(broken)} samples cannot be read and are left out: {some_of(map(shown, broken))}"
        )
    return found, classes, remarks


def labelled(
    key: str, sample: Sample, kind: Kind, size: tuple[int, int], content: str, pixels: tuple[str, ...] = ()
) -> Labelled:
    """Read and check the labels of one sample that has some.

    Args:
        key: Of the data set or split.
        sample: The sample.
        kind: Which labels.
        size, content, pixels: As :class:`Labelled` has them; pixels only tell scenes apart.

    Raises:
        DataError: The labels cannot be read, or do not fit the images.
    """
    if kind == "detection":
        labels = sample.labels.boxes if sample.labels else None
        boxes = labels.read(size) if labels is not None else ()
        digest = hashlib.sha256(repr([(b.name, b.xyxy, b.difficult) for b in boxes]).encode()).hexdigest()
        return Labelled(
            dataset=key, sample=sample, size=size, content=content, pixels=pixels, boxes=boxes, digest=digest
        )
    masks = _mask_labels(sample)
    digest = hashlib.sha256(masks.read(size).tobytes() + "\n".join(masks.classes).encode()).hexdigest()
    return Labelled(
        dataset=key, sample=sample, size=size, content=content, pixels=pixels, classes=masks.classes, digest=digest
    )


def _has(sample: Sample, kind: Kind) -> bool:
    if sample.labels is None:
        return False
    return (sample.labels.boxes if kind == "detection" else sample.labels.mask) is not None


def _mask_labels(sample: Sample) -> MaskLabels:
    if sample.labels is None or sample.labels.mask is None:
        raise DataError(f"{sample.id} has no mask.")
    return sample.labels.mask


def _classes(sample: Sample, kind: Kind) -> tuple[str, ...]:
    if sample.labels is None:
        return ()
    labels = sample.labels.boxes if kind == "detection" else sample.labels.mask
    return tuple(labels.classes) if labels is not None else ()
