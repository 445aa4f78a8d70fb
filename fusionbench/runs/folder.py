"""The run folder's names, and the configuration that reproduces it."""

from __future__ import annotations

from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.runs.config import RunConfig
from fusionbench.types import UsageError

CONFIG = "config.yaml"
LOCK = "run.lock"


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the configuration that reproduces the run, with absolute paths.

    Raises:
        UsageError: The file cannot be written.
    """
    path = folder / CONFIG
    try:
        with replacing(path) as temporary:
            temporary.write_text(config.located().to_yaml(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
