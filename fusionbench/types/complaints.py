"""Errors gathered, so that all that is wrong is said in one go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fusionbench.types.errors import DataError, FusionBenchError, UsageError


@dataclass(slots=True)
class Complaints:
    """What was found wrong so far.

    Attributes:
        errors: In the order in which they were found, each text once.
    """

    errors: list[FusionBenchError] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.errors)

    def add(self, *errors: FusionBenchError) -> None:
        """Remember errors."""
        for error in errors:
            if str(error) not in self._known:
                self._known.add(str(error))
                self.errors.append(error)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Remember an error of the suite that ends the block, and go on behind it."""
        try:
            yield
        except FusionBenchError as error:
            self.add(error)

    def raise_all(self) -> None:
        """Raise what was gathered, if anything.

        Raises:
            DataError: All of them are about data.
            UsageError: Otherwise.
        """
        if not self.errors:
            return
        first = self.errors[0]
        if len(self.errors) == 1 and isinstance(first, DataError | UsageError):
            raise first
        kind = DataError if all(isinstance(error, DataError) for error in self.errors) else UsageError
        raise kind("\n".join(str(error) for error in self.errors)) from first
