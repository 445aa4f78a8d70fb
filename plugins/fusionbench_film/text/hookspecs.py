"""The hooks that the text side adds for other plugins, and the spec of what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fusionbench.hookspecs import hookspec
from fusionbench.types import Loadable, Option

ProviderKind = Literal["captioner", "dense_captioner", "segmenter", "describer", "writer", "text_encoder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A part of the text pipeline: captioner, dense captioner, segmenter, describer, writer or text encoder.

    Attributes:
        name: Lower-case identifier, unique within its kind.
        kind: What it does.
        factory: Called with the options; what it returns is described in ``docs/text.md``.
        options: Settings by name.
        version: Change it when results change.
        summary: One line for lists.
        extra: The extra of the installation that it needs.
        by_file: Whether results depend on an image's file name and role and not on its content alone,
            as those of readers of other programs' results do.
    """

    name: str
    kind: ProviderKind
    factory: Loadable
    options: Mapping[str, Option] = field(default_factory=dict)
    version: str = "1"
    summary: str = ""
    extra: str = ""
    by_file: bool = False


@hookspec
def fusionbench_captioners() -> Sequence[ProviderSpec]:
    """Parts of the text pipeline that look at images: captioners, dense captioners, segmenters,
    describers and the writers that turn their findings into paragraphs."""


@hookspec
def fusionbench_text_encoders() -> Sequence[ProviderSpec]:
    """Text encoders that turn paragraphs into features."""
