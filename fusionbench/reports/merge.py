"""Rows of several runs as one frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusionbench.reports.frames import IDENTITY
from fusionbench.types import DataError

# Two measurements of one thing may differ by float32 rounding, not by more.
TOLERANCE = 1e-6


def merge_frames(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the rows of several runs together; each (method, data set, sample, metric, profile) once.

    A row that another run repeats with the same value is taken once. A failed row gives way to another
    run's successful one.

    Args:
        frames: Name of the run, for the error -> its tidy frame.

    Raises:
        DataError: Two runs have different values for one thing; both are named.
    """
    if len(frames) == 1:
        return next(iter(frames.values())).reset_index(drop=True)
    rows = pd.concat([frame.assign(run=name) for name, frame in frames.items()], ignore_index=True)
    succeeded = rows[rows["status"] == "ok"]
    _refuse_contradictions(succeeded)
    done = succeeded.drop_duplicates(IDENTITY)
    rows = pd.concat([done, rows[rows["status"] != "ok"]]).drop_duplicates(IDENTITY).sort_index()
    return rows.drop(columns="run").reset_index(drop=True)


def _refuse_contradictions(rows: pd.DataFrame) -> None:
    repeated = rows[rows.duplicated(IDENTITY, keep=False)]
    if repeated.empty:
        return
    pairs = repeated.merge(repeated.drop_duplicates(IDENTITY), on=IDENTITY, suffixes=("", "_first"))
    agree = np.isclose(pairs["value"], pairs["value_first"], rtol=TOLERANCE, atol=0.0, equal_nan=True)
    if agree.all():
        return
    row = pairs[~agree].iloc[0]
    raise DataError(
        f"{row['run_first']} and {row['run']} contradict each other in {(~agree).sum()} values; the first is"
        f" {row['metric']} of {row['method']} on {row['dataset']}, sample {row['sample']}:"
        f" {row['value_first']:.8g} and {row['value']:.8g}.",
        hint="Make a table of each, or give the method another name in one of the runs.",
    )
