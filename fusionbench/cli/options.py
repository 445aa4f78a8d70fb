"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
