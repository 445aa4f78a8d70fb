"""Code that is named instead of imported, so that listing what is registered imports none of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from fusionbench.types.errors import PluginError, described, raised_at

Loadable = str | Callable[..., Any]


def resolve(reference: Loadable, *, owner: str = "a plugin") -> Any:
    """Import what ``"package.module:attribute"`` names; anything else is returned as it is.

    Raises:
        PluginError: The string is malformed, or the module or attribute does not exist.
    """
    if not isinstance(reference, str):
        return reference
    module_name, _, attribute = reference.partition(":")
    if not attribute:
        raise PluginError(f"{owner}: {reference!r} is not of the form 'package.module:attribute'.")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{owner}: cannot load {reference!r}: {error}") from error
    except Exception as error:  # what a module's own code raises when it is imported
        raise PluginError(f"{owner}: cannot load {reference!r}: {described(error)}{raised_at(error)}") from error
