"""A report as files: pages, their data, pictures, downloads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from fusionbench.atomic import make_folder
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.comparison.model import LEVEL
from fusionbench.reports.model import RANK
from fusionbench.reports.site import Quality
from fusionbench.reports.site.board import Board
from fusionbench.reports.site.content import DatasetPage, Report
from fusionbench.reports.site.pictures import Picture, Shown, write_pictures
from fusionbench.reports.writing import write_text
from fusionbench.types import Readable, Sample, UsageError

if TYPE_CHECKING:
    import pandas as pd

MARKER = "fusionbench-report.json"
"""What tells a folder of ours: only such a one is written over."""


def claim(folder: Path, kind: str) -> None:
    """Make a folder ours to write to.

    Raises:
        UsageError: It has files of others in it, or cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise UsageError(
            f"{folder} is a folder with other files in it.", hint="Name one that is new, empty, or a report already."
        )
    try:
        make_folder(folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}.") from error
    write_text(folder / MARKER, json.dumps({"format": f"fusionbench-{kind}/1"}) + "\n")


def write_report(
    report: Report,
    folder: Path,
    *,
    pictures: Mapping[str, Shown],
    downloads: Mapping[str, str],
) -> Path:
    """Write the pages of a report into a folder that :func:`claim` has made ours.

    Args:
        report: What they say.
        folder: Where to.
        pictures: By data set, what :func:`write_pictures` wrote.
        downloads: Name of a file -> its text.

    Returns:
        The first page.
    """
    static(folder, ("report.css", "report.js"))
    pages = environment()
    titles = {row.key: row.title for row in report.table.rows}
    for name, text in downloads.items():
        write_text(folder / "downloads" / name, text)
    for page in report.pages:
        shown = pictures.get(page.group.dataset, Shown(""))
        write_text(
            folder / "data" / f"{page.number}.js",
            f"fusionbench({script(page_data(page, shown, report.table.info.units))});\n",
        )
        text = pages.get_template("dataset.html.j2").render(
            report=report,
            page=page,
            shown=shown,
            problem=report.absent.get(page.group.dataset, ""),
            titles=titles,
            level=LEVEL,
        )
        write_text(folder / page.page, text)
    first = folder / "index.html"
    measured = {row.key for page in report.pages for row in page.methods}
    text = pages.get_template("index.html.j2").render(
        report=report,
        downloads=sorted(downloads),
        caption=caption(report.table),
        notes=notes(report.table),
        measured=len(measured),
        samples=sum(page.group.pairs for page in report.pages),
        failed=sum(len(failure.samples) for failure in report.failures),
    )
    write_text(first, text)
    return first


def write_leaderboard(boards: Sequence[Board], folder: Path, *, title: str, files: int, version: str) -> Path:
    """Write a leaderboard into a folder that :func:`claim` has made ours.

    Args:
        boards: As of :func:`fusionbench.reports.site.board.boards_of`.
        folder: Where to.
        title: Of the page.
        files: How many submissions there are.
        version: Of the suite.

    Returns:
        The page.
    """
    static(folder, ("report.css", "report.js", "board.js"))
    page = folder / "index.html"
    text = (
        environment()
        .get_template("board.html.j2")
        .render(
            title=title,
            boards=boards,
            files=files,
            version=version,
            tasks=list(dict.fromkeys(board.task for board in boards)),
            datasets=list(dict.fromkeys(board.dataset for board in boards)),
        )
    )
    write_text(page, text)
    return page


