"""Which convention a published number used: every definition and common deviation, ranked by how near it comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusionbench.metrics.images import images_of
from fusionbench.metrics.planes import Memory
from fusionbench.metrics.scoring import score_images
from fusionbench.metrics.selection import plain_name
from fusionbench.nn.bands import together
from fusionbench.plugins import current_plugins
from fusionbench.reconcile.deviations import IMAGE_DEVIATIONS, VALUE_DEVIATIONS, ImageDeviation, ValueDeviation, scaled
from fusionbench.types import DataError, MetricSpec

# Images compared at the same time, and pixels beyond which no further image is.
_MOST_AT_ONCE = 8
_PIXELS_AT_ONCE = 2**22
# A fused image and its sources as arrays, with the sample's name.
Sample = tuple[str, np.ndarray, Sequence[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to have computed a number.

    Attributes:
        metric: The suite's name.
        profiles: Profiles that share this definition.
        image: What was done to the images.
        value: What was done to the value, if anything.
    """

    metric: str
    profiles: tuple[str, ...]
    image: ImageDeviation
    value: ValueDeviation | None = None

    @property
    def deviations(self) -> int:
        """How many departures from the convention it assumes."""
        return bool(self.image.name) + (self.value is not None)

    def __str__(self) -> str:
        extra = ", ".join(filter(None, (self.image.name, self.value.name if self.value else "")))
        return "/".join(self.profiles) + (f" ({extra})" if extra else "")


def known_metrics() -> dict[str, str]:
    """Spellings in published tables -> the suite's names, both compared without case, ``-`` and ``_``."""
    names = {}
    for spec in current_plugins().metrics.values():
        if spec.profile:
            names[plain_name(spec.name)] = spec.name
    for spec in current_plugins().metrics.values():
        if spec.profile and spec.original_name:
            names.setdefault(plain_name(spec.original_name), spec.name)
    return names


def _definitions(metric: str) -> list[tuple[tuple[str, ...], MetricSpec]]:
    """The distinct definitions of a metric and the profiles that use each."""
    groups: dict[tuple[Any, ...], list[MetricSpec]] = {}
    for spec in current_plugins().metrics.values():
        if spec.name == metric and spec.profile:
            groups.setdefault((spec.function, spec.colour, spec.reads_backwards), []).append(spec)
    return [(tuple(spec.profile for spec in specs), specs[0]) for specs in groups.values()]


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """A published table with a column per metric; a long one (columns ``metric`` and ``value``) is widened."""
    if {"metric", "value"} <= set(table.columns):
        keys = [column for column in table.columns if column not in ("metric", "value")]
        table = table.pivot_table(index=keys, columns="metric", values="value").reset_index()
        table.columns.name = None
    return table


def _unheard(method: str, image: str) -> None:
    """Where nobody asks how far it is."""


def reconcile(
    published: pd.DataFrame,
    samples: Callable[[str], Iterable[Sample]],
    *,
    progress: Callable[[str, str], None] = _unheard,
) -> pd.DataFrame:
    """Compare published numbers with what every convention gives on the same images.

    Args:
        published: A row per method, or per method and image: columns ``method``, optionally ``image`` and
            ``dataset``, and a column per metric (names as in the suite or in the original programs). Rows
            without ``image`` hold means over all samples.
        samples: Called with a method's name; yields (name, fused, sources) with H x W or H x W x 3 uint8.
        progress: Told the method and the image after each image that was compared.

    Returns:
        A row per published number and candidate: ``method, image, metric, published, candidate, value,
        error, deviations``, error relative; nearest first within each number.

    Raises:
        DataError: No column is a known metric, or a method has none of the images.
    """
    spellings = known_metrics()
    columns = {column: spellings[plain_name(column)] for column in published.columns if plain_name(column) in spellings}
    if "method" not in published.columns or not columns:
        raise DataError(
            f"the published table has columns {', '.join(map(str, published.columns))}.",
            hint="It needs a column 'method' and at least one metric column such as EN or Qabf.",
        )
    per_image = "image" in published.columns
    rows: list[dict[str, Any]] = []
    for method, printed in published.groupby("method", sort=False, observed=True):
        wanted = set(printed["image"].astype(str)) if per_image else None
        values = _values(samples(str(method)), sorted(set(columns.values())), wanted, partial(progress, str(method)))
        if not values:
            raise DataError(f"method {method}: none of the published images was found among the fused ones.")
        for _, row in printed.iterrows():
            name = str(row["image"]) if per_image else ""
            if per_image and name not in values:
                continue
            for column, metric in columns.items():
                if pd.notna(row[column]):
                    rows += _compared(str(method), name, metric, _number(row[column], method, column), values)
    if not rows:
        raise DataError("no printed number belongs to an image and a metric that could be scored.")
    result = pd.DataFrame(rows)
    order = ["method", "image", "metric"]
    return result.sort_values([*order, "error", "deviations"], kind="stable", ignore_index=True)


