"""Looking at every file of a run before the long computation begins.

Each file is decoded and hashed once; what was found out is remembered with the file's size and
modification time, so that resuming costs a ``stat`` for each file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fusionbench.images.decode import read_image
from fusionbench.images.hashing import content_sha256
from fusionbench.results.journal import FileRecord, Journal
from fusionbench.types import FusionBenchError, Readable, Sample, described, raised_at

_BATCH = 256


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What preflight found out about a sample.

    Attributes:
        sha256: Digests of sources, ground truth and text features, in order.
        size: Height and width, None where unreadable.
        notes: What was done to a file to read it, such as ignoring its alpha channel.
        error: Why the sample cannot be used, or an empty string.
    """

    sha256: tuple[str, ...]
    size: tuple[int, int] | None
    error: str = ""
    notes: tuple[str, ...] = ()


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
            readables = [readable for sample in chunk for readable in _images(sample)]
            records = _look_up(readables, journal)
            fresh = [readable for readable in dict.fromkeys(readables) if readable not in records]
            found = dict(zip(fresh, pool.map(_inspect_image, fresh), strict=True))
            records.update(found)
            if journal is not None:
                journal.add_files(record for readable, record in found.items() if isinstance(readable, Path))
            for sample in chunk:
                facts[sample.id] = _facts(sample, records, with_text=with_text)
            progress(len(chunk))
    return facts


def _chunks(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    for start in range(0, len(samples), _BATCH):
        yield samples[start : start + _BATCH]


def _images(sample: Sample) -> list[Readable]:
    return [*sample.sources, *([sample.reference] if sample.reference is not None else [])]


def _look_up(readables: Sequence[Readable], journal: Journal | None) -> dict[Readable, FileRecord]:
    if journal is None:
        return {}
    known: dict[Readable, FileRecord] = {}
    for readable in readables:
        if isinstance(readable, Path) and (status := _stat(readable)) is not None:
            record = journal.file(str(readable), *status)
            if record is not None:
                known[readable] = record
    return known


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _inspect_image(readable: Readable) -> FileRecord:
    size, mtime_ns = (_stat(readable) if isinstance(readable, Path) else None) or (0, 0)
    name = str(readable)
    try:
        image = read_image(readable)
        digest = content_sha256(readable)
    except FusionBenchError as error:
        return FileRecord(path=name, size=size, mtime_ns=mtime_ns, sha256="", error=str(error))
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or error}."
        return FileRecord(path=name, size=size, mtime_ns=mtime_ns, sha256="", error=message)
    except Exception as error:  # an adapter's lazy arrays are foreign code
        message = f"{name} cannot be read: {described(error)}{raised_at(error)}"
        return FileRecord(path=name, size=size, mtime_ns=mtime_ns, sha256="", error=message)
    return FileRecord(
        path=name,
        size=size,
        mtime_ns=mtime_ns,
        sha256=digest,
        height=image.height,
        width=image.width,
        notes="; ".join(image.notes),
    )


def _facts(sample: Sample, records: dict[Readable, FileRecord], *, with_text: bool) -> SampleFacts:
    images = [records[readable] for readable in _images(sample)]
    digests = [record.sha256 for record in images]
    errors = [record.error for record in images if record.error]
    if errors:
        return SampleFacts(tuple(digests), None, " ".join(errors))
    sizes = {(record.height, record.width) for record in images}
    if len(sizes) > 1:
        listed = ", ".join(f"{record.path} is {record.width}x{record.height}" for record in images)
        return SampleFacts(
            tuple(digests), None, f"images differ in size: {listed}. Register and crop them to one size."
        )
    if with_text and sample.text_features is not None:
        try:
            digests.append(content_sha256(sample.text_features))
        except (FusionBenchError, OSError) as error:
            return SampleFacts(tuple(digests), None, f"text features {sample.text_features}: {error}")
        except Exception as error:
            message = f"text features {sample.text_features} cannot be read: {described(error)}{raised_at(error)}"
            return SampleFacts(tuple(digests), None, message)
    (height, width) = next(iter(sizes))
    assert height is not None
    assert width is not None
    notes = tuple(f"{record.path}: {record.notes}" for record in images if record.notes)
    return SampleFacts(tuple(digests), (height, width), notes=notes)
