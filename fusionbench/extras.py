"""Optional dependencies: imported where used, with an error that names the extra."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
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


def require_installed(module: str, *, extra: str, purpose: str) -> None:
    """Say at once what is lacking, without importing what is slow to import; arguments as of :func:`require`.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        found = find_spec(module)
    except ImportError:  # the package that it is in is absent
        found = None
    if found is None:
        raise MissingExtraError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed.",
            hint=f"pip install 'fusionbench[{extra}]'",
        )
