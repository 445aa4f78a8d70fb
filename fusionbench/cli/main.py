"""The ``fusionbench`` command: finds its sub-commands without importing them."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from fusionbench import __version__, terminal
from fusionbench.plugins.registry import nearest
from fusionbench.types import FusionBenchError, PluginError, resolve

# command -> (module, one line for --help); the module's attribute `command` is the click command.
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("fusionbench.cli.list", "List methods, data sets, metrics, published tables, plugins, ..."),
    "info": ("fusionbench.cli.info", "All that is known about a method, data set, metric, profile, ..."),
    "run": ("fusionbench.cli.run", "Run methods over data sets and score the results."),
    "table": ("fusionbench.cli.table", "Make a table from one or more runs."),
    "compare": ("fusionbench.cli.compare", "Whether methods differ: ranks, tests, effects, agreement of metrics."),
    "figure": ("fusionbench.cli.figure", "Figures of papers: the grid of pictures, charts of scores."),
    "report": ("fusionbench.cli.report", "A site over one or more runs: tables, pictures, samples."),
    "export": ("fusionbench.cli.export", "Write a run's results as a small file for others."),
    "push": ("fusionbench.cli.push", "Publish a run or weights on the Hugging Face hub."),
    "leaderboard": ("fusionbench.cli.leaderboard", "A site that compares many people's exported results."),
    "cite": ("fusionbench.cli.cite", "BibTeX of the methods, data sets and metrics of a run."),
    "score": ("fusionbench.cli.score", "Score fused images that other code wrote."),
    "reconcile": ("fusionbench.cli.reconcile", "Find out which metric conventions a published table used."),
    "weights": ("fusionbench.cli.weights", "Install and check the weights of learned methods."),
    "cost": ("fusionbench.cli.cost", "Measure parameters, FLOPs, latency and memory of methods."),
    "data": ("fusionbench.cli.data", "Check data sets."),
    "demo": ("fusionbench.cli.demo", "Run the built-in demonstration on generated data."),
    "train": ("fusionbench.cli.train", "Train a learned method."),
    "runs": ("fusionbench.cli.runs", "List, look at, compare and remove runs."),
    "merge": ("fusionbench.cli.merge", "Join runs that were made apart, such as shards on several machines."),
    "repair": ("fusionbench.cli.repair", "Save what can be read of a run's damaged journal."),
    "new": ("fusionbench.cli.new", "Begin a plugin: a package of a method, data set, metric or table format."),
    "check": ("fusionbench.cli.check", "Hold a plugin against its contract."),
    "doctor": ("fusionbench.cli.doctor", "Check the installation; say what to do about problems."),
}


# What people coming from other programs type.
_SYNONYMS = {
    "evaluate": "score",
    "eval": "score",
    "test": "run",
    "benchmark": "run",
    "show": "info",
    "create": "new",
    "init": "new",
    "publish": "push",
    "upload": "push",
    "diff": "runs",
    "history": "runs",
    "methods": "list",
    "datasets": "list",
    "metrics": "list",
    "caption": "text",
    "verify": "data",
    "splits": "data",
}


class UserError(click.ClickException):
    """Shows a FusionBenchError as one message, without a traceback; exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the message to standard error."""
        terminal.complain("error:", self.format_message())


class FusionBenchGroup(click.Group):
    """Imports a sub-command when it is called, asks plugins for further ones, explains errors.

    Args:
        table: Command name -> (module, short help).
        path: The group's own name for plugins' ``CommandSpec.parent``; empty for the top level.
    """

    def __init__(
        self, *args: Any, table: dict[str, tuple[str, str]] | None = None, path: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table or {}
        self.path = path

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]  # the rest by name
        """As of click, but nothing that is printed is obeyed by a terminal or ends the process.

        Exit statuses: of the command, 2 for wrong use and for what the outside world refuses, 130 when interrupted.
        """
        if args is None:  # a process of its own, whose defects are printed by Python
            sys.excepthook = terminal.print_traceback
        with terminal.guarded():
            if not standalone_mode:
                return super().main(args, standalone_mode=False, **extra)
            sys.exit(self._status(args, **extra))

    def _status(self, args: Sequence[str] | None, **extra: Any) -> int:
        try:
            status = super().main(args, standalone_mode=False, **extra)
        except UserError as error:
            error.show()
            return error.exit_code
        except click.ClickException as error:
            text = io.StringIO()
            error.show(text)
            terminal.say(text.getvalue().rstrip("\n"))
            return error.exit_code
        except click.Abort:
            terminal.say("interrupted")
            return 130
        except OSError as error:
            if os.environ.get("FUSIONBENCH_DEBUG"):
                raise
            place = f"{error.filename}: " if error.filename else ""
            terminal.complain("error:", f"{place}{error.strerror or error}.")
            return 2
        # Commands return nothing; a number is what one of them left with (click's own rule without `standalone_mode`).
        return status if isinstance(status, int) else 0

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As of click; refuses arguments that are neither text nor the name of a file."""
        for word in args:
            try:
                holds_nul = b"\0" in os.fsencode(word)
            except UnicodeEncodeError:
                raise UserError(f"the argument {word!r} is no text: it holds half a character.") from None
            if holds_nul:
                raise UserError(f"the argument {word!r} holds a NUL character.")
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of our own sub-commands, then of those that plugins add."""
        return [*self.table, *super().list_commands(ctx), *sorted(self._added())]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the sub-command of that name; None if there is none."""
        if name in self.table:
            return importlib.import_module(self.table[name][0]).command
        found = super().get_command(ctx, name)
        if found is None and name in (added := self._added()):
            found = resolve(added[name].command, owner=f"command {name}")
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As of click; an unknown command is answered with the nearest.

        Raises:
            UserError: A plugin's command cannot be imported.
        """
        name = args[0]
        try:
            if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
                known = self.list_commands(ctx)
                meant = next((other for other in known if other.casefold() == name.casefold()), None)
                if meant is None:
                    ctx.fail(f"No such command {name!r}. {nearest(_SYNONYMS.get(name, name), known)}")
                args = [meant, *args[1:]]
            return super().resolve_command(ctx, args)
        except FusionBenchError as error:
            raise UserError(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands with their short help, without importing them."""
        rows = [(name, help_text) for name, (_, help_text) in self.table.items()]
        rows += [(name, self.commands[name].get_short_help_str()) for name in super().list_commands(ctx)]
        rows += [(name, spec.summary) for name, spec in sorted(self._added().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of the suite become messages, tracebacks with ``FUSIONBENCH_DEBUG`` set."""
        if os.environ.get("FUSIONBENCH_DEBUG"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except FusionBenchError as error:
            raise UserError(str(error)) from error

    def _added(self) -> dict[str, Any]:
        from fusionbench.plugins import current_plugins

        try:
            specs = current_plugins().commands.values()
        except PluginError as error:
            raise UserError(str(error)) from error
        return {spec.name: spec for spec in specs if spec.parent == self.path}


@click.group(
    cls=FusionBenchGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="fusionbench")
def main() -> None:
    """Benchmark image-fusion methods: infrared-visible, medical, multi-exposure and multi-focus."""
