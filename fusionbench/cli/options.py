"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fusionbench.types import Dataset

F = TypeVar("F", bound=Callable[..., Any])


def _load_plugins(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from fusionbench.cli.main import UserError
    from fusionbench.plugins import load_plugins
    from fusionbench.types import PluginError

    try:
        load_plugins(values).warn_of_failures()
    except PluginError as error:
        raise UserError(str(error)) from error
    return values


def plugin_option(function: F) -> F:
    """``-p``: load further plugins before the command starts; passes ``plugins`` (a tuple) to it."""
    return click.option(
        "-p",
        "--plugin",
        "plugins",
        multiple=True,
        metavar="MODULE|FILE.py|no:NAME",
        is_eager=True,
        callback=_load_plugins,
        help="Load a plugin module or file, or block one by name. Repeatable.",
    )(function)


def _whole(value: Any) -> Any:
    from fusionbench.types.values import Misfit, convert

    try:
        return convert(value, int, from_text=True)
    except Misfit:
        return value  # click says what is wrong with it


class Whole(click.types.IntParamType):
    """A whole number, however it may be written in a configuration: ``1000`` or ``1e3``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        return super().convert(_whole(value), param, ctx)


class WholeRange(click.IntRange):
    """A whole number within bounds, written as of :class:`Whole`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        return super().convert(_whole(value), param, ctx)


DATASET = "[LABEL=]NAME[@SPLIT][=ROOT]"
"""How a data set is written in every command."""


def data_root_option(function: F) -> F:
    """``--data-root``; passes ``data_root`` (a path or None)."""
    return click.option(
        "--data-root", type=click.Path(path_type=Path), help="Folder in which data sets are looked for by name."
    )(function)


def options_option(help_text: str, *, metavar: str = "NAME.KEY=VALUE") -> Callable[[F], F]:
    """``--option NAME.KEY=VALUE``, the one spelling of options; passes ``options`` (a tuple)."""
    return click.option("--option", "options", multiple=True, metavar=metavar, help=f"{help_text} Repeatable.")


EXECUTOR_OPTIONS = (
    click.option("--executor", metavar="NAME", help="Who carries out the work (`fusionbench list executors`)."),
    click.option(
        "--executor-option", "executor_options", multiple=True, metavar="KEY=VALUE", help="Set an option of it."
    ),
)
"""Of commands whose work an executor carries out."""


def _split(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    from fusionbench.configuration.assignments import split_names

    return tuple(name for value in values for name in split_names(value)) or None


def names_option(*declarations: str, metavar: str = "A,B,...", help_text: str) -> Callable[[F], F]:
    """An option for several names, separated by commas or given again; passes a tuple, or None if it was not given."""
    return click.option(*declarations, multiple=True, metavar=metavar, callback=_split, help=help_text)


def dataset_options(function: F) -> F:
    """``-d``, ``--option`` and ``--data-root`` of a command on one data set; :func:`open_chosen` opens it."""
    function = data_root_option(function)
    function = options_option("Set an option of the data set, by its name or label.", metavar="[NAME.]KEY=VALUE")(
        function
    )
    return click.option("-d", "--dataset", required=True, metavar=DATASET, help="The data set.")(function)


def open_chosen(references: str | Sequence[str], data_root: Path | None, options: Sequence[str]) -> list[Dataset]:
    """Open what a command's ``-d``, ``--option`` and ``--data-root`` name.

    Raises:
        UsageError, DataError: As of :func:`fusionbench.data.opening.open_named`.
    """
    from fusionbench.configuration.assignments import OwnedOptions
    from fusionbench.data.opening import open_named

    texts = [references] if isinstance(references, str) else references
    return open_named(texts, data_root=data_root, options=OwnedOptions.read(options, ownerless=True))
