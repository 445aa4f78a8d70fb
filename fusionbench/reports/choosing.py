"""Which rows of runs a table is made of: some methods, data sets and samples."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fusionbench.plugins.registry import unknown_name
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd


def chosen(
    frame: pd.DataFrame,
    *,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows of a tidy frame that patterns name.

    Args:
        frame: Columns ``method, dataset, sample`` and others.
        methods, datasets, samples: Names or patterns (``gff``, ``harvard-*``), whatever their case; all if None.

    Raises:
        UnknownNameError: A pattern names nothing.
        UsageError: Together the patterns leave nothing.
    """
    kept = frame
    for column, patterns in (("method", methods), ("dataset", datasets), ("sample", samples)):
        if patterns is None:
            continue
        known = [str(name) for name in frame[column].unique()]
        names: set[str] = set()
        for pattern in patterns:
            found = {name for name in known if fnmatchcase(name.casefold(), pattern.casefold())}
            if not found:
                raise unknown_name(f"{_WORDS[column]} of these runs", pattern, known)
            names |= found
        kept = kept[kept[column].isin(names)]
    if kept.empty and not frame.empty:
        raise UsageError("no row is of the methods, data sets and samples that were chosen.")
    return kept


_WORDS = {"method": "method", "dataset": "data set", "sample": "sample"}
