"""What users set by name, held against the options that a spec declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fusionbench.plugins.registry import nearest
from fusionbench.types import Option, UnknownNameError


class HasOptions(Protocol):
    """A spec whose options a user may set."""

    @property
    def name(self) -> str:
        """How the user calls it."""

    @property
    def options(self) -> Mapping[str, Option]:
        """Its options by name."""


def parse_given(kind: str, spec: HasOptions, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, converted to their types; those not given stay absent.

    Args:
        kind: What the spec is, in words (``method``), for error messages.
        spec: Whose options they are.
        given: Values by name, as text or already of the right type.

    Raises:
        UnknownNameError: There is no such option; near names are offered.
        UsageError: A value is unusable.
    """
    for name in given:
        if name not in spec.options:
            raise UnknownNameError(f"{kind} {spec.name} has no option {name!r}.", hint=nearest(name, spec.options))
    return {name: spec.options[name].parse(f"{spec.name}.{name}", value) for name, value in given.items()}


def parse_options(kind: str, spec: HasOptions, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options: the given ones as :func:`parse_given` reads them, the others at their default.

    Raises:
        UnknownNameError, UsageError: As of :func:`parse_given`.
    """
    found = parse_given(kind, spec, given)
    return {
        name: found[name] if name in found else option.parse(f"{spec.name}.{name}", option.default)
        for name, option in spec.options.items()
    }
