"""What the harness had to do to results, as their rows say it, told once for many samples."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fusionbench.printable import counted

if TYPE_CHECKING:
    import pandas as pd


def told(frame: pd.DataFrame) -> list[str]:
    """A line for each note that rows of a run carry: method, data set, note, and how many samples have it.

    Args:
        frame: As of :meth:`fusionbench.results.loading.RunResults.frame`.
    """
    noted = frame.loc[frame["notes"].fillna("") != "", ["method", "dataset", "sample", "notes"]].drop_duplicates()
    counts: Counter[tuple[str, str, str]] = Counter()
    for method, dataset, _, notes in noted.itertuples(index=False):
        counts.update((method, dataset, note) for note in dict.fromkeys(notes.split("; ")))
    return [
        f"{method} on {dataset}, {counted(count, 'sample')}: {note}"
        for (method, dataset, note), count in counts.items()
    ]
