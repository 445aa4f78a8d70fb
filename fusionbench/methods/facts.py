"""The facts of a method as arguments of the decorator, so that an editor lists them and a type checker knows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from fusionbench.types import Citation, Loadable, Option, WeightSpec


class MethodFacts(TypedDict, total=False):
    """Fields of :class:`fusionbench.MethodSpec` other than its name, tasks and factory."""

    title: str
    takes: Literal["luma", "rgb"]
    sources: tuple[int, int | None]
    multiple: int
    min_size: int
    batched: bool
    overlap: int | None
    text: Literal["none", "optional", "required"]
    options: Mapping[str, Option]
    weights: tuple[WeightSpec, ...]
    version: str
    paper: Citation | None
    page: str
    licence: str
    training_data: tuple[str, ...]
    fingerprint: Loadable | None
    requirements: Loadable | None
    trainer: Loadable | None
    training_configs: Mapping[str, Path]
    autocast: bool | None
    shares_process: bool
    summary: str
    meta: Mapping[str, Any]
