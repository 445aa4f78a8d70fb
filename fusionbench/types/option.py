"""A setting that a user changes by name: its type, its default, its choices."""

from __future__ import annotations

import builtins
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.types.errors import UsageError
from fusionbench.types.values import Misfit, convert, one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a method, data set or provider that a user can change by name.

    Attributes:
        default: Value when nothing is said; its type is the option's type unless ``type`` is set.
        help: One line for ``fusionbench info``.
        choices: The only values allowed, if any.
        least, most: Bounds of a number, both allowed; None for none.
        type: ``int``, ``float``, ``bool``, ``str``, ``Path`` or ``tuple`` (items of the default's type, else text;
            commas between them on a command line); needed where the default is None.
        required: Whether it has to be given; such an option has no default.
    """

    default: Any = None
    help: str = ""
    choices: tuple[Any, ...] = ()
    type: type | None = None
    required: bool = False
    least: float | None = None
    most: float | None = None

    @property
    def bounds(self) -> str:
        """Which numbers are allowed, in words: ``from 1 to 10``, ``at least 1``; empty where all are."""
        if self.least is not None and self.most is not None:
            return f"from {self.least:g} to {self.most:g}"
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"

    def parse(self, name: str, value: Any) -> Any:
        """Convert a command-line or YAML value to the option's type.

        Raises:
            UsageError: The value cannot be converted, is out of bounds or none of the choices, or is needed and absent.
        """
        if self.required and value is None:
            raise UsageError(f"option {name} is needed: {self.help}")
        if value is None and self.default is None:
            return None
        if value is self.default:
            return value
        found = self._parsed(name, value)
        if self.bounds and found is not None and not self._within(found):
            raise UsageError(f"option {name} must be {self.bounds}, got {value!r}.", hint=self.help)
        return found

    def _within(self, number: float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def _parsed(self, name: str, value: Any) -> Any:
        kind = self.type or (type(self.default) if self.default is not None else None)
        try:
            if self.choices:
                return value if value is None and None in self.choices else one_of(value, self.choices)
            return value if kind is None else self._converted(value, kind)
        except Misfit as error:
            if self.choices:
                hint = error.hint or self.help
                raise UsageError(f"option {name}: {value!r} is not {error.expected}.", hint=hint) from None
            expected = f"{kind.__name__}, {error.expected}" if kind in (int, float, bool) else error.expected
            raise UsageError(f"option {name}: expected {expected}, got {value!r}.", hint=error.hint) from None

    def _converted(self, value: Any, kind: builtins.type[Any]) -> Any:
        if kind in (tuple, list):
            return kind(self._items(value))
        if kind in (int, float, bool, str, Path):
            return convert(value, kind | None if self.default is None else kind, from_text=True)
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except (ValueError, TypeError, KeyError):
            raise Misfit(kind.__name__) from None

    def _items(self, value: Any) -> tuple[Any, ...]:
        """A list; on a command line its items are separated by commas."""
        items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
        kind = type(self.default[0]) if self.default else str
        return convert(items, types.GenericAlias(tuple, (kind, ...)), from_text=True)
