"""Finding plugins and what they register. See :mod:`fusionbench.hookspecs` for the contracts."""

from fusionbench.plugins.current import current_plugins, load_plugins
from fusionbench.plugins.failures import PluginFailure
from fusionbench.plugins.manager import Plugins
from fusionbench.plugins.registry import Registered, Registry

__all__ = ["PluginFailure", "Plugins", "Registered", "Registry", "current_plugins", "load_plugins"]
