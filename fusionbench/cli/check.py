"""``fusionbench check``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from fusionbench import terminal
from fusionbench.cli.options import options_option, plugin_option
from fusionbench.printable import counted, json_text, printable

if TYPE_CHECKING:
    from fusionbench.testing.findings import Report

_SIGNS = {"pass": "pass", "fail": "FAIL", "skip": "skip"}


def _text_size(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not of the form 7x768.")
    return int(found[1]), int(found[2])


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="NAME|KIND:NAME|PLUGIN|FILE.py...")
@options_option("Set an option of the method or data set.", metavar="KEY=VALUE")
@click.option("--weights", type=click.Path(path_type=Path, exists=True), help="Weights file of the method.")
@click.option("--root", type=click.Path(path_type=Path, exists=True), help="Folder or file of the data set.")
@click.option("--text", default="7x768", show_default=True, metavar="TxD", callback=_text_size, help="Text features.")
@click.option("--worker/--no-worker", default=True, show_default=True, help="Also run methods in a worker process.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@plugin_option
def command(
    names: tuple[str, ...],
    options: tuple[str, ...],
    weights: Path | None,
    root: Path | None,
    text: tuple[int, int],
    worker: bool,
    as_json: bool,
    plugins: tuple[str, ...],
) -> None:
    """Hold methods, data sets, metrics and table formats against their contract, on tiny synthetic samples.

    NAME is registered (KIND: before it says whether it is the method, dataset, metric or exporter of that name),
    that of a plugin, or the path of a plugin's file. Exit status 1 if a check failed.
    """
    from fusionbench.configuration.assignments import assignments
    from fusionbench.testing.checking import check

    given = assignments(options, "--option")
    failed, rows = 0, []
    for name in names:
        found = check(name, options=given, weights=weights, root=root, text=text, worker=worker, plugins=plugins)
        for report in found:
            failed += bool(report.failures)
            if as_json:
                rows.append(report.as_dict())
            else:
                _show(report)
    if as_json:
        click.echo(json_text(rows, indent=2))
    if failed:
        raise click.exceptions.Exit(1)


def _show(report: Report) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in ("check", "", "what was found"):
        table.add_column(column, overflow="fold")
    for finding in report.findings:
        remedy = f"\n-> {finding.remedy}" if finding.outcome == "fail" and finding.remedy else ""
        table.add_row(finding.check, _SIGNS[finding.outcome], printable(f"{finding.detail}{remedy}"))
    failures = len(report.failures)
    verdict = f"{counted(failures, 'check')} failed" if failures else "keeps its contract"
    click.echo(f"{report.kind} {printable(report.name)}: {verdict}")
    terminal.console().print(table, markup=False)
