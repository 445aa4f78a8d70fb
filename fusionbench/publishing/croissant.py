"""A data set in Croissant, the metadata format for machine learning (MLCommons, version 1.0, JSON-LD).

Every image is a file with its SHA-256; the record set ``samples`` says which files belong together.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fusionbench.images import content_sha256, probe_image
from fusionbench.images.names import shown
from fusionbench.printable import is_text
from fusionbench.reports.citations import authors, bibliography
from fusionbench.types import DataError, Dataset, DatasetSpec, LazyArray, Readable, Sample, UsageError

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
# As the specification prints it.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_RECORDS = "samples"
_OCTETS = "application/octet-stream"
# Formats as :func:`fusionbench.images.probe_image` calls them.
_KINDS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "PPM": "image/x-portable-anymap",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """An image of a sample: what the record calls it, its digest, and its file if it is one."""

    name: str
    sha256: str
    file: dict[str, Any] | None


def croissant(
    dataset: Dataset,
    spec: DatasetSpec,
    base: Path,
    *,
    url: str = "",
    workers: int = 4,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """The description of a data set as JSON-LD. Every image is read for its digest.

    Args:
        dataset: The data set.
        spec: What is registered of it: licence, page, paper.
        base: The folder that addresses of files are relative to; where the description is written.
        url: The address under which what is in ``base`` is published; relative addresses if empty.
        workers: Threads.
        progress: Told how many more samples were read.

    Raises:
        UsageError: An image lies outside of ``base``.
        DataError: An image cannot be read, or a name is not valid UTF-8.
    """
    columns = _columns(dataset)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        entries = []
        for found in pool.map(lambda sample: _entries(sample, base, url), dataset.samples):
            entries.append(found)
            progress(1)
    files = {entry.file["@id"]: entry.file for row in entries for entry in row if entry.file is not None}
    if not files:
        files = _container(dataset, base, url)
    of_arrays = "" if all(entry.file for row in entries for entry in row) else "type, shape and values of "
    fields = [_field("id", "Name of the sample."), _field("task", "Fusion task: IVF, MIF, MEF or MFF.")]
    for column, text in columns.items():
        fields += [_field(column, text), _field(f"{column}_sha256", f"SHA-256 of {of_arrays}{column}.")]
    records = []
    for sample, row in zip(dataset.samples, entries, strict=True):
        # Croissant's records have a value for every field: an empty one for a plane that a sample does not have.
        record = {field["@id"]: "" for field in fields}
        record |= {f"{_RECORDS}/id": sample.id, f"{_RECORDS}/task": str(sample.task)}
        for column, entry in zip(_columns_of(sample, columns), row, strict=True):
            record |= {f"{_RECORDS}/{column}": entry.name, f"{_RECORDS}/{column}_sha256": entry.sha256}
        records.append(record)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": dataset.name,
        "description": _description(dataset, spec),
        "conformsTo": CONFORMS_TO,
        **_facts(spec),
        "distribution": list(files.values()),
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": _RECORDS,
                "name": _RECORDS,
                "description": "Which images belong together.",
                "key": {"@id": f"{_RECORDS}/id"},
                "field": fields,
                "data": records,
            }
        ],
    }


def _description(dataset: Dataset, spec: DatasetSpec) -> str:
    split = getattr(dataset, "split", "")
    told = f", split {split}" if split else ""
    return f"{spec.summary or spec.title or spec.name} ({dataset.task.title}, {len(dataset.samples)} samples{told})"


def _facts(spec: DatasetSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"license": spec.licence, "url": spec.page}
    if spec.version.isdecimal():  # as a semantic version, which Croissant asks for
        found["version"] = f"{spec.version}.0.0"
    if spec.paper is not None:
        found["citeAs"] = bibliography([spec.paper])[1].strip()
        found["creator"] = [{"@type": "sc:Person", "name": name} for name in authors(spec.paper)]
        found["datePublished"] = str(spec.paper.year or "")
    return {name: value for name, value in found.items() if value}


def _columns(dataset: Dataset) -> dict[str, str]:
    """Columns of images with what they say; those of sources that only some samples have come after the others."""
    most = max((len(sample.sources) for sample in dataset.samples), default=0)
    names = [*dataset.task.source_names, *(f"source_{number}" for number in range(3, most + 1))][:most]
    columns = {name: f"Image, source {number}: {name}." for number, name in enumerate(names, start=1)}
    if any(sample.reference is not None for sample in dataset.samples):
        columns["reference"] = "Image, the ground truth."
    return columns


def _columns_of(sample: Sample, columns: Sequence[str] | dict[str, str]) -> list[str]:
    return [*list(columns)[: len(sample.sources)], *(["reference"] if sample.reference is not None else [])]


def _entries(sample: Sample, base: Path, url: str) -> list[_Entry]:
    images = [*sample.sources, *([] if sample.reference is None else [sample.reference])]
    return [_entry(image, base, url) for image in images]


def _entry(source: Readable, base: Path, url: str) -> _Entry:
    digest = content_sha256(source)
    if isinstance(source, LazyArray):
        return _Entry(shown(source), digest, None)
    name = _within(source, base)
    return _Entry(name, digest, _file(source, name, url, digest, _KINDS.get(probe_image(source).format, _OCTETS)))


def _container(dataset: Dataset, base: Path, url: str) -> dict[str, Any]:
    """The one file that all images are members of, where the data set says which it is."""
    root = getattr(dataset, "root", None)
    if root is None or not Path(root).is_file():
        return {}
    name = _within(Path(root), base)
    return {name: _file(Path(root), name, url, content_sha256(Path(root)), "application/x-hdf5")}


def _within(path: Path, base: Path) -> str:
    try:
        name = path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        raise UsageError(
            f"{shown(path)} lies outside of {shown(base)}, where the description is written: it could not say where.",
            hint="Write it with -o into the data set's folder, or one above it.",
        ) from None
    if not is_text(name):
        raise DataError(f"{shown(path)}: its name is not valid UTF-8, which JSON cannot hold.", hint="Rename it.")
    return name


def _file(path: Path, name: str, url: str, digest: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": f"{url.rstrip('/')}/{quote(name)}" if url else name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": kind,
        "sha256": digest,
    }


def _field(name: str, text: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{_RECORDS}/{name}",
        "name": f"{_RECORDS}/{name}",
        "description": text,
        "dataType": "sc:Text",
    }