def environment() -> jinja2.Environment:
    """The templates; whatever they print is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("fusionbench.reports.site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def static(folder: Path, names: Sequence[str]) -> None:
    """Put scripts and styles beside the pages."""
    for name in names:
        text = resources.files("fusionbench.reports.site").joinpath("static", name).read_text(encoding="utf-8")
        write_text(folder / "static" / name, text)


def script(value: Any) -> str:
    """A value as JavaScript that may also stand within a page: no tag can begin or end in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def columns(page: DatasetPage, samples: Mapping[str, Sample]) -> list[tuple[str, list[Readable | None]]]:
    """What the viewer can show before the methods: the sources and the ground truth of a data set.

    Args:
        page: The data set's page.
        samples: Its samples as far as they are at hand.
    """
    known = [samples.get(sample) for sample in page.samples]
    some = next((sample for sample in known if sample is not None), None)
    if some is None:
        return []
    most = max(len(sample.sources) for sample in known if sample is not None)
    names = [*some.task.source_names, *(f"source {number}" for number in range(3, most + 1))][:most]
    found: list[tuple[str, list[Readable | None]]] = [
        (name, [sample.sources[place] if sample and place < len(sample.sources) else None for sample in known])
        for place, name in enumerate(names)
    ]
    truth = [sample.reference if sample else None for sample in known]
    return [*found, ("ground truth", truth)] if any(truth) else found


def dataset_pictures(
    page: DatasetPage,
    frame: pd.DataFrame,
    samples: Mapping[str, Sample],
    folder: Path,
    quality: Quality,
    progress: Callable[[int, int], None] | None = None,
) -> Shown:
    """Write the pictures of a data set: its sources, and what each method made of them.

    Args:
        page: The data set's page.
        frame: Tidy rows with ``image`` and ``image_sha256``.
        samples: Its samples as far as they are at hand.
        folder: The report's folder.
        quality: See :func:`fusionbench.reports.site.pictures.write_pictures`.
        progress: Told how many of how many are done.
    """
    before = columns(page, samples)
    found = [
        Picture(source, f"{page.number}/{place}/{number}")
        for place, (_, sources) in enumerate(before)
        for number, source in enumerate(sources)
        if source is not None
    ]
    place_of = {row.key: len(before) + place for place, row in enumerate(page.methods)}
    number_of = {sample: number for number, sample in enumerate(page.samples)}
    own = frame[(frame["dataset"] == page.group.dataset) & frame["image"].notna() & (frame["status"] == "ok")]
    for line in own.drop_duplicates(["method", "sample"]).itertuples(index=False):
        if str(line.method) in place_of:
            place = f"{page.number}/{place_of[str(line.method)]}/{number_of[str(line.sample)]}"
            found.append(Picture(Path(str(line.image)), place, str(line.image_sha256 or "")))
    shown = write_pictures(found, folder, quality, progress)
    return dataclasses.replace(shown, columns=tuple(name for name, _ in before))


def page_data(page: DatasetPage, shown: Shown, units: str) -> dict[str, Any]:
    """What a data set's page computes with: scores, what they are of, and which pictures there are."""
    columns = [*shown.columns, *(row.label for row in page.methods)]
    return {
        "dataset": page.number,
        "suffix": shown.suffix,
        "columns": columns,
        "methods": len(page.methods),
        "best": _best(page),
        "units": units,
        "samples": page.samples,
        "pictures": [
            "".join(str(int(f"{page.number}/{place}/{number}" in shown.places)) for number in range(len(page.samples)))
            for place in range(len(columns))
        ],
        "metrics": [
            {"key": metric.key, "label": metric.heading, "better": metric.higher_is_better}
            for metric in page.metrics
            if metric.key in page.scores
        ],
        "scores": [page.scores[metric.key] for metric in page.metrics if metric.key in page.scores],
        "errors": [
            [place, number, page.errors[row.key, number]]
            for place, row in enumerate(page.methods)
            for number in range(len(page.samples))
            if (row.key, number) in page.errors
        ],
    }


def _best(page: DatasetPage) -> int:
    """The measured method that the viewer begins with: of best average rank, else the first."""
    place = next((place for place, metric in enumerate(page.metrics) if metric.key == RANK), None)
    values = {line.row.key: line.fields[place].value for line in page.lines} if place is not None else {}
    known = [(value, number) for number, row in enumerate(page.methods) if (value := values.get(row.key)) is not None]
    return min(known)[1] if known else 0
