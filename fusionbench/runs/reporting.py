"""The report of runs: a folder of pages with their tables, pictures and provenance."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.plugins import Plugins, current_plugins
from fusionbench.reports.from_runs import recorded_metrics, table_from_runs
from fusionbench.reports.merge import merge_frames
from fusionbench.reports.run_view import load_run
from fusionbench.reports.site import Quality
from fusionbench.reports.site.content import Report, failures_of, pages_of
from fusionbench.reports.site.writing import claim, dataset_pictures, write_report
from fusionbench.reports.writing import printed
from fusionbench.runs.reopening import samples_of
from fusionbench.types import Sample

if TYPE_CHECKING:
    from fusionbench.results.loading import RunResults

Progress = Callable[[str, int, int], None]


def report_runs(
    runs: Sequence[Path],
    folder: Path,
    *,
    title: str = "",
    published: Sequence[str] = (),
    pictures: Quality = "preview",
    data_root: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of one or more run folders.

    Args:
        runs: The run folders.
        folder: Where to: new, empty, or an earlier report, which is written over.
        title: Of the report; the runs' names if empty.
        published: Published tables to set beside the measured rows.
        pictures: See :func:`fusionbench.reports.site.pictures.write_pictures`.
        data_root: Where data sets lie today, if they do not lie where the runs found them.
        progress: Told the data set, the number of its pictures that are written, and of all.

    Returns:
        The first page.

    Raises:
        UsageError: The folder holds other files; or see :func:`fusionbench.reports.from_runs.table_from_runs`.
    """
    plugins = current_plugins()
    loaded = {str(path): load_run(path) for path in runs}
    table = table_from_runs(loaded, plugins, published=published, layout="stacked", average_rank=True, places=3)
    frame = merge_frames({name: run.frame() for name, run in loaded.items()})
    samples: dict[str, dict[str, Sample]] = {}
    absent: dict[str, str] = {}
    for run in loaded.values():
        found, problems = samples_of(run.info, data_root=data_root)
        samples |= found
        absent |= {name: f"The sources are not shown: {problem}" for name, problem in problems.items()}
    report = Report(
        title=title or ", ".join(path.resolve().name for path in runs),
        table=table,
        pages=pages_of(frame, table, {**recorded_metrics(loaded), **plugins.metrics}),
        failures=failures_of(frame, table),
        facts={name: facts_of(run.info) for name, run in loaded.items()},
        absent=absent,
    )
    claim(folder, "report")
    shown = {
        page.group.dataset: dataset_pictures(
            page,
            frame,
            samples.get(page.group.dataset, {}),
            folder,
            pictures,
            None if progress is None else _named(progress, page.group.title),
        )
        for page in report.pages
    }
    return write_report(report, folder, pictures=shown, downloads=_downloads(loaded, plugins, published, frame))


def facts_of(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a session's provenance says, as a reader wants it."""
    git = info.get("git") or {}
    machine = info.get("machine") or {}
    facts = {
        "fusionbench": f"{info.get('version', '')}"
        + (f", commit {git['commit'][:12]}" if git.get("commit") else "")
        + (" with changes" if git.get("dirty") else ""),
        "command": shlex.join(map(str, info.get("argv") or [])),
        "machine": ", ".join(
            str(part) for part in (machine.get("system"), machine.get("processor"), info.get("device")) if part
        ),
        "libraries": ", ".join(f"{name} {version}" for name, version in (info.get("libraries") or {}).items()),
        "profiles": ", ".join(info.get("profiles") or []),
        "colour": str(info.get("colour") or ""),
    }
    for label, method in (info.get("methods") or {}).items():
        options = " ".join(f"{key}={value}" for key, value in (method.get("options") or {}).items())
        version = f"version {method['version']}" if method.get("version") else ""
        facts[f"method {label}"] = " ".join(filter(None, (str(method.get("name")), version, options)))
    for name, digest in (info.get("data") or {}).items():
        count = (info.get("pairs") or {}).get(name, "?")
        facts[f"data {name}"] = f"{count} {info.get('unit') or 'sample'}s, digest {digest}"
    facts |= {str(name): str(text) for name, text in (info.get("told") or {}).items()}
    return [(name, text) for name, text in facts.items() if text]


def _downloads(
    runs: Mapping[str, RunResults], plugins: Plugins, published: Sequence[str], frame: Any
) -> dict[str, str]:
    from fusionbench.reports.escape import csv_text

    table = table_from_runs(runs, plugins, published=published)
    files = {
        f"table{plugins.exporters[name].suffix}": printed(table, plugins.exporters[name])
        for name in ("latex", "markdown", "csv", "json")
    }
    scores = frame[["method", "dataset", "task", "sample", "metric", "profile", "value", "status", "error"]].copy()
    for column in scores.columns:
        if column != "value":
            scores[column] = scores[column].fillna("").astype(str).map(csv_text)
    return files | {"scores.csv": scores.to_csv(index=False, lineterminator="\n")}


def _named(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(f"pictures of {name}", done, total)
