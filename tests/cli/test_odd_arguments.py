"""Every command with every option at odd values: an answer and a status, never a traceback or a control character."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from fusionbench.cli import main
from fusionbench.plugins import Plugins, current, load_plugins
from fusionbench.results.folder import write_config
from fusionbench.runs import RunConfig
from fusionbench.training.config import TrainingConfig, ValidationConfig, read_section
from fusionbench.types import UsageError
from tests.helpers.scenes import write_pairs

ODD = [
    *("", "-", "..", "/", "~nobody/x", "\n", "x" * 5000, "x.py", "["),
    *("a\0b", "\udcff", "\ud800", "\x1b[31mred", "\u202etxt"),
    *("inf", "nan", "1e999", "-1", "0", "9" * 25, "9" * 5000, "null"),
    *("=b", "a=", "@", "a@", ",", "a.b=c", ".="),
]
STATUSES = {0, 1, 2, 130}
DEVICES = ["", "mps", "mps:9", "cuda:-1", "cuda:99", "cuda:x", "cpu:0", "cpu:x", "xla", "meta", "cuda:" + "9" * 5000]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in: three pairs, a run over them, a table, a file that is no weights."""
    folder = tmp_path_factory.mktemp("odd") / "place"  # ".." holds nothing of other tests
    folder.mkdir()
    write_pairs(folder / "pairs", 2)
    (folder / "table.csv").write_text("method,EN\nir,7.1\n", encoding="utf-8")
    (folder / "file.pth").write_bytes(b"no weights")
    np.save(folder / "features.npy", np.zeros((1, 3, 4), np.float32))
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = invoke(*RUN, "--out", "finished")
        assert done.exit_code == 0, done.output
        described = invoke("text", "describe", "-d", "folder=pairs", "--data-option", "task=IVF", "--out", "vlf")
        assert described.exit_code == 0, described.output
        yield folder
    finally:
        os.chdir(before)


RUN = ("run", "-m", "average", "-d", "folder=pairs", "--option", "folder.task=IVF", "--metrics", "EN")
# Command lines that work (or stop just before they compute for long), to which one odd option is added.
WORKING: dict[str, tuple[str, ...]] = {
    "list": ("methods",),
    "info": ("average",),
    "run": (*RUN[1:], "--dry-run"),
    "table": ("finished",),
    "cite": ("finished",),
    "report": ("finished",),
    "compare": ("finished",),
    "figure": ("finished", "-o", "figure.png", "--no-sources", "--dpi", "30"),
    "merge": ("finished", "-o", "merged"),
    "downstream detection": ("-d", "none"),
    "downstream segmentation": ("-d", "none"),
    "export": ("finished", "-o", "exported.json"),
    "leaderboard": ("folder",),
    "repair": ("finished",),
    "runs list": ("pairs",),
    "runs show": ("finished",),
    "runs diff": ("finished", "finished"),
    "runs rm": ("finished",),
    "push run": ("finished", "me/x", "--dry-run"),
    "push weights": ("film-compact", "file.pth", "me/x", "--licence", "mit", "--name", "IVF", "--dry-run"),
    "score": ("--fused", "pairs/ir", "-d", "folder=pairs", "--dataset-option", "task=IVF", "--device", "none"),
    "reconcile": ("table.csv", "-d", "folder=pairs", "--fused", "ir=pairs/none"),
    "weights list": ("film-compact",),
    "weights where": ("ifcnn",),
    "weights add": ("ifcnn", "file.pth"),
    "weights verify": ("ifcnn",),
    "weights convert": ("ifcnn", "file.pth", "-o", "x.safetensors"),
    "weights fetch": ("average",),
    "cost": ("-m", "average", "--device", "none"),
    "data check": ("folder=pairs", "--option", "task=IVF"),
    "data export": ("folder=pairs", "--option", "task=IVF", "--croissant", "-o", "pairs/croissant.json"),
    "data splits": ("tno",),
    "data verify": ("tno@tno-25=pairs",),
    "data make-training-pairs": ("MFF", "--pictures", "pairs/vi", "--out", "made", "--size", "64", "--count", "1"),
    "data prepare-vlf": ("folder=pairs", "--option", "task=IVF", "--out", "prepared.h5"),
    "demo": ("-p", "no:demo"),
    "train": ("cddfuse", "--config", "none.yaml"),
    "new": ("method", "odd"),
    "check": ("folder",),
    "doctor": (),
    "text parts": (),
    "text describe": ("-d", "folder=pairs", "--data-option", "task=IVF", "--out", "vlf"),
    "text encode": ("vlf", "--encoder", "none"),
    "text show": ("vlf", "000"),
    "text repair": ("vlf",),
    "text stats": ("vlf",),
    "text check": ("pairs",),
    "text import": ("vlf", "--out", "imported"),
    "text export": ("vlf", "-d", "folder=pairs", "--data-option", "task=IVF", "--out", "exported"),
    "text prompts": (),
    "text extract-encoder": ("target", "--model", "none"),
}


