"""Plugins that other distributions brought into the environment in which the tests run."""

from __future__ import annotations

from importlib import metadata

from fusionbench.plugins.sources import GROUP

FOREIGN = tuple(
    sorted(
        {
            entry.name
            for entry in metadata.entry_points(group=GROUP)
            if entry.dist is not None and entry.dist.name != "fusionbench"
        }
    )
)
"""Their names: a contributor's plugin beside the suite is no part of the catalogue that the tests hold."""
