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
    """Check data sets, compare them with lists, describe them."""


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
    from fusionbench.data import DatasetRequest, check_dataset

    datasets = open_chosen(references, data_root, options)
    reports = []
    for text, dataset in zip(references, datasets, strict=True):
        name = DatasetRequest.parse(text).key
        with bar(name, len(dataset.samples)) as advance:
            reports.append(check_dataset(dataset, workers, name=name, decode=not headers_only, progress=advance))
    if as_json:
        click.echo(json_text([report.as_dict() for report in reports], indent=2))
    else:
        click.echo("\n\n".join(_text(report) for report in reports))
    ctx.exit(1 if any(report.fatal for report in reports) else 0)


@command.command("export", short_help="Describe a data set in a format of others.")
@click.argument("reference", metavar=DATASET)
@click.option("--croissant", "format_name", flag_value="croissant", help="As Croissant 1.0 (JSON-LD).")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The JSON file.")
@click.option("--url", default="", metavar="URL", help="Address under which the folder of the file is published.")
@data_root_option
@options_option("Set an option of the data set, by its name or label.", metavar="[NAME.]KEY=VALUE")
@plugin_option
def export(
    reference: str,
    format_name: str | None,
    output: Path,
    url: str,
    data_root: Path | None,
    options: tuple[str, ...],
    plugins: tuple[str, ...],
) -> None:
    """Describe a data set: its files with their SHA-256, which belong together, licence, page and paper.

    Write the file into the data set's folder, or one above it: what it says of files is relative to where it lies.
    """
    from fusionbench.cli.progress import bar
    from fusionbench.data import DatasetRequest
    from fusionbench.data.opening import registered
    from fusionbench.publishing.croissant import croissant
    from fusionbench.reports.writing import write_text
    from fusionbench.types import UsageError

    if format_name is None:
        raise UsageError("no format is named.", hint="--croissant is the one that there is.")
    (dataset,) = open_chosen(reference, data_root, options)
    name = DatasetRequest.parse(reference).name
    with bar(name, len(dataset.samples)) as advance:
        found = croissant(dataset, registered(name), output.parent, url=url, progress=advance)
    write_text(output, json_text(found, indent=1) + "\n")
    for problem in dataset.problems:
        if problem.fatal:
            click.echo(f"left out: {problem.message}", err=True)
    click.echo(f"{output}: {counted(len(dataset.samples), 'sample')}")


@command.command("splits", short_help="List the splits of data sets and whose lists they are.")
@click.argument("names", nargs=-1, metavar="DATASET...")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, with ids and digests.")
@plugin_option
def splits(names: tuple[str, ...], as_json: bool, plugins: tuple[str, ...]) -> None:
    """List the splits of data sets: folders and rules, and lists with the SHA-256 of their images.

    Without a name, those of all data sets that have lists.
    """
    from fusionbench.data.opening import registered
    from fusionbench.data.splits import split_list
    from fusionbench.plugins import current_plugins

    chosen = [registered(name) for name in names] or [s for s in current_plugins().datasets.values() if s.lists]
    lists = {spec.name: [split_list(spec, name) for name in spec.lists] for spec in chosen}
    if as_json:
        found = [
            {
                "dataset": spec.name,
                "splits": list(spec.splits),
                "lists": [split.as_dict() for split in lists[spec.name]],
            }
            for spec in chosen
        ]
        click.echo(json_text(found, indent=2))
        return
    for spec in chosen:
        click.echo(f"{spec.name}: {', '.join(spec.splits)} (by folder, list file or rule)")
        for split in lists[spec.name]:
            known = "all with SHA-256" if split.has_digests else "by name"
            click.echo(f"  {spec.name}@{split.name}: {len(split.entries)} samples, {known}. {split.source}")
        if not lists[spec.name]:
            click.echo("  no list comes with it")


@command.command("verify", short_help="Compare a folder with a list.")
@click.argument("reference", metavar="DATASET[@LIST][=ROOT]")
@data_root_option
@options_option("Set an option of the data set.", metavar="[NAME.]KEY=VALUE")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@plugin_option
@click.pass_context
def verify(
    ctx: click.Context,
    reference: str,
    data_root: Path | None,
    options: tuple[str, ...],
    as_json: bool,
    plugins: tuple[str, ...],
) -> None:
    """Compare a folder with a list: what is missing, other, extra.

    `data splits` names the lists; of a data set with one list it need not be named.

    Exit status: 0 all of the list is there, 1 samples are missing or have other bytes, 2 wrong use.
    """
    from dataclasses import replace

    from fusionbench.data import DatasetRequest
    from fusionbench.data.opening import registered
    from fusionbench.data.splits import compare, split_list

    ref = DatasetRequest.parse(reference)
    split = split_list(registered(ref.name), ref.split)
    (dataset,) = open_chosen(str(replace(ref, split="all")), data_root, options)
    found = compare(dataset, split)
    if as_json:
        click.echo(json_text(found.as_dict(), indent=2))
    else:
        click.echo(
            f"{ref.name}@{split.name} ({split.source}): {len(found.same)} of {len(split.entries)} samples are there"
        )
        renamed = [f"{entry} is {sample} here" for entry, sample in found.renamed.items()]
        parts = (("missing", found.missing), ("other bytes", found.other), ("renamed", renamed), ("extra", found.extra))
        for word, items in parts:
            if items:
                click.echo(f"  {word}: {len(items)}: {', '.join(items)}")
    ctx.exit(0 if found.complete else 1)


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
