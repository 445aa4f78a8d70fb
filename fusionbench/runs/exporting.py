"""A run's results, and what is known of its methods, as a file for others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.printable import is_text, printable
from fusionbench.results.exported import (
    Exported,
    ExportedDataset,
    ExportedMethod,
    ExportedMetric,
    ExportedResult,
)
from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.runs import provenance
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.plugins import Plugins
    from fusionbench.results.loading import RunResults


def exported_run(run: RunResults, plugins: Plugins, *, author: str = "") -> Exported:
    """What a run has found out, as of :mod:`fusionbench.results.exported`.

    Args:
        run: The run.
        plugins: Where papers and training data of its methods are looked up that an older run did not record.
        author: Who submits it.

    Raises:
        UsageError: The run has no results, or the author's name is not valid UTF-8.
    """
    if not is_text(author):
        raise UsageError(f"the author's name '{printable(author)}' holds characters that are not valid UTF-8.")
    frame = run.frame()
    if frame.empty:
        raise UsageError(f"{run.path} has no results to export.")
    with Journal(run.path / JOURNAL, readonly=True) as journal:
        contents = journal.contents()
    info = run.info
    keys = (frame["metric"] + "@" + frame["profile"]).where(frame["profile"] != "", frame["metric"])
    frame = frame.assign(key=keys)
    facts = info.get("metrics") or {}
    return Exported(
        fusionbench=str(info.get("version", "")),
        made=provenance.now(),
        author=author,
        commit=str((info.get("git") or {}).get("commit", "")),
        device=str(info.get("device", "")),
        colour=str(info.get("colour", "")),
        metrics={
            key: ExportedMetric(
                version=str(facts.get(key, {}).get("version", "")),
                higher_is_better=facts.get(key, {}).get("higher_is_better"),
            )
            for key in frame["key"].unique()
        },
        datasets={
            str(name): ExportedDataset(
                task=str(part["task"].iloc[0]),
                samples=tuple(contents[str(name)]),
                digests=tuple(contents[str(name)].values()),
                limited=bool((info.get("limited") or {}).get(name)),
            )
            for name, part in frame.groupby("dataset", sort=False, observed=True)
        },
        methods={name: _method(name, info, plugins) for name in frame["method"].unique()},
        results=tuple(
            _result(str(method), str(dataset), part, list(contents[str(dataset)]), info)
            for (method, dataset), part in frame.groupby(["method", "dataset"], sort=False, observed=True)
        ),
    )


def _method(label: str, info: Mapping[str, Any], plugins: Plugins) -> ExportedMethod:
    facts = (info.get("methods") or {}).get(label, {})
    name = str(facts.get("name", label))
    if "training_data" not in facts:  # of a run that recorded less, and only where the method is the same
        spec = plugins.methods.get(name)
        if spec is not None and (spec.version, str(plugins.methods.origin(name))) == (
            facts.get("version"),
            facts.get("plugin"),
        ):
            facts = {**facts, **provenance.method_facts(spec)}
    trained = (entry.get("data") or () for entry in _training(label, info).values())
    return ExportedMethod(
        name=name,
        title=str(facts.get("title", label)),
        version=str(facts.get("version", "")),
        options={key: _told(str(value)) for key, value in (facts.get("options") or {}).items()},
        learned=bool(facts.get("learned")),
        year=facts.get("year"),
        paper=str(facts.get("paper", "")),
        training_data=tuple(dict.fromkeys((*facts.get("training_data", ()), *itertools.chain(*trained)))),
    )


def _training(label: str, info: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """By data set what a run recorded of the method's training."""
    found: Mapping[str, Mapping[str, Any]] = (info.get("training") or {}).get(label) or {}
    return found


def _told(value: str) -> str:
    """An option's value; of a file its name, since where it lies is nobody else's business."""
    path = Path(value)
    return path.name if path.is_absolute() else value


def _result(
    method: str, dataset: str, part: pd.DataFrame, samples: list[str], info: Mapping[str, Any]
) -> ExportedResult:
    values: dict[str, tuple[float | None, ...]] = {}
    for key, rows in part.groupby("key", sort=False, observed=True):
        found = dict(zip(rows["sample"], rows["value"].where(rows["status"] == "ok"), strict=True))
        values[str(key)] = tuple(_value(found.get(sample, math.nan)) for sample in samples)
    each = part.drop_duplicates("sample").set_index("sample")
    digests = {sample: digest for sample, digest in each["image_sha256"].items() if isinstance(digest, str)}
    seconds = each["seconds"].dropna()
    training = _training(method, info).get(dataset) or {}
    seen = training.get("seen")
    return ExportedResult(
        method=method,
        dataset=dataset,
        values=values,
        images=tuple(digests.get(sample, "") for sample in samples),
        seconds=float(seconds.mean()) if len(seconds) else None,
        weights=str(training.get("weights") or ""),
        trained_on=None if seen is None else tuple(sample for sample in samples if sample in set(seen)),
    )


def _value(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
