"""``fusionbench data``: looking at data sets; plugins add further sub-commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench.cli.main import FusionBenchGroup
from fusionbench.cli.options import DATASET, WholeRange, data_root_option, open_chosen, options_option, plugin_option
from fusionbench.printable import counted, json_text

if TYPE_CHECKING:
    from fusionbench.data import Report
    from fusionbench.types import Problem

_SHOWN = 4


@click.group("data", cls=FusionBenchGroup, path="data")
def command() -> None:
    """Check data sets."""


@command.command("check", short_help="Look at every file of one or more data sets.")
@click.argument("references", nargs=-1, required=True, metavar=f"{DATASET}...")
@data_root_option
@options_option("Set an option of a data set by its name or label, or of all without one.", metavar="[NAME.]KEY=VALUE")
@click.option("--workers", type=WholeRange(min=1), help="Threads; default: processors, at most 8.")
@click.option("--headers-only", is_flag=True, help="Do not decode: finds missing files and wrong sizes only.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@plugin_option
@click.pass_context
def check(
    ctx: click.Context,
    references: tuple[str, ...],
    data_root: Path | None,
    options: tuple[str, ...],
    workers: int | None,
    headers_only: bool,
    as_json: bool,
    plugins: tuple[str, ...],
) -> None:
    """Look at every file: counts, sizes, channels, what is unpaired, unreadable or suspicious.

    Exit status: 0 nothing wrong, 1 samples that cannot be used, 2 wrong use.
    """
    from fusionbench.cli.progress import bar
    from fusionbench.data import DatasetRef, check_dataset

    datasets = open_chosen(references, data_root, options)
    reports = []
    for text, dataset in zip(references, datasets, strict=True):
        name = DatasetRef.parse(text).key
        with bar(name, len(dataset.samples)) as advance:
            reports.append(check_dataset(dataset, workers, name=name, decode=not headers_only, progress=advance))
    if as_json:
        click.echo(json_text([report.as_dict() for report in reports], indent=2))
    else:
        click.echo("\n\n".join(_text(report) for report in reports))
    ctx.exit(1 if any(report.fatal for report in reports) else 0)


def _text(report: Report) -> str:
    lines = [f"{report.name} ({report.task}) {report.root}".rstrip()]
    lines.append(f"  samples: {report.samples} listed, {len(report.usable)} usable")
    for side in report.sides:
        lines.append(f"  {side.name}: {_sizes(side.sizes)}; {_counts(side.channels)}; {_counts(side.formats)}")
    lines += _listed("problem", report.fatal)
    lines += _listed("notice", report.notices)
    if not report.problems:
        lines.append("  nothing to complain of")
    return "\n".join(lines)


def _listed(word: str, problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return []
    body = [f"    {problem.kind}: " + problem.message.replace("\n", "\n    ") for problem in problems]
    return [f"  {counted(len(problems), word)}", *body]


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} ({count})" for kind, count in ordered)


def _sizes(sizes: Mapping[str, int]) -> str:
    if len(sizes) <= _SHOWN:
        return _counts(sizes)
    ordered = sorted(sizes, key=lambda size: int(size.split("x")[0]) * int(size.split("x")[1]))
    return f"{len(sizes)} sizes from {ordered[0]} to {ordered[-1]}"
