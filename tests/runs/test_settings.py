"""The settings of a call are the fields of the configuration."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from pathlib import Path

import pytest

from fusionbench.api import run, score
from fusionbench.runs import RunConfig, RunSettings

# What holds paths; in Python a path may be given as such.
PATHS = {"data_root", "plugins", "text_features", "out"}


def in_a_call(name: str, hint: object) -> object:
    """The type of an argument that becomes a field: any sequence for a tuple, paths as text or paths."""
    text = str | Path if name in PATHS else str
    if typing.get_origin(hint) is tuple:
        assert hint == tuple[str, ...]
        return Sequence[text]
    if name in PATHS:
        return hint | Path
    return hint


def test_settings_are_the_fields_of_the_configuration_with_their_types() -> None:
    fields = {field.name for field in dataclasses.fields(RunConfig)} - {"methods", "datasets"}
    of_config = typing.get_type_hints(RunConfig)
    assert typing.get_type_hints(RunSettings) == {name: in_a_call(name, of_config[name]) for name in fields}
    assert RunSettings.__required_keys__ == frozenset()


@pytest.mark.parametrize("call", [run, score])
def test_no_argument_of_its_own_hides_a_setting(call: typing.Any) -> None:
    hints = typing.get_type_hints(call)
    assert hints.pop("settings") == typing.Unpack[RunSettings]
    assert not {*hints} & {*RunSettings.__annotations__}


def test_what_the_types_allow_is_taken(tmp_path: Path) -> None:
    settings = RunSettings(out=tmp_path / "run", profiles=["zhao"], metrics=["EN"], limit=1, data_root=tmp_path)
    done = run("average", "demo-ivf", **settings)
    assert done.path == tmp_path / "run"
    assert set(done.frame().metric) == {"EN"}
