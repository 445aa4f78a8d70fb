"""A run as a data set on the hub: its results as a leaderboard reads them, its table, and its pictures if wanted."""

from __future__ import annotations

import zipfile
from pathlib import Path

from fusionbench.plugins import current_plugins
from fusionbench.printable import counted
from fusionbench.publishing.package import Package, card, code
from fusionbench.reports.escape import markdown
from fusionbench.reports.from_runs import table_from_runs
from fusionbench.reports.run_view import ReportedRun, load_run
from fusionbench.reports.sources import bibtex, sources
from fusionbench.reports.writing import printed, write_text
from fusionbench.results.exported import Exported, to_json
from fusionbench.runs.exporting import exported_run

RESULTS, PICTURES = "results.json", "results.zip"
"""Of one name, as ``fusionbench leaderboard --rescore`` looks for them."""
_TABLES = {"markdown": "table.md", "csv": "table.csv", "latex": "table.tex"}


def run_package(path: Path, place: Path, *, author: str = "", licence: str = "", pictures: bool = False) -> Package:
    """Make what is published of a run. Paths and names of this machine are not part of it.

    Args:
        path: The run folder.
        place: An empty folder for the files.
        author: Who made the results.
        licence: The hub's name of a licence for them.
        pictures: Whether the fused images are published, too.

    Raises:
        DataError: There is no run.
        UsageError: It has no results.
        MissingExtraError: huggingface_hub is not installed.
    """
    run, plugins = load_run(path), current_plugins()
    exported = exported_run(run, plugins, author=author)
    table = table_from_runs({run.path.name: run}, plugins)
    tables = {name: printed(table, plugins.exporters[kind]) for kind, name in _TABLES.items()}
    write_text(place / RESULTS, to_json(exported))
    for name, text in tables.items():
        write_text(place / name, text)
    files = {name: place / name for name in (RESULTS, *tables)}
    if pictures and (count := _pack(run, place / PICTURES)):
        files[PICTURES] = place / PICTURES
        packed = f" `{PICTURES}` has the {counted(count, 'fused image')}."
    else:
        packed = ""
    name = f"Image fusion: {', '.join(exported.datasets)}"
    text = card(
        "dataset",
        {
            "license": licence,
            "pretty_name": name,
            "tags": ["image-fusion", "fusionbench", *(data.task for data in exported.datasets.values())],
        },
        markdown(name),
        _described(exported),
        tables["table.md"].strip(),
        f"`{RESULTS}` has every score with digests of the images, as `fusionbench leaderboard` reads it.{packed}",
        "## Citation\n\n" + code(bibtex(sources([run], plugins)), "bibtex"),
    )
    title = f"Results of {counted(len(exported.methods), 'method')}"
    return Package(kind="dataset", title=title, card=text, files=files)


def _described(exported: Exported) -> str:
    """Methods and data sets, one on a line."""
    by = f" by {markdown(exported.author)}" if exported.author else ""
    commit = f", commit {exported.commit[:12]}" if exported.commit else ""
    lines = [f"Scores of image-fusion methods{by}, computed with fusionbench {exported.fusionbench}{commit}.", ""]
    for label, method in exported.methods.items():
        options = "".join(f", {key}={value}" for key, value in method.options.items())
        paper = f": {method.paper}" if method.paper else ""
        lines.append("* " + markdown(f"{label}, {method.name} version {method.version}{options}{paper}"))
    for name, data in exported.datasets.items():
        first = ", the first of its samples" if data.limited else ""
        lines.append("* " + markdown(f"{name} ({data.task}), {counted(len(data.samples), 'sample')}{first}"))
    return "\n".join(lines)


def _pack(run: ReportedRun, target: Path) -> int:
    """Pack the pictures that are those of their rows; the number of them."""
    images = run.frame()["image"].dropna().unique()
    found = sorted({path for image in images if (path := Path(str(image))).is_file()})
    if found:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
            for path in found:
                archive.write(path, path.relative_to(run.path).as_posix())
    return len(found)
