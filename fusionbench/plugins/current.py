"""Which plugins are in force: built-in ones, those of installed packages, those asked for; each once in a process."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fusionbench.plugins import sources
from fusionbench.plugins.manager import Plugins
from fusionbench.plugins.neighbours import FINDER
from fusionbench.plugins.sources import ENVIRONMENT, PluginSource

# What the harness itself registers goes through the same hooks as everything else.
BUILTIN = (
    PluginSource("metrics", "fusionbench.metrics.plugin"),
    PluginSource("reports", "fusionbench.reports.plugin"),
    PluginSource("data", "fusionbench.data.plugin"),
    PluginSource("executors", "fusionbench.executors"),
)

_current: Plugins | None = None


def load_plugins(requested: Sequence[str] = (), *, autoload: bool = True) -> Plugins:
    """Load all plugins and make them the current ones.

    Args:
        requested: Module names, paths of ``.py`` files, and ``no:NAME`` to block a plugin.
        autoload: Whether to load entry points; the built-in parts are always there.

    Raises:
        PluginError: A requested plugin does not exist or does not load.
    """
    global _current
    environment = [entry for entry in os.environ.get(ENVIRONMENT, "").split(",") if entry]
    wanted = [*environment, *requested]
    FINDER.forget()
    plugins = Plugins(blocked=tuple(entry[3:] for entry in wanted if entry.startswith("no:")))
    for source in BUILTIN:
        plugins.load(source)
    if autoload:
        for source in sources.installed():
            plugins.load(source)
    # What is installed comes first to the names that it registers, even where it had to wait.
    plugins.settle(last=False)
    for entry in wanted:
        if not entry.startswith("no:"):
            plugins.load_named(entry, requested=entry in requested)
    plugins.settle()
    plugins.note_blocks_without_effect([source.name for source in (*BUILTIN, *sources.installed())])
    plugins.raise_for_requested()
    _current = plugins
    return plugins


def current_plugins() -> Plugins:
    """The plugins in force; loaded at first use."""
    return _current if _current is not None else load_plugins()
