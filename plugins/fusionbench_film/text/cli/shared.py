"""What several commands of ``fusionbench text`` share."""

from __future__ import annotations

from collections.abc import Callable
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


def report_failures(failures: list[tuple[str, ...]], *, limit: int = 20) -> None:
    """List failures on standard error, the first of them in full."""
    for failure in failures[:limit]:
        click.echo("failed: " + ": ".join(failure), err=True)
    if len(failures) > limit:
        click.echo(f"... and {len(failures) - limit} more.", err=True)
