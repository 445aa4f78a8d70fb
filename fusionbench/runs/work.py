"""What is done with a unit of work where it is executed: fusing and scoring, or what a plugin brings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from fusionbench.plugins import Plugins
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Event
from fusionbench.runs.units import Unit
from fusionbench.types import resolve


class Work(Protocol):
    """Made once in a process, from settings, plugins and the folder of results; executes units there.

    :class:`fusionbench.runs.session.Session` is that of a run. Another one makes its jobs' metrics of whatever it
    likes: it tells of each job with :class:`~fusionbench.runs.events.Fusing` before and an
    :class:`~fusionbench.runs.events.Outcome` after it, and so executors supervise it like a run.
    """

    def execute(self, unit: Unit) -> Iterator[Event]:
        """The events of one unit, as they happen."""


def work_of(unit: Unit, config: RunConfig, plugins: Plugins, folder: Path) -> Work:
    """The work of a unit, made ready in this process.

    Args:
        unit: Its ``work`` is ``package.module:factory``.
        config: The settings.
        plugins: What is registered.
        folder: The folder of results.

    Raises:
        PluginError: There is no such work.
    """
    work: Work = resolve(unit.work, owner=f"work on {unit.dataset}")(config, plugins, folder)
    return work
