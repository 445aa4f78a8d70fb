"""What is not the same in two runs: versions, settings, methods, data, and the numbers that came out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusionbench.printable import some_of
from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.types import metric_key

if TYPE_CHECKING:
    from fusionbench.results.loading import RunResults

_IDENTITY = ["method", "dataset", "sample", "metric", "profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that is not the same.

    Attributes:
        part: ``version``, ``setting``, ``method``, ``metric`` or ``data``.
        name: Of what.
        before, after: In the first and the second run; None where it has none.
    """

    part: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A metric of a method on a data set whose values are not the same.

    Attributes:
        method, dataset, metric: Which; the metric as ``name@profile``.
        before, after: Mean over the samples that have a value in both runs; NaN if there are none.
        samples: Number of these samples.
        changed: How many of them have another value.
        largest: Largest absolute difference of one.
        only_before, only_after: Number of samples that have a value in one run alone.
    """

    method: str
    dataset: str
    metric: str
    before: float
    after: float
    samples: int
    changed: int
    largest: float
    only_before: int
    only_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What is not the same in two runs.

    Attributes:
        facts: Versions, settings, methods, metrics, data.
        numbers: Metrics with other values.
        compared: Number of metrics (of a method on a data set) that were compared.
    """

    facts: tuple[Difference, ...]
    numbers: tuple[Change, ...]
    compared: int

    def __bool__(self) -> bool:
        return bool(self.facts or self.numbers)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON, which has no NaN."""
        numbers = [asdict(change) for change in self.numbers]
        for change in numbers:
            change |= {key: None for key, value in change.items() if isinstance(value, float) and math.isnan(value)}
        return {"facts": [asdict(fact) for fact in self.facts], "numbers": numbers, "compared": self.compared}


def differences(one: RunResults, two: RunResults, *, tolerance: float = 0.0) -> Differences:
    """Compare two runs.

    Args:
        one, two: The runs, of which the first counts as the earlier.
        tolerance: Values whose relative difference is not larger count as the same.
    """
    numbers, compared = _numbers(one.frame(), two.frame(), tolerance)
    facts = [*environment_differences(one.info, two.info), *_described(one.info, two.info), *_data(one, two)]
    return Differences(facts=tuple(facts), numbers=tuple(numbers), compared=compared)


def environment_differences(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Difference]:
    """Versions of the suite and its libraries, and settings, by the facts of two runs."""
    yield from _of("version", {"fusionbench": one.get("version")}, {"fusionbench": two.get("version")})
    commits = ({"commit of fusionbench": (facts.get("git") or {}).get("commit")} for facts in (one, two))
    yield from _of("version", *commits)
    yield from _of("version", *(facts.get("libraries") or {} for facts in (one, two)))
    yield from _of("setting", *(_settings(facts.get("config") or {}) for facts in (one, two)))


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, those of methods and data sets as ``datasets.NAME.root``; where results go is no difference."""
    found = {name: value for name, value in config.items() if name not in ("out", "methods", "datasets")}
    for kind in ("methods", "datasets"):
        for entry in config.get(kind) or ():
            if isinstance(entry, Mapping):
                key = entry.get("label") or entry.get("name")
                facts = {name: value for name, value in entry.items() if name not in ("label", "name")}
                found |= {f"{kind}.{key}.{name}": value for name, value in facts.items()}
    return found


def _described(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Difference]:
    """Methods, metrics and the machine."""
    for name in ("python", "device"):
        yield from _of("version", {name: one.get(name)}, {name: two.get(name)})
    methods = [{key: _method(entry) for key, entry in (facts.get("methods") or {}).items()} for facts in (one, two)]
    yield from _of("method", *methods)
    identities = [facts.get("identities") or {} for facts in (one, two)]
    told = {key for key in methods[0] if methods[0][key] != methods[1].get(key, methods[0][key])}
    for key in sorted({*identities[0]} & {*identities[1]} - told):
        shared = {*identities[0][key]} & {*identities[1][key]}
        if any(identities[0][key][dataset] != identities[1][key][dataset] for dataset in shared):
            yield Difference(part="method", name=key, before="its code, weights or options", after="others")
    versions = [
        {key: str(entry.get("version", "")) for key, entry in (facts.get("metrics") or {}).items()}
        for facts in (one, two)
    ]
    yield from _of("metric", *versions)


def _method(entry: Mapping[str, Any]) -> str:
    options = (f"{key}={value}" for key, value in (entry.get("options") or {}).items())
    return " ".join((str(entry.get("name", "")), "version", str(entry.get("version", "")), *options))


def _data(one: RunResults, two: RunResults) -> Iterator[Difference]:
    """Data sets, and which of their samples came, went or changed."""
    contents = []
    for run in (one, two):
        with Journal(run.path / JOURNAL, readonly=True) as journal:
            contents.append(journal.contents())
    for name in sorted({*contents[0], *contents[1]}):
        before, after = (found.get(name) for found in contents)
        if before is None or after is None:
            counts = [None if found is None else f"{len(found)} samples" for found in (before, after)]
            yield Difference(part="data", name=name, before=counts[0], after=counts[1])
            continue
        gone, new = before.keys() - after.keys(), after.keys() - before.keys()
        other = [
            sample
            for sample in before.keys() & after.keys()
            if before[sample] and after[sample] and before[sample] != after[sample]
        ]
        if gone or new:
            yield Difference(part="data", name=name, before=f"{len(before)} samples", after=f"{len(after)} samples")
        if other:
            yield Difference(part="data", name=name, before=f"images of {some_of(sorted(other))}", after="others")


def _of(part: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*one, *two]):
        if one.get(name) != two.get(name):
            yield Difference(part=part, name=str(name), before=one.get(name), after=two.get(name))


def _numbers(one: pd.DataFrame, two: pd.DataFrame, tolerance: float) -> tuple[list[Change], int]:
    valid = [frame.loc[frame["status"] == "ok", [*_IDENTITY, "value"]] for frame in (one, two)]
    both = valid[0].merge(valid[1], on=_IDENTITY, how="outer", suffixes=("_one", "_two"), indicator="where")
    before, after = both["value_one"].to_numpy(), both["value_two"].to_numpy()
    with np.errstate(invalid="ignore"):  # infinities minus themselves
        same = np.isclose(before, after, rtol=tolerance, atol=0.0, equal_nan=True)
        both = both.assign(shared=both["where"] == "both", off=np.where(same, 0.0, np.abs(after - before)), same=same)
    changes, compared = [], 0
    for key, rows in both.groupby(["method", "dataset", "metric", "profile"], sort=False, observed=True):
        method, dataset, metric, profile = map(str, key)
        shared = rows[rows["shared"]]
        compared += 1
        changed = int((~shared["same"]).sum())
        alone = [int((rows["where"] == side).sum()) for side in ("left_only", "right_only")]
        if changed or any(alone):
            changes.append(
                Change(
                    method=method,
                    dataset=dataset,
                    metric=metric_key(metric, profile),
                    before=float(shared["value_one"].mean()),
                    after=float(shared["value_two"].mean()),
                    samples=len(shared),
                    changed=changed,
                    largest=float(shared["off"].max()) if len(shared) else math.nan,
                    only_before=alone[0],
                    only_after=alone[1],
                )
            )
    return changes, compared
