"""Looking at every file of a run before the long computation begins.

Each file is decoded and hashed once; what was found is remembered with the file's stamp
(:mod:`fusionbench.stamps`) and the code that read it, so that resuming costs a ``stat`` for each file.
Where only the stamp differs, the bytes are compared. That a file could not be read is never remembered.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fusionbench.images import content_sha256, pixels_sha256, read_image, reader_digest
from fusionbench.images.sizes import REMEDY, differing
from fusionbench.results.journal import Journal
from fusionbench.results.records import FileRecord
from fusionbench.stamps import Stamp, lasting, now_ns, stamp_of
from fusionbench.types import FusionBenchError, Readable, Sample, described, raised_at

_BATCH = 256


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What preflight found out about a sample.

    Attributes:
        sources: Digests of the sources' pixels, in order.
        reference: Digest of the ground truth's pixels; empty if there is none.
        text: Digest of the text features; empty if there are none or they do not matter.
        sha256: Digests of the bytes of sources, ground truth and text features, in order.
        size: Height and width, None where unreadable.
        eight_bit: Whether every image has 8 bits.
        notes: What was done to a file to read it, such as ignoring its alpha channel.
        error: Why the sample cannot be used, or an empty string.
        text_error: Why its text features cannot, by methods that take any.
        stamps: The files of the images as they were when they were read.
    """

    sources: tuple[str, ...]
    reference: str = ""
    text: str = ""
    sha256: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    eight_bit: bool = False
    notes: tuple[str, ...] = ()
    error: str = ""
    text_error: str = ""
    stamps: tuple[tuple[Path, Stamp | None], ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A file's record, or why there is none, and its stamp at that moment."""

    record: FileRecord | None
    stamp: Stamp | None = None
    error: str = ""


def inspect_samples(
    samples: Sequence[Sample],
    journal: Journal | None,
    *,
    workers: int,
    with_text: bool,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, SampleFacts]:
    """Decode and hash all files of the samples.

    Args:
        samples: Samples of one data set.
        journal: Where facts about files are remembered; None to look at everything anew.
        workers: Threads.
        with_text: Whether text features matter to any method.
        progress: Called with the number of samples just finished.

    Returns:
        Facts by sample id.
    """
    facts: dict[str, SampleFacts] = {}
    with ThreadPoolExecutor(workers) as pool:
        for chunk in _chunks(samples):
            readables = list(dict.fromkeys(readable for sample in chunk for readable in _images(sample)))
            known = [_known(readable, journal) for readable in readables]
            found = dict(zip(readables, pool.map(_inspect, readables, known), strict=True))
            if journal is not None:
                fresh = zip(found.items(), known, strict=True)
                journal.add_files(
                    item.record
                    for (readable, item), before in fresh
                    if isinstance(readable, Path) and item.record is not None and item.record != before
                )
            for sample in chunk:
                facts[sample.id] = _facts(sample, found, with_text=with_text)
            progress(len(chunk))
    return facts


def _chunks(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    for start in range(0, len(samples), _BATCH):
        yield samples[start : start + _BATCH]


def _images(sample: Sample) -> list[Readable]:
    return [*sample.sources, *([sample.reference] if sample.reference is not None else [])]


def _known(readable: Readable, journal: Journal | None) -> FileRecord | None:
    """What this reader found in the file, whether or not it is still the same."""
    if journal is None or not isinstance(readable, Path):
        return None
    record = journal.file(_name(readable))
    return record if record is not None and record.reader == reader_digest() else None


def _name(readable: Readable) -> str:
    # The same relative path is another file in another working directory.
    return os.fsencode(readable.absolute()).decode("utf-8", "backslashreplace") if isinstance(readable, Path) else ""


def _inspect(readable: Readable, known: FileRecord | None) -> _Found:
    started = now_ns()
    before = stamp_of(readable) if isinstance(readable, Path) else None
    if known is not None and before is not None and known.stamp == str(before):
        return _Found(known, before)
    name = str(readable)
    try:
        if known is not None and before is not None and known.sha256 == content_sha256(readable):
            record = known
        else:
            image = read_image(readable)
            record = FileRecord(
                path=_name(readable),
                stamp="",
                reader=reader_digest(),
                sha256=content_sha256(readable),
                pixels=pixels_sha256(image),
                height=image.height,
                width=image.width,
                bits=image.pixels.dtype.itemsize * 8,
                notes="; ".join(image.notes),
            )
    except FusionBenchError as error:
        return _Found(None, before, str(error))
    except OSError as error:
        return _Found(None, before, f"{name} cannot be read: {error.strerror or error}.")
    except Exception as error:  # an adapter's lazy arrays are foreign code
        return _Found(None, before, f"{name} cannot be read: {described(error)}{raised_at(error)}")
    after = stamp_of(readable) if isinstance(readable, Path) else None
    if before != after:
        return _Found(None, before, f"{name} changed while it was read.")
    return _Found(dataclasses.replace(record, stamp=lasting(before, after, started)), before)


def _facts(sample: Sample, found: Mapping[Readable, _Found], *, with_text: bool) -> SampleFacts:
    readables = _images(sample)
    errors = [found[readable].error for readable in readables if found[readable].record is None]
    if errors:
        return SampleFacts((), error=" ".join(errors))
    named = [(readable, record) for readable in readables if (record := found[readable].record) is not None]
    count = len(sample.sources)
    pixels = [record.pixels for _, record in named]
    digests = [record.sha256 for _, record in named]
    text, text_error = _text(sample) if with_text else ("", "")
    sizes = [(readable, (record.height, record.width)) for readable, record in named]
    listed = differing(sizes)
    error = f"sizes differ: {listed}. {REMEDY}" if listed else ""
    return SampleFacts(
        tuple(pixels[:count]),
        reference="".join(pixels[count:]),
        text=text,
        sha256=(*digests, text) if text else tuple(digests),
        size=None if error else sizes[0][1],
        eight_bit=all(record.bits == 8 for _, record in named),
        notes=tuple(f"{readable}: {record.notes}" for readable, record in named if record.notes),
        error=error,
        text_error=text_error,
        stamps=tuple((readable, found[readable].stamp) for readable in readables if isinstance(readable, Path)),
    )


def _text(sample: Sample) -> tuple[str, str]:
    """Digest of the text features, and why there is none."""
    features = sample.features()
    if features is None:
        return "", ""
    try:
        return content_sha256(features), ""
    except (FusionBenchError, OSError) as error:
        return "", f"text features {features}: {error}"
    except Exception as error:
        return "", f"text features {features} cannot be read: {described(error)}{raised_at(error)}"
