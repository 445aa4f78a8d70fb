"""Which executor carries out a run, and with which options."""

from __future__ import annotations

from typing import Any

from fusionbench.plugins import Plugins
from fusionbench.plugins.options import parse_options
from fusionbench.runs.config import RunConfig
from fusionbench.runs.executors import Executor, RunContext
from fusionbench.types import ExecutorSpec, resolve


def chosen_executor(config: RunConfig, plugins: Plugins) -> tuple[ExecutorSpec, dict[str, Any]]:
    """The executor that the settings name, and all of its options, converted to their types.

    Raises:
        UsageError: There is none of that name (near ones are offered), or an option is unknown or cannot be used.
    """
    spec = plugins.executors[config.executor]
    return spec, parse_options("executor", spec, config.executor_options)


def engage_executor(context: RunContext, plugins: Plugins) -> Executor:
    """Make the executor of a run; it has to be closed."""
    spec, options = chosen_executor(context.config, plugins)
    return resolve(spec.factory, owner=f"executor {spec.name}")(context, **options)
