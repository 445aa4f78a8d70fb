"""Configurations are checked key by key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fusionbench.configuration.assignments import OwnedOptions
from fusionbench.plugins import current_plugins
from fusionbench.training import TrainingConfig, ValidationConfig, read_section
from fusionbench.training.configured import read_config
from fusionbench.types import MethodSpec, UsageError


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


@pytest.fixture
def spec() -> MethodSpec:
    return current_plugins().methods["cddfuse"]


def write(folder: Path, text: str) -> str:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_configuration_is_read_by_the_core_schema(tmp_path: Path, spec: MethodSpec) -> None:
    source = write(tmp_path, "training: {epochs: 3, batch_size: 2, precision: no, clip_norm: 1e-2}\nvalidation: ~\n")
    config = read_config(source, spec, ["training.ema=null", "data.options.deeper.x=1", "data.root=~"])
    assert config["validation"] is None
    training = read_section(TrainingConfig, config["training"], "training")
    assert (training.precision, training.clip_norm, training.ema) == ("no", 0.01, None)
    assert config["data"] == {"options": {"deeper": {"x": 1}}, "root": "~"}


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("training: {epochs: 1}\ntraining: {epochs: 2}\n", [], ["'training' is given twice, in lines 1 and 2"]),
        ("data: {a: 1}\n", ["data.x=1", "data.x=2"], ["--set data.x is given twice"]),
        ("data: {a: 1}\n", ["x=1", "nonsense", "data.a.b=1"], ["SECTION.KEY=VALUE", "--set 'nonsense'"]),
        ("data: {a: 1}\n", ["data.a.b=1", "training=2"], ["data.a: expected keys", "--set training: expected SECTION"]),
        ("data: {a: 1}\n", ["data.x=" + "[" * 5000], ["more than 40 levels"]),
    ],
)
def test_all_mistakes_in_changes_are_told(
    tmp_path: Path, spec: MethodSpec, text: str, changes: list[str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(write(tmp_path, text), spec, changes)
    for word in words:
        assert word in str(caught.value)


def test_options_of_data_sets_have_the_spelling_of_every_command(tmp_path: Path, spec: MethodSpec) -> None:
    source = write(tmp_path, "data: {source: folder=/d, options: {task: MEF}}\nvalidation: {data: val=folder=/v}\n")
    options = OwnedOptions.read(["folder.task=IVF", "val.sides=a,b"])
    config = read_config(source, spec, (), options)
    assert config["data"]["options"] == {"task": "IVF"}
    assert config["validation"]["options"] == {"task": "IVF", "sides": "a,b"}
    with pytest.raises(UsageError, match="'other', which is no data set of this configuration"):
        read_config(source, spec, (), OwnedOptions.read(["other.task=IVF"]))


def test_all_wrong_keys_of_a_section_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        read_section(TrainingConfig, {"epoch": 1, "batch_size": "two", "tensorboard": "no"}, "training")
    for words in (
        "unknown key 'epoch'",
        "training.epochs is missing",
        "batch_size: expected a whole number",
        "true or false",
    ):
        assert words in str(caught.value)
