"""What is published: files by their path in the repository, and the card in front of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fusionbench.extras import require
from fusionbench.printable import is_text
from fusionbench.types import UsageError

CARD = "README.md"
MARK = "<!-- Made by fusionbench, which writes this card again when it publishes here again. -->"
"""Stands in every card, so that a card that somebody wrote is not written over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What is published.

    Attributes:
        kind: ``dataset`` for a run, ``model`` for weights.
        title: In a few words, for the commit.
        card: Text of ``README.md``.
        files: Path in the repository -> the file.
    """

    kind: Literal["dataset", "model"]
    title: str
    card: str
    files: Mapping[str, Path]


def card(kind: Literal["dataset", "model"], facts: Mapping[str, Any], title: str, *parts: str) -> str:
    """A card: facts that the hub reads, a heading, and paragraphs, of which empty ones are left out.

    Raises:
        UsageError: A text is not valid UTF-8.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = require("huggingface_hub", extra="hub", purpose="a card for the Hugging Face hub")
    known = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    data = (hub.ModelCardData if kind == "model" else hub.DatasetCardData)(**known)
    text = "\n\n".join([f"---\n{data.to_yaml()}\n---\n\n{MARK}", f"# {title}", *filter(None, parts)]) + "\n"
    if not is_text(text):
        raise UsageError("the card would hold characters that are not valid UTF-8, from a name or an option.")
    return text


def code(text: str, language: str = "") -> str:
    """A block of code, whatever is in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.strip()}\n{fence}"
