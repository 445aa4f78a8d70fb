"""Configurations are checked key by key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fusionbench.training import TrainingConfig, ValidationConfig, read_section
from fusionbench.types import UsageError


def read(text: str) -> TrainingConfig:
    return read_section(TrainingConfig, yaml.safe_load(text), "training")


def test_values_take_the_declared_types() -> None:
    config = read("{epochs: 3, batch_size: 2, clip_norm: 1e-2, precision: no, ema: 0.99}")
    assert (config.epochs, config.clip_norm, config.precision, config.ema) == (3, 0.01, "no", 0.99)
    validation = read_section(ValidationConfig, {"data": "roadscene", "metrics": ["EN"], "data_root": "~/x"}, "v")
    assert validation.metrics == ("EN",)
    assert validation.data_root == Path.home() / "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{batch_size: 2}", r"training\.epochs is missing"),
        ("{epochs: 1, batch_size: 2, epoch: 3}", "unknown key 'epoch'.\n  Did you mean epochs"),
        ("{epochs: 1.5, batch_size: 2}", r"training\.epochs: expected a whole number"),
        ("{epochs: true, batch_size: 2}", r"training\.epochs: expected a whole number"),
        ("{epochs: 1, batch_size: 0}", "at least 1"),
        ("{epochs: 1, batch_size: 2, ema: 2}", "between 0 and 1"),
        ("{epochs: 1, batch_size: 2, precision: half}", "not one of no, fp16, bf16"),
        ("{epochs: 1, batch_size: 2, clip_norm: much}", "expected a number"),
        ("[1, 2]", "expected keys and values"),
    ],
)
def test_mistakes_name_key_and_remedy(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(text)
