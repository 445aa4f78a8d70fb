"""What a word means: the same on the command line, in YAML and in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

import fusionbench as fb
from fusionbench.configuration.documents import parse_yaml
from fusionbench.runs import MethodRequest, RunConfig
from fusionbench.types import Option, UsageError
from fusionbench.types.values import Misfit, convert
from tests.helpers.pictures import tree


def in_yaml(word: str) -> Any:
    return parse_yaml(f"x: {word}\n", called="c")["x"]


@pytest.mark.parametrize(
    ("option", "word", "value"),
    [
        (Option(default=1), "4", 4),
        (Option(default=1), "010", 10),
        (Option(default=1), "4.0", 4),
        (Option(default=1), "1e3", 1000),
        (Option(default=1.0), "1e-4", 1e-4),
        (Option(default=1.0), "3", 3.0),
        (Option(default=True), "no", False),
        (Option(default=True), "off", False),
        (Option(default=False), "True", True),
        (Option(default=False), "1", True),
        (Option(default="x"), "007", "007"),
        (Option(default="x"), "1e3", "1e3"),
        (Option(default="x"), "12:30", "12:30"),
        (Option(default="x"), "~", "~"),
        (Option(default="auto", choices=("auto", "yes", "no")), "no", "no"),
        (Option(default="auto", choices=("auto", "Y")), "AUTO", "auto"),
        (Option(default=3, choices=(3, 5)), "5", 5),
        (Option(default=None, type=int), "~", None),
        (Option(default=None, type=int), "null", None),
        (Option(default=None, type=Path), "~/x", Path.home() / "x"),
        (Option(type=Path, required=True), "~", Path.home()),
        (Option(default=(), type=tuple), "ir,vi", ("ir", "vi")),
        (Option(default=(1, 2)), "3,4", (3, 4)),
        (Option(default=4, least=1, most=10), "10", 10),
        (Option(type=int, least=1), "~", None),
    ],
)
def test_the_same_word_means_the_same(option: Option, word: str, value: Any) -> None:
    found = [option.parse("m.x", word), option.parse("m.x", in_yaml(word))]
    assert found == [value, value]
    assert {type(item) for item in found} == {type(value)}


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (Option(default=1), "yes"),
        (Option(default=1), "true"),
        (Option(default=1), "1.5"),
        (Option(default=1), "0x4"),
        (Option(default=1.0), "no"),
        (Option(default=1.0), "inf"),
        (Option(default=1.0), ".nan"),
        (Option(default=1.0), "1e999"),
        (Option(default=True), "maybe"),
        (Option(default=True), "2"),
        (Option(default="a", choices=("a", "b")), "c"),
        (Option(default=4, least=1), "0"),
        (Option(default=4, least=1, most=10), "11"),
        (Option(type=float, most=0), "1e-9"),
    ],
)
def test_and_is_refused_alike(option: Option, word: str) -> None:
    for value in (word, in_yaml(word)):
        with pytest.raises(UsageError, match=r"option m\.x"):
            option.parse("m.x", value)


@pytest.mark.parametrize("word", ["yes", "No", "off", "null", "true"])
def test_bare_words_that_others_read_otherwise_want_quotes_where_text_is_meant(word: str) -> None:
    with pytest.raises(UsageError, match="quotes"):
        Option(default="x").parse("m.x", in_yaml(word))
    assert Option(default="x").parse("m.x", in_yaml(f"'{word}'")) == word
    assert Option(default="x").parse("m.x", word) == word


@pytest.mark.parametrize(("word", "truth"), [("yes", True), ("No", False), ("on", True), ("off", False)])
def test_settings_of_a_file_take_the_words_for_true_and_false_that_options_take(word: str, truth: bool) -> None:
    assert RunConfig.from_dict({"compile": in_yaml(word)}).compile is truth
    assert Option(default=not truth).parse("m.x", in_yaml(word)) is truth
    with pytest.raises(UsageError, match="true or false"):
        RunConfig.from_dict({"compile": in_yaml(f"'{word}'")})


@pytest.mark.parametrize(
    ("value", "kind"), [(True, int), (True, float), (1.5, int), (None, int), ([1], int), ("4", int)]
)
def test_settings_in_python_are_not_guessed(value: Any, kind: type) -> None:
    with pytest.raises(Misfit):
        convert(value, kind)


def test_python_values_of_the_right_kind_pass() -> None:
    assert convert(3, float) == 3.0
    assert convert(Path("~/a"), Path) == Path.home() / "a"
    assert convert(None, int | None) is None
    assert convert("B", Literal["a", "b"]) == "b"
    assert Option(default="").parse("m.x", 3) == "3"


def test_paths_begin_at_home_wherever_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tree(tmp_path / "d", "ir/1.png", "vi/1.png")
    by_python = fb.get_dataset("folder", root="~/d", task="IVF")
    assert by_python.samples == fb.get_dataset("folder=~/d", task="IVF").samples
    config = RunConfig.from_dict(
        {
            "datasets": ["folder=~/d", {"name": "folder", "label": "b", "root": "~"}],
            "methods": [{"name": "precomputed", "weights": "~/w", "options": {"folder": "~/fused"}}],
            "data_root": parse_yaml("~", called="c"),
            "plugins": ["~/p.py"],
            "out": "~/out",
            "metrics": "EN, SD",
        }
    )
    assert [request.root for request in config.datasets] == [str(tmp_path / "d"), str(tmp_path)]
    assert (config.data_root, config.out, config.metrics) == (str(tmp_path), str(tmp_path / "out"), ("EN", "SD"))
    located = config.located()
    assert located.methods[0].options == {"folder": str(tmp_path / "fused")}
    assert (located.methods[0].weights, located.plugins) == (str(tmp_path / "w"), (str(tmp_path / "p.py"),))
    assert RunConfig.from_dict(parse_yaml(located.to_yaml(), called="c")) == located


def test_relative_paths_of_options_mean_the_same_in_every_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = RunConfig(methods=(MethodRequest(name="precomputed", options={"folder": "fused", "suffix": "_x"}),))
    assert config.located().methods[0].options == {"folder": str(tmp_path / "fused"), "suffix": "_x"}
