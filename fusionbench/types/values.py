"""What a word means where a setting is read: the same on the command line, in YAML and in Python.

:func:`convert` is the one conversion. Options of methods, data sets and providers go through
:meth:`fusionbench.types.Option.parse`, sections of configurations through their dataclasses' annotations; both end
here.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union

NOTHING = frozenset({"", "~", "null"})
"""Words that mean no value, where a setting may have none and is neither text nor a path."""

TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""Words that an option may have for true and false, in lower case."""


class Integer(int):
    """A whole number that remembers how it was written: ``007`` is 7, and the text 007 where text is meant."""

    text: str

    def __new__(cls, value: Any, text: str = "") -> Integer:
        number = super().__new__(cls, value)
        number.text = text or str(value)
        return number


class Real(float):
    """A number that remembers how it was written, as :class:`Integer` does."""

    text: str

    def __new__(cls, value: Any, text: str = "") -> Real:
        number = super().__new__(cls, value)
        number.text = text or str(value)
        return number


class Word(str):
    """A word without quotes that is text here, and true, false or nothing for other readers of YAML (``no``, ``~``)."""

    __slots__ = ()


class Misfit(ValueError):
    """A value that is none of what a setting may be.

    Attributes:
        expected: What it may be, in words.
        hint: What to do, where there is more to say.
    """

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


def convert(value: Any, hint: Any, *, from_text: bool = False) -> Any:
    """A value as the type that a setting declares.

    Args:
        value: From a YAML file, a command line or a Python call.
        hint: ``int``, ``float``, ``bool``, ``str``, ``Path``, ``Literal``, ``tuple``, ``dict`` or ``Mapping``, or a
            union of one of these with None; ``Any`` takes everything.
        from_text: Whether text may stand for a number or a truth value, as it must on a command line.

    Raises:
        Misfit: It does not fit.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        if value is None or (inner not in (str, Path) and nothing(value, from_text=from_text)):
            return None
        return convert(value, inner, from_text=from_text)
    if origin is Literal:
        return one_of(value, arguments)
    if origin is tuple:
        return _tuple(value, arguments, from_text=from_text)
    if (origin or hint) in (dict, Mapping):
        if isinstance(value, Mapping):
            return dict(value)
        raise Misfit("keys and values")
    if hint in _SCALARS:
        return _SCALARS[hint](value, from_text=from_text)
    if isinstance(hint, type) and isinstance(value, hint):
        return value
    raise Misfit(describe(hint))


def nothing(value: Any, *, from_text: bool = False) -> bool:
    """Whether a value says that there is none: None, or ``~`` and its kin where text may stand for it."""
    if value is None:
        return True
    return isinstance(value, str) and value.lower() in NOTHING and (from_text or isinstance(value, Word))


def one_of(value: Any, choices: Sequence[Any]) -> Any:
    """The choice that a value means; upper and lower case do not count.

    Raises:
        Misfit: None of them.
    """
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    if value is False and "no" in choices:
        return "no"  # as readers of YAML 1.1 have it
    if isinstance(value, bool):
        raise Misfit(_listed(choices))
    text = written(value)
    for choice in choices:
        if text is not None and str(choice).casefold() == text.strip().casefold():
            return choice
        if isinstance(choice, int | float) and not isinstance(choice, bool) and _number(value) == choice:
            return choice
    raise Misfit(_listed(choices))


def one_or_more(names: Sequence[str] | str | None) -> Sequence[str] | None:
    """Names where one alone may be given as it is: ``"EN"`` for ``["EN"]``."""
    return [names] if isinstance(names, str) else names


def expanded(path: str) -> str:
    """A path with ``~`` and ``~user`` at its beginning replaced by the home folder."""
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # no such user, no home
        return path


def written(value: Any) -> str | None:
    """What stands in the file or on the command line for a text or number; None for other values."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return getattr(value, "text", str(value))
    return None


def describe(hint: Any) -> str:
    """What a setting of that type may be, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return describe(next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return _listed(arguments)
    if origin is tuple:
        return _described_tuple(arguments)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return names.get(hint, "keys and values" if (origin or hint) in (dict, Mapping) else str(hint))


def _described_tuple(items: tuple[Any, ...]) -> str:
    many = {str: "texts", int: "whole numbers", float: "numbers", Path: "paths"}
    return f"a list of {many.get(items[0], describe(items[0]))}"


def _tuple(value: Any, arguments: tuple[Any, ...], *, from_text: bool) -> tuple[Any, ...]:
    endless = arguments[-1] is Ellipsis
    if not isinstance(value, list | tuple) or not (endless or len(value) == len(arguments)):
        raise Misfit(_described_tuple(arguments))
    kinds = (arguments[0],) * len(value) if endless else arguments
    items = []
    for item, kind in zip(value, kinds, strict=True):
        if kind is str and not isinstance(item, str):
            # Names are meant; a number among them is a slip.
            raise Misfit(f"{_described_tuple(arguments)}, one item is {item!r}")
        try:
            items.append(convert(item, kind, from_text=from_text))
        except Misfit as error:
            raise Misfit(f"{_described_tuple(arguments)}, one item is {item!r}", error.hint) from None
    return tuple(items)


def _bool(value: Any, *, from_text: bool) -> bool:
    if isinstance(value, bool):
        return value
    text = written(value)
    if (from_text or isinstance(value, Word)) and text is not None and text.lower() in TRUTH:
        return TRUTH[text.lower()]
    raise Misfit("true or false")


def _int(value: Any, *, from_text: bool) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    number = _number(value) if from_text or isinstance(value, float) else None
    if number is None or not number.is_integer():
        raise Misfit("a whole number")
    try:
        return int(value)  # exact, where it is written without a point
    except ValueError:
        return int(number)


def _float(value: Any, *, from_text: bool) -> float:
    # Text as well: readers of YAML 1.1 leave 1e-4 as it is.
    number = _number(value)
    if number is None:
        raise Misfit("a number")
    if not math.isfinite(number):
        raise Misfit("a finite number")
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _str(value: Any, *, from_text: bool) -> str:
    if isinstance(value, Word) and value.lower() in TRUTH:
        raise Misfit(
            "text", f"Put it into quotes, '{value}': other readers of YAML take the bare word for true or false."
        )
    if isinstance(value, str):
        return str(value)
    text = getattr(value, "text", None)
    if text is None and from_text:
        text = written(value)
    if text is None:
        word = "null" if value is None else str(value).lower() if isinstance(value, bool) else ""
        raise Misfit("text", f"Put it into quotes, '{word}', if the word is meant." if word else "")
    return text


def _path(value: Any, *, from_text: bool) -> Path:
    if isinstance(value, Path):
        return Path(expanded(str(value)))
    try:
        return Path(expanded(_str(value, from_text=False)))
    except Misfit as error:
        raise Misfit("a path", error.hint) from None


def _listed(choices: Sequence[Any]) -> str:
    return f"one of {', '.join(str(choice) for choice in choices if choice != '')}"


_SCALARS = {bool: _bool, int: _int, float: _float, str: _str, Path: _path}
