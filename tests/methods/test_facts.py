"""The arguments of the decorator are the fields of the spec."""

from __future__ import annotations

import dataclasses
import typing

import pytest

import fusionbench as fb
from fusionbench.methods.facts import MethodFacts
from fusionbench.types import PluginError


def test_facts_are_the_fields_of_the_spec_with_their_types() -> None:
    fields = {field.name for field in dataclasses.fields(fb.MethodSpec)} - {"name", "tasks", "factory"}
    fields -= {"isolated"}  # what is decorated is imported here
    of_spec = typing.get_type_hints(fb.MethodSpec)
    assert typing.get_type_hints(MethodFacts) == {name: of_spec[name] for name in fields}
    assert MethodFacts.__required_keys__ == frozenset()


def test_a_misspelt_fact_is_refused() -> None:
    with pytest.raises(PluginError, match="multiples"):

        @fb.method("mine", tasks=["IVF"], multiples=8)
        def fuse(infrared, visible):
            return infrared