def _number(value: Any, method: Any, column: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"the published table has {value!r} for {method} in column {column!r}, which is no number.",
            hint="Leave a value that is missing empty.",
        )
    return number


def _compared(
    method: str, image: str, metric: str, printed: float, values: Mapping[str, Mapping[Candidate, float]]
) -> Iterable[dict[str, Any]]:
    """Rows of one published number: its image's values, or the means over all images."""
    sets = [values[image]] if image else list(values.values())
    for candidate in dict.fromkeys(candidate for found in sets for candidate in found):
        if candidate.metric != metric:
            continue
        value = float(np.mean([found.get(candidate, np.nan) for found in sets]))
        error = abs(value - printed) / abs(printed) if printed else abs(value)
        yield {
            "method": method,
            "image": image,
            "metric": metric,
            "published": printed,
            "candidate": str(candidate),
            "value": value,
            "error": error,
            "deviations": candidate.deviations,
        }


def _values(
    samples: Iterable[Sample], metrics: Sequence[str], wanted: set[str] | None, done: Callable[[str], None]
) -> dict[str, dict[Candidate, float]]:
    """Value of every candidate on every image; without those that are the plain definition on all of them."""
    found = {}
    different: set[Candidate] = set()
    for group in _groups(sample for sample in samples if wanted is None or sample[0] in wanted):
        operands = [tuple(_tensor(image) for image in (fused, *sources)) for _, fused, sources in group]
        # The planes of one image are too small to share among cores.
        results = together(partial(_candidates, metrics=metrics), operands)
        for (name, *_), (values, idle) in zip(group, results, strict=True):
            found[name] = values
            different |= values.keys() - idle
            done(name)
    return {
        name: {candidate: value for candidate, value in values.items() if candidate in different}
        for name, values in found.items()
    }


