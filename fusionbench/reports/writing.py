"""Tables and other reports as files: in the format that is meant, completely or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.reports.citations import bibliography
from fusionbench.reports.model import Table
from fusionbench.types import ExporterSpec, UsageError, resolve


def exporter_for(exporters: Mapping[str, ExporterSpec], name: str | None, path: Path | None) -> ExporterSpec:
    """The format that is named, or whose suffix a file has; Markdown where neither says anything.

    Raises:
        UnknownNameError: No format has the name.
        UsageError: No format has the suffix.
    """
    if name:
        return exporters[name.lower()]
    suffix = path.suffix.lower() if path else ""
    if not suffix:
        return exporters["markdown"]
    formats = {spec.suffix: name for name, spec in reversed(list(exporters.items())) if spec.suffix}
    if suffix not in formats:
        raise UsageError(
            f"{path}: no table format has the suffix {suffix}; known are {', '.join(sorted(formats))}.",
            hint="Use one of them, or say which format is meant with --format.",
        )
    return exporters[formats[suffix]]


def printed(table: Table, exporter: ExporterSpec) -> str:
    """The text of a table, for standard output.

    Raises:
        UsageError: The format is no text.
    """
    content = _rendered(table, exporter)
    if isinstance(content, bytes):
        raise UsageError(f"{exporter.name} is no text.", hint=f"Write it to a file: -o table{exporter.suffix}")
    return content


def write_table(table: Table, exporter: ExporterSpec, path: Path) -> None:
    """Write a table, and beside it the ``.bib`` of the papers that it cites.

    Raises:
        UsageError: The place cannot be written.
    """
    content = _rendered(table, exporter)
    write_bytes(path, content if isinstance(content, bytes) else content.encode("utf-8"))
    if table.paper.cite:
        write_text(path.with_suffix(".bib"), bibliography(table.info.papers.values())[1])


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; see :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary one in the same folder, which is created if need be.

    Raises:
        UsageError: The place cannot be written; what stood there before still does.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}.") from error


def _rendered(table: Table, exporter: ExporterSpec) -> str | bytes:
    content: str | bytes = resolve(exporter.render, owner=f"table format {exporter.name}")(table)
    return content
