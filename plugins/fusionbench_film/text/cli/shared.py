"""What several commands of ``fusionbench text`` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.types import Dataset

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)


def dataset_options(function: F) -> F:
    """``-d``, ``--data-root`` and ``--data-option``."""
    for option in (
        click.option(
            "--data-option", "data_options", multiple=True, metavar="NAME=VALUE", help="Setting of the data set."
        ),
        click.option("--data-root", type=FOLDER, help="Folder with data sets."),
        click.option("-d", "--dataset", required=True, metavar="NAME[@SPLIT][=ROOT]", help="Data set."),
    ):
        function = option(function)
    return function


def open_chosen(reference: str, data_root: Path | None, options: tuple[str, ...]) -> Dataset:
    """Open what ``-d`` names.

    Raises:
        FusionBenchError: It does not exist or cannot be read.
    """
    from fusionbench.data import open_dataset

    settings = {}
    for item in options:
        name, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--data-option {item!r}: expected NAME=VALUE.")
        settings[name] = value
    return open_dataset(reference, data_root=data_root, options=settings)


def report_failures(failures: list[tuple[str, ...]], *, limit: int = 20) -> None:
    """List failures on standard error, the first of them in full."""
    for failure in failures[:limit]:
        click.echo("failed: " + ": ".join(failure), err=True)
    if len(failures) > limit:
        click.echo(f"... and {len(failures) - limit} more.", err=True)