# Commands that look through all that lies below a folder.
WALKS = {("score", "/"), ("runs list", "/")}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def commands(group: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield " ".join(path), group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def check(*arguments: str) -> None:
    result = invoke(*arguments)
    shown = [word[:40] for word in arguments]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"{shown}") from result.exception
    assert result.exit_code in STATUSES, (shown, result.output)
    assert "Traceback" not in result.output, (shown, result.output)
    assert not set("\x1b\x9b\u202e\udcff\ud800") & set(result.output), (shown, result.output)


def test_every_command_has_a_line_here() -> None:
    assert {name for name, _ in commands()} == {*WORKING}


@pytest.fixture
def _plugins_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's own plugins are loaded once, not for each of thousands of commands."""
    loaded = load_plugins()

    def again(requested: Sequence[str] = (), *, autoload: bool = True) -> Plugins:
        if requested or not autoload:
            return load_plugins(requested, autoload=autoload)
        monkeypatch.setattr(current, "_current", loaded)
        return loaded

    monkeypatch.setattr("fusionbench.plugins.load_plugins", again)


@pytest.mark.usefixtures("_plugins_once")
@pytest.mark.parametrize("name", WORKING)
def test_odd_values_get_an_answer(name: str, place: Path) -> None:
    command = dict(commands())[name]
    words = name.split()
    for parameter in command.params:
        if parameter.name == "plugins" and name != "list":
            continue  # the same in all commands
        for value in ODD:
            if (name, value) in WALKS and parameter.name in {"folders", "folder"}:
                continue
            if isinstance(parameter, click.Argument):
                needed = [word for option in command.params if option.required for word in _minimum(option)]
                check(*words, *needed, "--", value)
                check(*words, *needed, "--", value, value)
            elif not parameter.is_flag:
                check(*words, *WORKING[name], parameter.opts[-1], value)


@pytest.mark.parametrize("value", DEVICES)
def test_devices_that_the_suite_does_not_know_are_refused(value: str, place: Path) -> None:
    for words in (RUN, ("cost", "-m", "average"), ("text", "describe", *WORKING["text describe"])):
        check(*words, "--device", value)
        assert invoke(*words, "--device", value).exit_code == 2, words


def _minimum(parameter: click.Parameter) -> list[str]:
    return [parameter.opts[-1], "x"] if isinstance(parameter, click.Option) else []


PYTHON = [math.inf, -math.inf, math.nan, 10**400, -(10**400), [], {}, b"x", 3.5, True, object(), "\udcff", "a\0b"]


def test_options_take_a_value_of_their_type_or_say_no() -> None:
    plugins = load_plugins()
    registries = (plugins.methods, plugins.datasets, *plugins.added.values())
    for spec in (spec for registry in registries for spec in registry.values()):
        for name, option in spec.options.items():
            for value in [*ODD, *PYTHON]:
                try:
                    parsed = option.parse(name, value)
                except UsageError:
                    continue
                assert not isinstance(parsed, float) or math.isfinite(parsed), (spec.name, name, value)


@pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(RunConfig)])
def test_settings_take_a_value_of_their_type_or_say_no(setting: str, tmp_path: Path) -> None:
    nested = [{"name": value} for value in ODD] + [{"name": "average", "options": {"x": v}} for v in [*ODD, *PYTHON]]
    for value in [*ODD, *PYTHON, *([item] for item in [*ODD, *PYTHON, *nested])]:
        try:
            config = RunConfig.from_dict({setting: value})
        except UsageError as error:
            str(error).encode()
            continue
        assert config.timeout < threading.TIMEOUT_MAX
        assert str(config.folder)
        if not any(type(leaf) in (bytes, object) for leaf in _leaves(config.to_dict())):
            write_config(tmp_path, config.located().to_yaml())
            RunConfig.from_yaml(tmp_path / "config.yaml")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


@pytest.mark.parametrize("kind", [TrainingConfig, ValidationConfig])
def test_settings_of_a_training_take_a_value_of_their_type_or_say_no(kind: type) -> None:
    needed = {"data": "x"} if kind is ValidationConfig else {}
    for field in dataclasses.fields(kind):
        for value in [*ODD, *PYTHON]:
            try:
                section = read_section(kind, {**needed, field.name: value}, "section")
            except UsageError:
                continue
            parsed = getattr(section, field.name)
            assert not isinstance(parsed, float) or math.isfinite(parsed), (field.name, value)
