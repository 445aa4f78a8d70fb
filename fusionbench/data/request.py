"""A data set as users ask for it: on a command line, in a YAML file, in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fusionbench.plugins import current_plugins
from fusionbench.types import UsageError
from fusionbench.types.values import expanded, written


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """A data set that is asked for.

    Attributes:
        name: Registered name.
        label: What results call it. Two requests of a run need two labels.
        split: One of its splits; None for the first.
        root: Its folder; None to look for it in the data root.
        options: Options by name; one called ``name`` is a label, too.
    """

    name: str
    label: str = ""
    split: str | None = None
    root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> DatasetRequest:
        """Read ``[LABEL=]NAME[@SPLIT][=ROOT]``. What stands before the first ``=`` is a label if no data set is called
        so.

        Raises:
            UsageError: A part is empty.
        """
        left, equals, rest = text.partition("=")
        label = left if equals and _is_label(left, rest) else ""
        name, equals, root = rest.partition("=") if label else (left, equals, rest)
        name, at, split = name.partition("@")
        if not name or (at and not split) or (equals and not root):
            raise UsageError(
                f"data set {text!r}: expected NAME, NAME@SPLIT, NAME=ROOT or NAME@SPLIT=ROOT; LABEL= may precede it."
            )
        return cls(name=name, label=label, split=split or None, root=root or None)

    def __post_init__(self) -> None:
        if self.root:
            object.__setattr__(self, "root", expanded(str(self.root)))

    @property
    def key(self) -> str:
        """What results call it: the label, else the name with the split where one is asked for."""
        own = self.options.get("name")
        label = self.label or (written(own) or "" if own is not None else "")
        return label or (f"{self.name}@{self.split}" if self.split else self.name)

    def __str__(self) -> str:
        """As it is written on a command line; options are not part of that."""
        label = f"{self.label}=" if self.label else ""
        split = f"@{self.split}" if self.split else ""
        return f"{label}{self.name}{split}" + (f"={self.root}" if self.root else "")


def _is_label(left: str, rest: str) -> bool:
    """Whether ``left=rest`` begins with a label and not with a data set's name."""
    known = current_plugins().datasets
    if not left or left.partition("@")[0] in known:
        return False
    name, another, _ = rest.partition("=")
    # A mistyped name with a path behind it is answered as such, and so is one behind a label.
    return name.partition("@")[0] in known or bool(another and "/" not in name and "\\" not in name)
