"""What every report reads of a run's tidy frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusionbench.types import UsageError, metric_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from fusionbench.types import MetricSpec

# What a row is about; two rows that agree in all of these are one row counted twice.
IDENTITY = ["method", "dataset", "task", "sample", "metric", "profile"]
COLUMNS = [*IDENTITY, "value", "status"]


def keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that reports need, with ``key`` (``name@profile``) and ``counts``.

    Texts become categories: a large frame has few of them, and each grouping would else hash millions.

    ``counts`` says whether a value enters means and tests: status ``ok``, and finite. A metric that is
    undefined on a sample (NaN) or unbounded there (PSNR of equal images) does not.

    Raises:
        UsageError: The frame lacks a column or has no rows.
    """
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise UsageError(f"the frame lacks the columns {', '.join(absent)}.")
    if frame.empty:
        raise UsageError("there are no rows to report on.", hint="Has the run scored anything yet?")
    data = frame[COLUMNS].assign(profile=frame["profile"].astype(object).fillna("").astype(str))
    for column in (*IDENTITY, "status"):
        data[column] = data[column].astype(str).astype("category")
    pairs = data[["metric", "profile"]].drop_duplicates()
    keys = {(name, profile): metric_key(name, profile) for name, profile in pairs.itertuples(index=False)}
    data["key"] = _combined(data["metric"], data["profile"], keys)
    data["value"] = data["value"].astype("float64")
    data["counts"] = (data["status"] == "ok") & np.isfinite(data["value"])
    return data


def _combined(names: pd.Series, profiles: pd.Series, keys: Mapping[tuple[str, str], str]) -> pd.Series:
    """The key of each row, as categories."""
    import pandas as pd

    place = {key: number for number, key in enumerate(keys.values())}
    table = np.array(
        [[place.get(keys.get((n, p), ""), -1) for p in profiles.cat.categories] for n in names.cat.categories]
    )
    codes = table[names.cat.codes.to_numpy(), profiles.cat.codes.to_numpy()]
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(list(place))), index=names.index)


def metric_spec(metrics: Mapping[str, MetricSpec], key: str) -> MetricSpec | None:
    """The spec of ``name@profile``, or of a metric of all profiles; None for one that nobody registers today."""
    return metrics.get(key) or metrics.get(key.partition("@")[0])
