"""YAML: the core schema, nothing twice, nothing without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from fusionbench.configuration.documents import MAX_BYTES, parse_yaml, read_yaml, yaml_text
from fusionbench.types import UsageError
from fusionbench.types.values import Integer, Real, Word


def read(text: str) -> object:
    return parse_yaml(text, called="c.yaml")


def test_words_numbers_and_nothing() -> None:
    found = read(
        "a: yes\nb: no\nc: true\nd: ~\ne:\nf: 007\ng: 1e-4\nh: 12:30\ni: 2024-01-01\nj: 0x1F\nk: 'no'\nl: .5\n"
    )
    assert found == {
        "a": "yes", "b": "no", "c": True, "d": "~", "e": None, "f": 7, "g": 1e-4, "h": "12:30", "i": "2024-01-01",
        "j": "0x1F", "k": "no", "l": 0.5,
    }  # fmt: skip
    assert [type(found[key]) for key in "abdfgkl"] == [Word, Word, Word, Integer, Real, str, Real]
    assert (found["f"].text, found["g"].text) == ("007", "1e-4")


def test_keys_are_text() -> None:
    assert read("no: 1\n1: 2\n~: 3\ntrue: 4\n") == {"no": 1, "1": 2, "~": 3, "true": 4}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ["'a' is given twice", "lines 1 and 3"]),
        ("x:\n  - {k: 1, k: 2}\n", ["'k' is given twice", "lines 2 and 2"]),
        ("a: 1\na: 2\nb: 1\n'b': 2\n", ["'a' is given twice", "'b' is given twice, in lines 3 and 4"]),
        ("no: 1\n'no': 2\n", ["'no' is given twice"]),
    ],
)
def test_a_key_given_twice_names_key_and_lines(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    for word in words:
        assert word in str(caught.value)


def bomb(width: int = 9, levels: int = 9) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels + 1)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb(), "more than 50000 entries"),
        ("[" * 5000, "more than 40 levels"),
        ("[" * 5000 + "]" * 5000, "more than 40 levels"),
        ("{a: " * 5000 + "1" + "}" * 5000, "more than 40 levels"),
        ("".join(" " * level + "a:\n" for level in range(1200)), "more than 40 levels"),
        ("- " * 5000 + "a", "more than 40 levels"),
        ("n: " + "1" * 5000, "line 1: a number of 5000 digits"),
        ("n: 1." + "1" * 5000, "a number of 5002 digits"),
        ("a: &a [*a]", "stands for nothing"),
        ("a: *b", "undefined alias|stands for nothing"),
        ("a: !!python/object/apply:os.system [ls]", "the tag .*python/object/apply:os.system is not read"),
        ("a: !mine x", "the tag !mine is not read"),
        ("a: !!binary aGk=", "the tag !!binary is not read"),
        ("[a]: b", "a key must be a word or text"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [", "no valid YAML"),
        ("a: \x00", "no valid YAML"),
    ],
    ids=lambda value: value[:20],
)
def test_hostile_and_broken_texts_are_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"c.yaml(.|\n)*({words})"):
        read(text)


def test_digits_in_quotes_are_text() -> None:
    assert read(f"n: '{'1' * 5000}'") == {"n": "1" * 5000}


def test_aliases_and_merged_mappings_within_reason() -> None:
    found = read("base: &b {levels: 4, share: 1}\none: {<<: *b, share: 2}\ntwo: [*b, *b]\n")
    assert found["one"] == {"levels": 4, "share": 2}
    found["two"][0]["levels"] = 5
    assert found["two"][1]["levels"] == found["base"]["levels"] == 4


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.yaml cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="not a regular file but a pipe"):
        read_yaml(tmp_path / "pipe.yaml")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * MAX_BYTES)
    with pytest.raises(UsageError, match="more than"):
        read_yaml(large)
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read_yaml(tmp_path / "bom.yaml") == {"a": 1}


def test_what_is_written_is_read_back_equal_and_unchanged() -> None:
    text = "a: 007\nb: no\nc: ~\nd: 'no'\ne: 1e-4\nf: null\ng: [1.5e-3, '1e5', 'null', '']\n"
    data = read(text)
    assert yaml_text(data) == "a: 007\nb: no\nc: ~\nd: 'no'\ne: 1e-4\nf: null\ng:\n- 1.5e-3\n- '1e5'\n- 'null'\n- ''\n"
    assert read(yaml_text(data)) == data
    shared = [1, 2]
    written = yaml_text({"p": Path("x/y"), "t": (1, "~"), "s": shared, "again": shared, "text": "12"})
    assert "&" not in written
    assert read(written) == {"p": "x/y", "t": [1, "~"], "s": [1, 2], "again": [1, 2], "text": "12"}
    assert type(read(written)["t"][1]) is str
    assert yaml.safe_load(written)["text"] == "12"
