"""KEY=VALUE is read in one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fusionbench.configuration.assignments import OwnedOptions, assignments, split_assignment
from fusionbench.types import UsageError

ROOT = Path(__file__).resolve().parents[2]


def test_only_the_first_sign_divides() -> None:
    assert split_assignment("a=b=c", "--x") == ("a", "b=c")
    assert split_assignment(" a =", "--x") == ("a", "")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        assignments(["a=1", "nonsense", "a=2", "=x"], "--set", form="KEY=VALUE")
    message = str(caught.value)
    assert "--set 'nonsense' is not of the form KEY=VALUE." in message
    assert "--set '=x' is not of the form" in message
    assert "--set a is given twice: '1' and '2'." in message


def test_options_have_owners_and_labels_are_stronger_than_names() -> None:
    options = OwnedOptions.read(["gff.x=1", "mine.x=2", "my.net.y=3"])
    assert options.of("gff") == {"x": "1"}
    assert options.of("gff", "mine") == {"x": "2"}
    assert options.of("my.net") == {"y": "3"}
    assert options.strangers(["gff", "mine"]) == ["my.net"]
    for text in ("x=1", ".x=1", "a.=1"):
        with pytest.raises(UsageError, match=r"NAME\.KEY=VALUE"):
            OwnedOptions.read([text])
    bare = OwnedOptions.read(["task=IVF", "folder.task=MEF"], ownerless=True)
    assert bare.of("folder") == {"task": "MEF"}
    assert bare.of("other") == {"task": "IVF"}


def test_nobody_else_takes_assignments_apart() -> None:
    """One parser: no other module of the suite splits text at ``=``."""
    allowed = {
        "fusionbench/configuration/assignments.py",
        "fusionbench/data/request.py",  # [LABEL=]NAME[@SPLIT][=ROOT]
        "fusionbench/plugins/sources.py",  # entry points of setup.cfg
    }
    found = set()
    for folder in ("fusionbench", "plugins", "baselines"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("partition", "split")
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                    and node.args[0].value == "="
                ):
                    found.add(str(path.relative_to(ROOT)))
    assert found == allowed


def test_nobody_else_reads_yaml() -> None:
    found = set()
    for folder in ("fusionbench", "plugins", "baselines"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import) and any(alias.name == "yaml" for alias in node.names):
                    found.add(str(path.relative_to(ROOT)))
    # The pretended device reads torch's own table of operators, which is nobody's document.
    assert found == {"fusionbench/configuration/documents.py", "fusionbench/testing/pretended_cuda.py"}
