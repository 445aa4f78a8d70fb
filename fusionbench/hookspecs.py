"""Every extension point of fusionbench, on one page.

A plugin is a module. It takes part by defining functions with the names below; no decorator is
needed, and each function may take any subset of the listed arguments. Registration hooks return
lists of specs (:mod:`fusionbench.types.specs`): plain data whose code is imported at first use, so
that listing what is there costs nothing. A name may be registered once; a second registration is
an error that names both plugins. Marks of :data:`hookimpl` are honoured: ``specname`` and
``optionalhook`` everywhere, order and wrappers on events (registration hooks refuse them).

A plugin reaches the harness in one of four ways:

* an installed package with an entry point of group ``fusionbench``;
* ``-p package.module`` on the command line (or ``plugins=[...]`` in Python);
* ``-p path/to/file.py``;
* the environment variable ``FUSIONBENCH_PLUGINS``, a list of the same separated by commas.

``-p no:NAME`` blocks the plugin of that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pluggy

from fusionbench.types import (
    CommandSpec,
    DatasetSpec,
    ExecutorSpec,
    ExporterSpec,
    HooksSpec,
    MethodSpec,
    MetricSpec,
    PublishedSpec,
    RunView,
    TextFeaturesSpec,
)

PROJECT = "fusionbench"
PREFIX = "fusionbench_"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def fusionbench_addhooks() -> Sequence[HooksSpec]:
    """Hooks that this plugin adds for other plugins; the order in which they are loaded does not matter."""


@hookspec
def fusionbench_methods() -> Sequence[MethodSpec]:
    """Fusion methods that this plugin brings."""


@hookspec
def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Data sets that this plugin can read."""


@hookspec
def fusionbench_text_features() -> Sequence[TextFeaturesSpec]:
    """Layouts in which text features lie beside the images of a data set."""


@hookspec
def fusionbench_metrics() -> Sequence[MetricSpec]:
    """Metrics that this plugin defines, one spec for each profile."""


@hookspec
def fusionbench_exporters() -> Sequence[ExporterSpec]:
    """Formats that ``fusionbench table`` can write."""


@hookspec
def fusionbench_executors() -> Sequence[ExecutorSpec]:
    """Ways to carry out the work of a run: on which devices, in which processes, on which machines."""


@hookspec
def fusionbench_published() -> Sequence[PublishedSpec]:
    """Tables of published numbers to set beside measured ones."""


@hookspec
def fusionbench_commands() -> Sequence[CommandSpec]:
    """Commands this plugin adds to the ``fusionbench`` command line."""


@hookspec
def fusionbench_run_started(run: RunView) -> None:
    """A run's plan is checked and recorded; nothing is computed yet."""


@hookspec
def fusionbench_sample_scored(run: RunView, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows of one sample (a row for each metric) are durable in the journal."""


@hookspec
def fusionbench_run_finished(run: RunView) -> None:
    """A run has ended, completely or not; its journal is closed for writing after this."""