def _groups(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Samples to be compared at the same time: one for each core, as long as their intermediates are small."""
    group: list[Sample] = []
    most = min(torch.get_num_threads(), _MOST_AT_ONCE)
    for sample in samples:
        group.append(sample)
        if len(group) >= most or sum(fused.shape[0] * fused.shape[1] for _, fused, _ in group) > _PIXELS_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _tensor(image: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(image))
    return tensor[None, None] if tensor.ndim == 2 else tensor.movedim(-1, 0)[None]


def _candidates(images: tuple[Tensor, ...], metrics: Sequence[str]) -> tuple[dict[Candidate, float], set[Candidate]]:
    """Every definition of the metrics under every deviation, and which of these change nothing on these images."""
    definitions = [definition for metric in metrics for definition in _definitions(metric)]
    found: dict[Candidate, float] = {}
    idle: set[Candidate] = set()
    memory = Memory()  # a deviation leaves some of the images as they are, and so what was computed of them
    plain: dict[str, float] = {}
    for deviation in IMAGE_DEVIATIONS:
        chosen = [
            (profiles, spec)
            for profiles, spec in definitions
            if spec.operands != "F" or deviation.name != "sources exchanged"
        ]
        changed = deviation.apply(images)
        known = plain if deviation.name and _same(changed, images) else {}
        left = [spec for _, spec in chosen if spec.key not in known]
        values = known | (_scores(left, changed, memory) if left else {})
        if not deviation.name:
            plain = {key: value for key, value in values.items() if not math.isnan(value)}
        for profiles, spec in chosen:
            if spec.key not in values:  # a definition for fewer sources explains nothing here
                continue
            factors = [factor for factor in VALUE_DEVIATIONS if spec.name in factor.metrics]
            for factor in (None, *factors):
                candidate = Candidate(spec.name, profiles, deviation, factor)
                found[candidate] = scaled(values[spec.key], factor)
                if spec.key in known:
                    idle.add(candidate)
    return found, idle


def _same(changed: tuple[Tensor, ...], images: tuple[Tensor, ...]) -> bool:
    """Whether a deviation leaves what images show as it is; gray ones may be stored with three channels.

    Where only some of them are, a definition may have a value only after the others were made gray, too.
    """
    return all(
        torch.equal(new, old) or bool((old == old[:, :1]).all() and (new == old[:, :1]).all())
        for new, old in zip(changed, images, strict=True)
    )


def _scores(specs: Sequence[MetricSpec], images: tuple[Tensor, ...], memory: Memory) -> dict[str, float]:
    operands = images_of(images[0], images[1:], dtype=torch.float64)
    operands.memory = memory
    return {key: float(value.mean()) for key, value in score_images(specs, operands).values.items()}


def _decimals(value: float) -> int:
    """Digits after the point with which a number was written at least."""
    exponent = Decimal(repr(float(value))).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def verdict(comparison: pd.DataFrame) -> pd.DataFrame:
    """Per metric the candidates ranked over all its published numbers.

    Columns ``metric, candidate, numbers, median_error, largest_error``. Candidates whose median errors agree within a
    factor of two, are below 1e-4, or that give the printed digits throughout are ranked by the fewest deviations.
    Those that the numbers cannot tell apart, because both give the printed digits or are off by the same, stand in one
    row, joined by ``=``. A candidate that is undefined for some of the numbers comes after those that explain all.
    """
    decimals = comparison.groupby("metric", observed=True)["published"].transform(
        lambda column: column.map(_decimals).max()
    )
    off = (comparison["value"] - comparison["published"]).abs()
    comparison = comparison.assign(printed=off <= 0.5000001 * 10.0**-decimals)
    groups = comparison.groupby(["metric", "candidate"], sort=False, observed=True)
    table = groups.agg(
        numbers=("error", "count"),
        median_error=("error", "median"),
        largest_error=("error", "max"),
        deviations=("deviations", "first"),
        printed=("printed", "all"),
    ).reset_index()
    table = table[table["median_error"].notna()]
    for column in ("median_error", "largest_error"):
        table[f"{column}_shown"] = [f"{value:.6e}" if value > 1e-12 else "0" for value in table[column]]
        table.loc[table["printed"], f"{column}_shown"] = "0"
    alike = ["metric", "numbers", "deviations", "median_error_shown", "largest_error_shown"]
    table = table.groupby(alike, sort=False, observed=True).agg(
        candidate=("candidate", " = ".join),
        median_error=("median_error", "first"),
        largest_error=("largest_error", "first"),
        printed=("printed", "first"),
    )
    table = table.reset_index()
    within = table["median_error"].where(~table["printed"], 0.0)
    table["level"] = np.ceil(np.log2(within.clip(lower=1e-4)))
    table["missing"] = table.groupby("metric", observed=True)["numbers"].transform("max") - table["numbers"]
    table = table.sort_values(
        ["metric", "missing", "level", "deviations", "median_error"], kind="stable", ignore_index=True
    )
    return table[["metric", "candidate", "numbers", "median_error", "largest_error"]]
