"""The classes of a labelled data set: one spelling each, however its files call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.data.lists import read_lines
from fusionbench.data.names import loose
from fusionbench.images.names import shown
from fusionbench.types import DataError


@dataclass(frozen=True, slots=True)
class Classes:
    """Names of classes, and what else they are called. Classes are compared by name, never by index.

    Attributes:
        names: The spelling used here. For masks the first is the background.
        aliases: Other spellings -> the one used here; case does not count.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def known(self, text: str) -> str | None:
        """The class that a name stands for, or None."""
        wanted = loose(text.strip())
        table = {loose(name): name for name in self.names} | {loose(a): name for a, name in self.aliases.items()}
        return table.get(wanted)

    def ordered(self, texts: Sequence[str], source: str) -> tuple[str, ...]:
        """The classes behind the indices of a file, from a list of names in that order.

        Raises:
            DataError: A name is unknown, or two stand for one class.
        """
        found = [self.known(text) for text in texts]
        strange = [text for text, name in zip(texts, found, strict=True) if name is None]
        if strange:
            raise DataError(
                f"{source}: unknown class {', '.join(map(shown, strange))}.", hint=f"Known: {', '.join(self.names)}."
            )
        names = tuple(name for name in found if name is not None)
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"{source}: two entries stand for the class {name}.")
        return names

    def from_file(self, path: Path) -> tuple[str, ...]:
        """The classes behind the indices of YOLO files, from a ``classes.txt`` with one name a line.

        Raises:
            DataError: The file cannot be read, or as of :meth:`ordered`.
        """
        return self.ordered([line.strip() for line in read_lines(path) if line.strip()], shown(path))
