"""pluggy's manager for hooks that need no marker."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy

from fusionbench import hookspecs


class HookManager(pluggy.PluginManager):
    """Accepts functions called ``fusionbench_*`` without a marker, as pytest does with ``pytest_*``.

    So does it a method of an object that a plugin gives such a name. A function that a plugin has only imported is none
    of its hooks.
    """

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        """Marks of one function of a plugin, as pluggy has them; those of no mark for ``fusionbench_*``."""
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name.startswith(hookspecs.PREFIX):
            function = getattr(plugin, name, None)
            defined_here = getattr(function, "__module__", None) == getattr(plugin, "__name__", None)
            if (inspect.isfunction(function) and defined_here) or inspect.ismethod(function):
                return pluggy.HookimplOpts(
                    wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
                )
        return options
