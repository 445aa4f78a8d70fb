"""What several commands of ``fusionbench text`` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fusionbench.cli import options
from fusionbench.configuration.assignments import assignments

if TYPE_CHECKING:
    from fusionbench.types import Dataset

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)


def dataset_options(function: F) -> F:
    """``-d``, ``--option`` and ``--data-root``, as every command has them."""
    return options.dataset_options(click.option("--data-option", "data_options", multiple=True, hidden=True)(function))


def open_chosen(
    reference: str, data_root: Path | None, given: tuple[str, ...], data_options: tuple[str, ...] = ()
) -> Dataset:
    """Open what ``-d`` names.

    Raises:
        FusionBenchError: It does not exist or cannot be read.
    """
    assignments(data_options, "--data-option", form="NAME=VALUE")
    (dataset,) = options.open_chosen(reference, data_root, (*data_options, *given))
    return dataset


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the remaining time for each stage on standard error; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def report_failures(failures: list[tuple[str, ...]], *, limit: int = 20) -> None:
    """List failures on standard error, the first of them in full."""
    for failure in failures[:limit]:
        click.echo("failed: " + ": ".join(failure), err=True)
    if len(failures) > limit:
        click.echo(f"... and {len(failures) - limit} more.", err=True)
