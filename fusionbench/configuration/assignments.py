"""``KEY=VALUE`` and its kin on a command line, read in one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fusionbench.types import UsageError


def split_assignment(text: str, what: str, *, form: str = "KEY=VALUE") -> tuple[str, str]:
    """``KEY=VALUE`` in two; only the first ``=`` divides.

    Args:
        text: As given.
        what: What messages call it, such as ``--where``.
        form: How it must look.

    Raises:
        UsageError: There is no ``=``, or nothing before it.
    """
    key, equals, value = text.partition("=")
    if not (equals and key.strip()):
        raise UsageError(f"{what} {text!r} is not of the form {form}.")
    return key.strip(), value


def split_names(text: str) -> tuple[str, ...]:
    """``"A, B"`` as ``("A", "B")``."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def assignments(texts: Iterable[str], what: str, *, form: str = "KEY=VALUE") -> dict[str, str]:
    """Several of :func:`split_assignment`, by key.

    Raises:
        UsageError: Some have another form, or give a key twice; all of them are named.
    """
    result: dict[str, str] = {}
    complaints = []
    for text in texts:
        try:
            key, value = split_assignment(text, what, form=form)
        except UsageError as error:
            complaints.append(str(error))
            continue
        if key in result:
            complaints.append(f"{what} {key} is given twice: {result[key]!r} and {value!r}.")
        result[key] = value
    if complaints:
        raise UsageError("\n".join(complaints))
    return result


@dataclass(frozen=True, slots=True)
class OwnedOptions:
    """Options of the methods and data sets of a command, by the name or label of their owner.

    Attributes:
        what: What messages call them, ``--option``.
        given: Owner -> key -> value; those given without an owner are under the empty name.
    """

    what: str
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str], what: str = "--option", *, ownerless: bool = False) -> OwnedOptions:
        """Read ``NAME.KEY=VALUE``.

        Args:
            texts: As given.
            what: What messages call them.
            ownerless: Whether ``KEY=VALUE`` does as well, since there is no doubt whose it is.

        Raises:
            UsageError: Some have another form, or give a key twice; all of them are named.
        """
        form = "KEY=VALUE or NAME.KEY=VALUE" if ownerless else "NAME.KEY=VALUE"
        given: dict[str, dict[str, str]] = {}
        complaints = []
        for name, value in assignments(texts, what, form=form).items():
            owner, dot, key = name.rpartition(".")
            if not key or bool(dot) != bool(owner) or not (owner or ownerless):
                complaints.append(f"{what} {name + '=' + value!r} is not of the form {form}.")
            given.setdefault(owner, {})[key] = value
        if complaints:
            raise UsageError("\n".join(complaints))
        return cls(what, given)

    def of(
        self, name: str, *labels: str, owned: bool = False, rivals: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, str]:
        """The options of what is registered under ``name``; those that name one of its labels are stronger.

        Args:
            name: Its registered name.
            labels: What else it is called.
            owned: Leave out those that were given without an owner.
            rivals: As of :func:`rivals`.
        """
        result: dict[str, str] = {}
        for owner in dict.fromkeys((*(() if owned else ("",)), name, *labels)):
            elsewhere = (rivals or {}).get(owner, ())
            result |= {key: value for key, value in self.given.get(owner, {}).items() if key not in elsewhere}
        return result

    def handed(self, owner: str, keys: Collection[str]) -> OwnedOptions:
        """The same, with those of ``keys`` that have no owner given to one."""
        ownerless = self.given.get("", {})
        moved = {key: value for key, value in ownerless.items() if key in keys}
        kept = {key: value for key, value in ownerless.items() if key not in keys}
        return OwnedOptions(self.what, {**self.given, "": kept, owner: {**moved, **self.given.get(owner, {})}})

    def strangers(self, names: Iterable[str]) -> list[str]:
        """Owners that are none of ``names``."""
        known = {"", *names}
        return [owner for owner in self.given if owner not in known]


def rivals(own: Mapping[str, Collection[str]], others: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Where a name means two things, such as a method and a data set: the options that are the other's alone.

    Args:
        own: Name -> keys of the options of one thing.
        others: Likewise of the other.
    """
    return {name: set(keys) - set(own[name]) for name, keys in others.items() if name in own}
