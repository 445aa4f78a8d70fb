"""From ``NAME:option=value,...`` on the command line to a provider with its identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.configuration.assignments import assignments
from fusionbench.images import file_sha256
from fusionbench.plugins import current_plugins
from fusionbench.plugins.options import parse_given
from fusionbench.types import UsageError, resolve
from fusionbench_film.text.hookspecs import ProviderKind, ProviderSpec

# Options that change speed, cost or patience and never the result; they stay out of the store's keys,
# so that a run can be continued with other ones.
WITHOUT_EFFECT = frozenset(
    {
        "attempts",
        "batch_size",
        "concurrency",
        "key_env",
        "max_cost",
        "max_total_tokens",
        "points_per_batch",
        "price_in",
        "price_out",
        "requests_per_minute",
        "timeout",
        "tokens_per_minute",
    }
)


@dataclass(frozen=True, slots=True)
class ChosenProvider:
    """A provider and the options chosen for it; nothing is loaded yet."""

    spec: ProviderSpec
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The provider's registered name."""
        return self.spec.name

    @property
    def batch_size(self) -> int:
        """Items handed over at once."""
        return max(1, int(self.options.get("batch_size") or 1))

    def identity(self) -> dict[str, Any]:
        """What its results depend on: name, version and options, as plain data."""
        options = {
            name: _content(value) if isinstance(value, Path) else value
            for name, value in sorted(self.options.items())
            if name not in WITHOUT_EFFECT
        }
        return {"kind": self.spec.kind, "name": self.spec.name, "version": self.spec.version, "options": options}

    def make(self) -> Any:
        """The provider itself; still without its model."""
        return resolve(self.spec.factory, owner=f"{self.spec.kind} {self.spec.name}")(**self.options)


def _content(path: Path) -> str:
    """A file by its content, a folder by its files' names, sizes and times; either may move."""
    if path.is_file():
        return file_sha256(path)
    listing = sorted((item.name, item.stat().st_size, item.stat().st_mtime_ns) for item in path.rglob("*.*"))
    return hashlib.sha256(repr(listing).encode()).hexdigest()


def choose(kind: ProviderKind, reference: str) -> ChosenProvider:
    """Look up ``NAME`` or ``NAME:option=value,option=value``.

    Raises:
        UnknownNameError: Nobody registered such a provider, or it has no such option.
        UsageError: An option has no value, or one that does not fit.
    """
    name, _, tail = reference.partition(":")
    plugins = current_plugins()
    encoder = kind == "text_encoder"
    spec = plugins.registry("text_encoders")[name] if encoder else plugins.registry("captioners")[f"{kind}:{name}"]
    try:
        given = assignments(filter(None, tail.split(",")), f"{kind} {name}:", form="option=value")
    except UsageError as error:
        hint = f"Write {name}:option=value,option=value; options: {', '.join(spec.options) or 'none'}."
        raise UsageError(error.message, hint=hint) from None
    defaults = {option: known.default for option, known in spec.options.items()}
    return ChosenProvider(spec, defaults | parse_given(kind, spec, given))
