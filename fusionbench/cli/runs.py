"""``fusionbench runs``: the runs that there are, what is in one, what changed between two, and removing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from fusionbench import terminal
from fusionbench.printable import counted, json_text, printable, some_of

if TYPE_CHECKING:
    from fusionbench.results.overview import Overview
    from fusionbench.runs.differences import Differences

_FOLDER = Path("runs")
_NAMES = 4  # names that a cell has room for


@click.group("runs", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, look at, compare and remove runs. Without a command, list those in the folder `runs`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list")
@click.argument("folder", default=_FOLDER, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_(folder: Path = _FOLDER, as_json: bool = False) -> None:
    """List the runs in FOLDER and up to four levels below, the latest first; FOLDER is `runs` by default.

    A state of `failures` means that some samples have no result, `interrupted` that the run was stopped or killed:
    the command that made it computes what is missing.
    """
    from fusionbench.results.overview import find_runs, overview

    found = sorted((overview(path) for path in find_runs(folder)), key=lambda run: run.started, reverse=True)
    if as_json:
        click.echo(json_text([run.as_dict() for run in found], indent=2))
        return
    if not found:
        click.echo(f"no runs in {folder}")
        return
    _print(("run", "started", "state", "results", "methods", "data sets"), [_row(run) for run in found])


@command.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show(run: Path, as_json: bool) -> None:
    """Say what is known of RUN: versions, command, machine, methods, data, and what became of the samples.

    `fusionbench table RUN` has its numbers.
    """
    from fusionbench.runs.showing import run_facts

    facts = run_facts(run)
    if as_json:
        click.echo(json_text(facts.as_dict(), indent=2))
        return
    for name, text in facts.lines:
        click.echo(f"{name}: {text}")
    _print(("method", "data set", "samples", "failed", "missing"), [[*map(str, row)] for row in facts.counts])
    for reason, count in facts.failures.items():
        click.echo(f"{counted(count, 'sample')} failed: {reason}")


@command.command("diff")
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Values that differ relatively by no more count as the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_context
def diff(ctx: click.Context, first: Path, second: Path, tolerance: float, as_json: bool) -> None:
    """Say what changed from run A to run B: versions, settings, methods, data, numbers.

    Exit status: 0 nothing differs, 1 something does, 2 wrong use.
    """
    from fusionbench.reports.run_view import load_run
    from fusionbench.runs.differences import differences

    found = differences(load_run(first), load_run(second), tolerance=tolerance)
    if as_json:
        click.echo(json_text(found.as_dict(), indent=2))
    else:
        _tell(found)
    ctx.exit(1 if found else 0)


@command.command("rm")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def rm(runs: tuple[Path, ...], yes: bool) -> None:
    """Remove RUNS: journal, fused images, configuration, logs and what plugins made of them there.

    Other files in their folders stay.

    What is no run folder is refused, and so is a run that is going on.
    """
    from fusionbench.runs.removing import removal_of, remove

    for removal in [removal_of(path) for path in runs]:  # all are looked at before any is removed
        size = f"{removal.size / 2**20:.1f} MB"
        if not yes:
            click.confirm(f"Remove the run {removal.folder} ({size})?", abort=True, err=True)
        gone = remove(removal)
        click.echo(f"removed {removal.folder} ({size})")
        if not gone:
            names = ", ".join(path.name for path in removal.others[:_NAMES])
            click.echo(f"the folder stays, with {names or 'what came meanwhile'}")


def _row(run: Overview) -> list[str]:
    total = run.done + run.failed + run.missing
    state = f"{run.state}: {run.problem}" if run.problem else run.state
    started = run.started.replace("T", " ").removesuffix("+00:00")
    results = f"{run.done}/{total}" if total else ""
    datasets = [f"{name} ({count})" for name, count in run.datasets.items()]
    return [str(run.folder), started, state, results, some_of(run.methods, _NAMES), some_of(datasets, _NAMES)]


def _tell(found: Differences) -> None:
    for fact in found.facts:
        absent = "(default)" if fact.part == "setting" else "(none)"
        before, after = (absent if value is None else value for value in (fact.before, fact.after))
        click.echo(f"{fact.part} {fact.name}: {before} -> {after}")
    rows = []
    for change in found.numbers:
        alone = [
            f"{count} only in {run}" for run, count in (("A", change.only_before), ("B", change.only_after)) if count
        ]
        means = [f"{change.before:.6g}", f"{change.after:.6g}"] if change.samples else ["", ""]
        largest = f"{change.largest:.3g}" if change.changed else ""
        samples = ", ".join([f"{change.changed} of {change.samples}"] * bool(change.samples) + alone)
        rows.append([change.method, change.dataset, change.metric, *means, largest, samples])
    if rows:
        _print(("method", "data set", "metric", "mean A", "mean B", "largest change", "samples that changed"), rows)
    same = found.compared - len(found.numbers)
    click.echo(f"{counted(found.compared, 'metric')} compared, {same} without a difference")


def _print(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(printable, row))
    terminal.console().print(table, markup=False)
