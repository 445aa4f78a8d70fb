"""What FILM needs before anything is computed: text features, or the package that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusionbench.types import Dataset, UsageError
from fusionbench_film.configuration import PRESETS
from fusionbench_film.method import prompt_file, stored_config
from fusionbench_film.text.encoders import minilm_folder


def check(options: Mapping[str, Any], weights: Path | None, dataset: Dataset) -> None:
    """Refuse what would fail for every sample.

    Raises:
        UsageError: No sample has the text features that are to be read, or there is no such prompt.
        MissingExtraError: The offline text needs a package that is not installed.
    """
    text = options["text"]
    if not _reads_text(options, weights):
        return
    prompt_file(text, options["prompt"])
    if text == "offline":
        minilm_folder()
    elif text == "required":
        _require_features(options.get("features", ""), dataset)


def _reads_text(options: Mapping[str, Any], weights: Path | None) -> bool:
    if options.get("preset", "auto") != "auto":
        return PRESETS[options["preset"]].text
    stored = stored_config(weights) if weights is not None else None
    return stored is None or stored.text


def _require_features(variant: str, dataset: Dataset) -> None:
    if any(sample.features(variant) is not None for sample in dataset.samples):
        return
    what = f"text features of variant {variant!r}" if variant else "text features"
    raise UsageError(
        f"FILM reads text features, and no sample of {dataset.name} has {what}.",
        hint="Make them with fusionbench text describe and encode, give --text-features DIR, or set text=offline, "
        "text=none, or text=prompt with prompt=FILE.npy.",
    )
