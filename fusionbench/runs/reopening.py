"""The data sets of a run that has been carried out, opened once more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusionbench.runs.config import RunConfig
from fusionbench.runs.opening import open_request
from fusionbench.types import FusionBenchError, Sample


def samples_of(
    info: Mapping[str, Any], *, data_root: Path | None = None
) -> tuple[dict[str, dict[str, Sample]], dict[str, str]]:
    """The samples of the data sets that the latest session of a run had, by name and id.

    Args:
        info: Facts of the run, see :class:`fusionbench.results.loading.RunResults`.
        data_root: Where data sets lie today; where they lay then, if None.

    Returns:
        The samples; and by data set why it could not be opened, for instance because it lies on another machine.
    """
    found: dict[str, dict[str, Sample]] = {}
    problems: dict[str, str] = {}
    config = RunConfig.from_dict(dict(info.get("config") or {}), source="the run")
    if data_root is not None:
        moved = tuple(dataclasses.replace(request, root=None) for request in config.datasets)
        config = dataclasses.replace(config, data_root=str(data_root), datasets=moved)
    for request in config.datasets:
        try:
            opened = open_request(request, config)
        except FusionBenchError as error:
            problems[request.key] = str(error)
            continue
        found[request.key] = {sample.id: sample for sample in opened.samples}
    return found, problems
