"""Carrying out a configured run for a person at a terminal."""

from __future__ import annotations

import sys

import click

from fusionbench import terminal
from fusionbench.cli import progress
from fusionbench.printable import command_line, counted
from fusionbench.runs import Run, RunConfig, execute
from fusionbench.runs.preparing import prepare
from fusionbench.types.complaints import Complaints

_SHOWN_NOTES = 8


def run_and_report(config: RunConfig, complaints: Complaints | None = None) -> None:
    """Run, print the table, and end the process with the run's exit status."""
    from fusionbench.plugins import current_plugins

    try:
        with progress.watching() as watcher:
            run = execute(config, current_plugins(), watcher=watcher, complaints=complaints)
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command continues in {config.folder}", err=True)
        sys.exit(130)
    report(run)
    sys.exit(0 if run.complete else 1)


def report(run: Run) -> None:
    """The table on standard output, where everything is on standard error."""
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.display import show
    from fusionbench.reports.writing import printed
    from fusionbench.results.notes import told

    if terminal.on_terminal(sys.stdout):
        show(run.table(), terminal.console())
    else:
        click.echo(printed(run.table(), current_plugins().exporters["markdown"]))
    if run.failed:
        why = command_line("fusionbench", "runs", "show", run.path)
        click.echo(f"{counted(run.failed, 'sample')} failed   why: {why}", err=True)
    lines = told(run.frame())
    for line in lines[:_SHOWN_NOTES]:
        click.echo(f"note: {line}", err=True)
    if len(lines) > _SHOWN_NOTES:
        click.echo(f"({len(lines) - _SHOWN_NOTES} further notes: frame().notes)", err=True)
    command = command_line("fusionbench", "table", run.path, "--format", "latex")
    click.echo(f"results: {run.path}   table: {command}", err=True)


def dry(config: RunConfig, complaints: Complaints | None = None) -> None:
    """Say what a run would do and what of it would fail, and end the process with the status that follows."""
    from fusionbench.plugins import current_plugins

    data, expansion = prepare(config, current_plugins(), complaints=complaints)
    for pairing in expansion.pairings:
        marks = f" ({pairing.marks})" if pairing.marks else ""
        click.echo(
            f"{pairing.method.key} on {pairing.dataset.key}: {counted(len(pairing.dataset.samples), 'sample')}{marks}"
        )
    for line in expansion.skipped:
        click.echo(f"skipped: {line}")
    for line in expansion.remarks:
        click.echo(f"note: {line}")
    for key, dataset in data.items():
        for problem in dataset.problems:
            click.echo(f"{key}: {'left out' if problem.fatal else 'note'}: {problem.message}")
    click.echo(f"metrics: {', '.join(metric.key for metric in expansion.metrics)}")
    click.echo(f"run folder: {config.folder}")
    from fusionbench.runs.feasibility import would_fail  # it loads methods, and so torch

    failures = would_fail(expansion, config)
    for line in failures:
        click.echo(f"would fail: {line}")
    sys.exit(1 if failures else 0)
