"""Which parts make a paragraph, and what is written down about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.files import read_regular_text
from fusionbench.types import Task, UsageError
from fusionbench_film.text.prompts import Prompt, read_prompt
from fusionbench_film.text.providers import ChosenProvider
from fusionbench_film.vlf.layout import TEXTS, VlfFolder, write_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Which parts describe an image: either a describer alone, or a writer fed by up to three finders.

    Attributes:
        describer: Writes the paragraph straight from the image.
        caption, dense, segment: Find what the writer's prompt says.
        writer: Writes the paragraph from the prompt.
        prompt: Name of a prompt of the package; the task's own if None.
        prompt_path: In its place a file, or a folder with a file for each task.
    """

    describer: ChosenProvider | None = None
    caption: ChosenProvider | None = None
    dense: ChosenProvider | None = None
    segment: ChosenProvider | None = None
    writer: ChosenProvider | None = None
    prompt: str | None = None
    prompt_path: Path | None = None

    def __post_init__(self) -> None:
        finders = [part for part in (self.caption, self.dense, self.segment) if part]
        if self.describer and (finders or self.writer):
            raise UsageError(
                "--describe makes the whole paragraph; leave out --caption, --dense, --segment and --write."
            )
        if not self.describer and not self.writer:
            raise UsageError(
                "no part writes the paragraph.", hint="Add --write openai, transformers or template, or use --describe."
            )
        if self.writer and not finders and not self.writer.options.get("attach"):
            raise UsageError(
                f"{self.writer.name} would write about an image of which it knows nothing.",
                hint="Add --caption, --dense or --segment, or attach the image: --write openai:attach=yes.",
            )

    @property
    def finders(self) -> dict[str, ChosenProvider]:
        """Stage -> provider, in the order of the paper: from the whole to the fine."""
        stages = {"caption": self.caption, "dense": self.dense, "masks": self.segment}
        return {stage: provider for stage, provider in stages.items() if provider}

    @property
    def label(self) -> str:
        """The honest name of what comes out: its parts, ``blip2+florence2+sam+openai``."""
        parts = [self.describer] if self.describer else [*self.finders.values(), self.writer]
        return "+".join(dict.fromkeys(part.name for part in parts if part))

    def prompt_for(self, task: Task) -> Prompt:
        """The writer's prompt on a task.

        Raises:
            UsageError: As of :func:`read_prompt`.
        """
        return read_prompt(task, self.prompt, self.prompt_path)

    def identity(self) -> dict[str, Any]:
        """All parts with versions and options, as plain data."""
        parts = {**self.finders, "describer": self.describer, "writer": self.writer}
        return {stage: part.identity() for stage, part in parts.items() if part}


def record_chain(folder: VlfFolder, task: Task, title: str, chain: Chain, prompt: Prompt | None) -> None:
    """Write down what made the paragraphs of a data set."""
    record = {
        "label": chain.label,
        "parts": chain.identity(),
        "prompt": {"name": prompt.name, "version": prompt.version} if prompt else None,
    }
    write_text(folder.chain(TEXTS, task, title), json.dumps(record, indent=2) + "\n")


def chain_label(folder: VlfFolder, task: str, dataset: str) -> str:
    """How the paragraphs of a data set were made; ``unknown`` where nothing says so."""
    return stored_label(folder, TEXTS, task, dataset) or "unknown"


def stored_label(folder: VlfFolder, tree: str, task: str, dataset: str) -> str | None:
    """What the record beside a tree's files says of how they were made; None where nothing says so."""
    try:
        label = json.loads(read_regular_text(folder.chain(tree, task, dataset)))["label"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return label if isinstance(label, str) and label else None
