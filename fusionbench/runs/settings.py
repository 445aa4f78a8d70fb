"""The settings of a run as arguments of a call, so that an editor lists them and a type checker knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from fusionbench.runs.config import Colour, Precision, Scoring


class RunSettings(TypedDict, total=False):
    """Fields of :class:`fusionbench.runs.RunConfig` other than methods and data sets; lists and paths may be either."""

    all_methods: bool
    data_root: str | Path | None
    plugins: Sequence[str | Path]
    profiles: Sequence[str]
    metrics: Sequence[str]
    device: str
    executor: str
    executor_options: Mapping[str, Any]
    batch_size: int | None
    workers: int
    limit: int | None
    shard: str | None
    precision: Precision
    scoring: Scoring
    compile: bool
    colour: Colour
    images: bool
    text_features: str | Path | None
    allow_other_tasks: bool
    timeout: float
    seed: int
    fail_fast: bool
    out: str | Path
