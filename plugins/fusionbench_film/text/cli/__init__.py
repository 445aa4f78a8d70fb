"""``fusionbench text``: one file per command."""

from __future__ import annotations

import click

from fusionbench.cli.main import FusionBenchGroup

_HERE = "fusionbench_film.text.cli"

COMMANDS = {
    "describe": (f"{_HERE}.describe", "Write a paragraph about every source image of a data set."),
    "encode": (f"{_HERE}.encode", "Turn paragraphs into the features that FILM reads."),
    "show": (f"{_HERE}.show", "Show a sample's image, boxes, masks, prompt and paragraph."),
    "stats": (f"{_HERE}.stats", "Count paragraphs, sentences and words."),
    "check": (f"{_HERE}.check", "Find out how the features of given paragraphs were made."),
    "import": (f"{_HERE}.import_", "Take paragraphs and features from another VLF folder or .h5 file."),
    "export": (f"{_HERE}.export", "Write a complete VLF folder or .h5 file: images, lists, texts, features."),
    "repair": (f"{_HERE}.repair", "Save what can be read of a damaged store of texts."),
    "extract-encoder": (f"{_HERE}.extract_encoder", "Cut the small text encoder out of a BLIP-2 checkpoint."),
    "parts": (f"{_HERE}.parts", "List captioners, segmenters, writers, encoders and their options."),
    "prompts": (f"{_HERE}.prompts", "List the prompts, or copy them to change them."),
}


@click.group(cls=FusionBenchGroup, table=COMMANDS, path="text")
def command() -> None:
    """Describe images in words and encode the words, as FILM reads them."""
