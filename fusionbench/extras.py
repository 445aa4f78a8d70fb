"""Optional dependencies: imported where used, with an error that names the extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from fusionbench.types import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: Its import name, ``h5py``.
        extra: The extra of ``setup.cfg`` that installs it.
        purpose: What it is needed for, completing "... needs h5py".

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed ({error}).",
            hint=f"pip install 'fusionbench[{extra}]'",
        ) from error
