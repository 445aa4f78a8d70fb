"""A plugin that could not be used: what is remembered and said of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin, or a part of one, that could not be used, and why."""

    plugin: str
    reason: str
    requested: bool = False

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.reason}"
