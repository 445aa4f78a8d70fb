"""YAML, the one reader and writer of the suite: the core schema, nothing given twice, nothing without end.

* ``true`` and ``false`` are truth values; ``yes``, ``no``, ``on`` and ``off`` are words, ``12:30`` and ``2024-01-01``
  text. Numbers are decimal, and remember how they were written (:class:`fusionbench.types.values.Integer`).
* A key given twice is an error that names both lines. Keys are text.
* Size, depth, digits and what aliases unfold to are limited, so that no file of a few bytes takes the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any, NoReturn

import yaml

from fusionbench.files import open_regular
from fusionbench.types import UsageError
from fusionbench.types.values import Integer, Real, Word

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_DIGITS = 400

_TAG = "tag:yaml.org,2002:"
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORDS = re.compile(r"~|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "null", "Null", "NULL"})


def read_yaml(path: Path, *, called: str = "") -> Any:
    """What a YAML file holds: mappings with text as keys, lists, text, numbers, truth values and None.

    Args:
        path: The file.
        called: What messages call it; its path if empty.

    Raises:
        UsageError: It cannot be read, is too large, or is refused by :func:`parse_yaml`.
    """
    name = called or f"configuration {path}"
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or ("it is not UTF-8" if isinstance(error, UnicodeError) else error)
        raise UsageError(f"{name} cannot be read: {reason}.") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name}: more than {MAX_BYTES} bytes, which is no configuration.")
    return parse_yaml(text, called=name)


def parse_yaml(text: str, *, called: str) -> Any:
    """What a YAML text holds; see :func:`read_yaml`.

    Args:
        text: One document.
        called: What messages call it.

    Raises:
        UsageError: It is no YAML, gives a key twice (key and both lines are named), nests too deep, unfolds to too
            much, holds a number of too many digits, or a tag.
    """
    builder = _Builder(called)
    try:
        value = builder.document(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise UsageError(f"{called} is no valid YAML: {' '.join(str(error).split())}") from error
    if builder.complaints:
        raise UsageError("\n".join(builder.complaints))
    return value


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Builder:
    """From the parser's events to plain data.

    PyYAML's own constructor lets the last of two equal keys win, unfolds whatever aliases ask for, and calls itself for
    each level until Python gives up.
    """

    called: str
    complaints: list[str] = field(default_factory=list)
    nodes: int = 0
    anchors: dict[str, Any] = field(default_factory=dict)

    def document(self, events: Iterator[Any]) -> Any:
        value, documents = None, 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document begins; a configuration is one.")
                value = self._node(next(events), events, 0)
        return value

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        self._count(1, event)
        if depth > MAX_DEPTH:
            self._refuse(event, f"more than {MAX_DEPTH} levels, one within the other.")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self._refuse(event, f"*{event.anchor} stands for nothing that was complete before it.")
            return self._copy(self.anchors[event.anchor], event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, events, depth)
        else:
            value = self._mapping(event, events, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def _sequence(self, start: Any, events: Iterator[Any], depth: int) -> list[Any]:
        self._check_tag(start, "seq")
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return items

    def _mapping(self, start: Any, events: Iterator[Any], depth: int) -> dict[str, Any]:
        self._check_tag(start, "map")
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[Any] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, "a key must be a word or text.")
            key, line = event.value, _line(event)
            value = self._node(next(events), events, depth + 1)
            if key in lines:
                self.complaints.append(f"{self.called}: {key!r} is given twice, in lines {lines[key]} and {line}.")
            lines.setdefault(key, line)
            if key != "<<" or event.style:
                own.setdefault(key, value)
                continue
            merged += value if isinstance(value, list) else [value]
            if not all(isinstance(item, Mapping) for item in merged):
                self._refuse(event, "<< takes mappings.")
        result: dict[str, Any] = {}
        for item in (*reversed(merged), own):
            result |= item
        return result

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.tag in (None, "!") and event.style:
            return text
        if event.tag in ("!", f"{_TAG}str"):
            return text
        if event.tag is not None:
            self._check_tag(event, "int", "float", "bool", "null")
        if len(text) > MAX_DIGITS and _REAL.fullmatch(text):
            self._refuse(event, f"a number of {len(text)} digits. Put it into quotes if it is text.")
        return _plain(text)

    def _copy(self, value: Any, event: Any) -> Any:
        """What an alias stands for, as a value of its own."""
        if isinstance(value, dict):
            self._count(len(value), event)
            return {key: self._copy(item, event) for key, item in value.items()}
        if isinstance(value, list):
            self._count(len(value), event)
            return [self._copy(item, event) for item in value]
        return value

    def _count(self, more: int, event: Any) -> None:
        self.nodes += more
        if self.nodes > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES} entries, counting what aliases stand for.")

    def _check_tag(self, event: Any, *allowed: str) -> None:
        if event.tag not in (None, "!", *(f"{_TAG}{name}" for name in allowed)):
            self._refuse(event, f"the tag {event.tag.replace(_TAG, '!!')} is not read; write plain values.")

    def _refuse(self, event: Any, why: str) -> NoReturn:
        raise UsageError(f"{self.called}, line {_line(event)}: {why}")


def _plain(text: str) -> Any:
    """What a scalar without quotes is."""
    if text in _NULLS:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _WORDS.fullmatch(text):
        return Word(text)
    if _INTEGER.fullmatch(text):
        return Integer(text, text)
    return Real(text, text) if _REAL.fullmatch(text) else text


def _line(event: Any) -> int:
    return event.start_mark.line + 1


def yaml_text(data: Any) -> str:
    """YAML that :func:`parse_yaml` reads back to equal data; paths become text, tuples lists. Nothing is aliased."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Values as they were written, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plainly(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    text = getattr(value, "text", str(value))
    return dumper.represent_scalar(dumper.resolve(yaml.ScalarNode, text, (True, False)), text)


def _as_text(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    text = str(value)
    if len(text) > MAX_DIGITS or type(_plain(text)) is str:
        return dumper.represent_str(text)
    return dumper.represent_scalar(f"{_TAG}str", text, style="'")


for _kind in (Integer, Real, Word):
    _Dumper.add_representer(_kind, _plainly)
_Dumper.add_representer(str, _as_text)
_Dumper.add_multi_representer(PurePath, _as_text)
_Dumper.add_multi_representer(StrEnum, _as_text)
_Dumper.add_representer(tuple, yaml.SafeDumper.represent_list)
