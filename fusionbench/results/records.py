"""What the journal takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# What identifies a metric in the journal: name, profile, version.
MetricKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """What the present reader found in a file that could be read.

    Attributes:
        path: The file, absolute.
        stamp: From :func:`fusionbench.stamps.lasting`; empty if the content must be compared again.
        reader: From :func:`fusionbench.images.reader_digest`.
        sha256: Of its bytes.
        pixels: Of what was decoded, see :func:`fusionbench.images.pixels_sha256`.
        height, width: In pixels.
        bits: Of a stored value: 8, 16 or 32.
        notes: What was done to read it.
    """

    path: str
    stamp: str
    reader: str
    sha256: str
    pixels: str
    height: int
    width: int
    bits: int
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One (method, data set, sample) of a run and the fusion that stands for it.

    Attributes:
        method, dataset, sample, task: What it is about.
        fusion: Key of the fusion.
        metrics: The expected scores as (name, profile, version).
        marks: Remarks that tables show, such as ``other task``.
        content: Digest of the sample's images; empty if it is not known.
        image: Where its picture lies if it is kept, relative to the run folder.
    """

    method: str
    dataset: str
    sample: str
    task: str
    fusion: str
    metrics: tuple[MetricKey, ...]
    marks: str = ""
    content: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """The file of a fused image.

    Attributes:
        path: Relative to the run folder, with slashes.
        fusion: Key of the fusion that it shows.
        sha256: Of its bytes.
        stamp: From :func:`fusionbench.stamps.lasting`.
    """

    path: str
    fusion: str
    sha256: str
    stamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionRecord:
    """The outcome of fusing and scoring one sample.

    ``scores`` maps (name, profile, version) to a value; NaN is a value a metric did not define.
    ``score_errors`` says why for those that failed. ``pictures`` are the files that were written.
    """

    key: str
    status: str
    error: str = ""
    seconds: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    image_sha256: str | None = None
    pictures: tuple[PictureRecord, ...] = ()
    notes: str = ""
    scores: Mapping[MetricKey, float] = field(default_factory=dict)
    score_errors: Mapping[MetricKey, str] = field(default_factory=dict)


class Row(NamedTuple):
    """What stands for one (method, data set, sample) that the data set's last listing has.

    ``status`` is None if nothing was computed yet; ``image`` and ``image_sha256`` are None unless the file at that
    place shows this very fusion; ``outdated`` says that the sample's images have changed since.
    """

    method: str
    dataset: str
    task: str
    sample: str
    metrics: tuple[MetricKey, ...]
    marks: str
    fusion: str
    status: str | None
    error: str | None
    seconds: float | None
    notes: str
    image: str | None
    image_sha256: str | None
    outdated: bool
