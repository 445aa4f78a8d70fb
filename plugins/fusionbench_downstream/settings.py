"""What a downstream evaluation is asked to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fusionbench.runs import RunConfig
from fusionbench.types import UsageError

Kind = Literal["detection", "segmentation"]
Protocol = Literal["retrain", "frozen"]

SMALL = "small"
"""The model that needs no weights and learns on a CPU."""

DEFAULT_EPOCHS = 40
DEFAULT_SEEDS = (0, 1, 2)

VERSION = "2"
"""Of the recipe and the scores; results of another one are computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A downstream evaluation.

    Attributes:
        kind: What is asked of the fused images.
        fusing: Methods and data sets, and how what is missing is fused; ``limit`` takes the first samples of each part.
        runs: Run folders whose methods and fused images are used.
        protocol: ``retrain`` trains the model anew on each method's images; ``frozen`` trains nothing.
        model: ``small``, ``scratch:TYPE`` (random weights), a folder, or an id of the Hugging Face hub.
        epochs: Passes over the training part.
        batch_size: Pictures per step.
        learning_rate: Of AdamW at the start; None for the model's usual one.
        seeds: One training each.
        image_size: Width and height that pictures are resized to; None for the size of most, in multiples of 32.
        test_part: Which part of the groups is for testing where the data set has no training and test splits.
        division: CSV file with ``id`` and ``part`` (train, test) in place of that.
        classes: Names of the model's classes -> those of the data set, where they differ.
        out: Folder of results; empty for one under ``runs/`` that the settings name.
    """

    kind: Kind
    fusing: RunConfig
    runs: tuple[Path, ...] = ()
    protocol: Protocol = "retrain"
    model: str = SMALL
    epochs: int = DEFAULT_EPOCHS
    batch_size: int = 8
    learning_rate: float | None = None
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    image_size: tuple[int, int] | None = None
    test_part: float = 0.25
    division: Path | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    out: str = ""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise UsageError("--epochs and --batch-size must be at least 1.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise UsageError(f"--learning-rate must lie between 0 and 1, got {self.learning_rate}.")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise UsageError("--seeds takes whole numbers from 0, each once, at least one.")
        if not 0 < self.test_part < 1:
            raise UsageError(f"--test-part must lie between 0 and 1, got {self.test_part}.")
        if self.image_size is not None and min(self.image_size) < 32:
            raise UsageError("--image-size: both sides must be at least 32.")
        if not self.model.strip():
            raise UsageError("--model is empty.", hint=f"{SMALL}, scratch:TYPE, a folder, or an id of the hub.")
        if self.protocol == "retrain" and self.classes:
            raise UsageError("--class is for --protocol frozen; a model that is trained gets the data set's classes.")
        if self.protocol == "frozen" and (self.model == SMALL or self.model.startswith("scratch:")):
            raise UsageError(
                f"--protocol frozen needs a model with weights, --model {self.model} has none.",
                hint="Give a folder (such as cells/METHOD/DATASET/seed-0 of an earlier evaluation) or a hub id.",
            )

    def check(self) -> None:
        """Whether there is something to evaluate.

        Raises:
            UsageError: No data set was asked for, or a division for several.
        """
        if not self.fusing.datasets:
            raise UsageError("no data set was asked for.", hint="-d NAME[@SPLIT][=ROOT], or --demo.")
        if self.division is not None and len(self.fusing.datasets) > 1:
            raise UsageError("--division divides one data set.", hint="Evaluate each with a command of its own.")

    @property
    def spread(self) -> Literal["sd", "none"]:
        """Of what stands in a table: that over the seeds, where there are several."""
        return "sd" if self.protocol == "retrain" and len(self.seeds) > 1 else "none"

    @property
    def folder(self) -> Path:
        """Where results go."""
        if self.out:
            return Path(self.out)
        text = json.dumps(self.facts(), sort_keys=True, default=str)
        names = "-".join(dict.fromkeys(request.name for request in self.fusing.datasets))[:60]
        return Path("runs") / f"{self.kind}-{names}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def facts(self) -> dict[str, Any]:
        """Everything that decides what is found, as plain data."""
        fusing = {
            name: value
            for name, value in self.fusing.to_dict().items()
            if name not in ("out", "device", "workers", "timeout", "executor", "executor_options", "batch_size")
        }
        return {
            "kind": self.kind,
            "fusing": fusing,
            "runs": [str(path) for path in self.runs],
            **self.recipe(),
            "division": str(self.division) if self.division else None,
            "test_part": self.test_part,
            "seeds": list(self.seeds),
        }

    def recipe(self) -> dict[str, Any]:
        """What is the same for every method and seed, and part of each result's identity."""
        return {
            "protocol": self.protocol,
            "model": self.model,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "image_size": self.image_size,
            "classes": dict(self.classes),
        }
