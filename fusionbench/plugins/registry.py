"""Names and who registered them."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fusionbench.types import Origin, PluginError, UnknownNameError

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint for a name that is not among ``known``: the nearest ones, or all where none is near."""
    lowered = {item.lower(): item for item in known}
    # Two letters of a short name may be half of it.
    cutoff = 0.5 if len(name) < 5 else 0.55
    near = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=cutoff)]
    return f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(sorted(lowered.values())) or 'none'}."


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not among ``known``, with the nearest ones."""
    return UnknownNameError(f"unknown {kind} {name!r}.", hint=nearest(name, known))


def unknown_registered(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The same for what plugins register, of which one may have been meant by its file."""
    if not name.endswith(".py"):
        return unknown_name(kind, name, known)
    hint = f"A plugin file is loaded with -p {shlex.quote(name)}; its {kind} is called by the name that it has there."
    return UnknownNameError(f"unknown {kind} {name!r}.", hint=hint)


@dataclass(frozen=True, slots=True)
class Registered(Generic[T]):
    """A spec and the plugin it came from."""

    spec: T
    origin: Origin


class Registry(Mapping[str, T]):
    """A mapping from name to spec that knows origins and answers typing errors with near names.

    Args:
        kind: What is registered, in words (``method``), for error messages.
        key: How a spec is named.
    """

    def __init__(self, kind: str, key: Callable[[T], str]) -> None:
        self.kind = kind
        self._key = key
        self._items: dict[str, Registered[T]] = {}

    def add(self, spec: T, origin: Origin) -> None:
        """Register a spec.

        Raises:
            PluginError: The name is empty or taken; both plugins are named.
        """
        name = self._key(spec)
        if not name or name != name.strip() or any(ord(character) < 32 for character in name):
            raise PluginError(f"plugin {origin}: {name!r} is not a usable {self.kind} name.")
        if name in self._items:
            raise PluginError(
                f"the {self.kind} {name!r} is registered twice: by {self._items[name].origin} and by {origin}.",
                hint=f"Rename one, or block a plugin with -p no:{origin.plugin}.",
            )
        self._items[name] = Registered(spec, origin)

    def copy(self) -> Registry[T]:
        """A registry with the same content that can be changed on its own."""
        other: Registry[T] = Registry(self.kind, self._key)
        other._items = dict(self._items)
        return other

    def replace(self, spec: T, origin: Origin) -> None:
        """Register a spec, in place of one of the same name and plugin.

        Raises:
            PluginError: Another plugin has taken the name.
        """
        existing = self._items.get(self._key(spec))
        if existing is not None and existing.origin.plugin == origin.plugin:
            del self._items[self._key(spec)]
        self.add(spec, origin)

    def withdraw(self, origin: Origin) -> None:
        """Forget everything a plugin registered."""
        self._items = {name: item for name, item in self._items.items() if item.origin != origin}

    def __getitem__(self, name: str) -> T:
        try:
            return self._items[name].spec
        except KeyError:
            raise self.unknown(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        """The spec, or ``default`` for a name that nobody registered; ``[]`` raises no KeyError here."""
        item = self._items.get(name)
        return default if item is None else item.spec

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def origin(self, name: str) -> Origin:
        """Which plugin registered ``name``."""
        self[name]
        return self._items[name].origin

    def unknown(self, name: str) -> UnknownNameError:
        """The error for a name that is not registered, with the nearest ones."""
        return unknown_registered(self.kind, name, self._items)
