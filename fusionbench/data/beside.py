"""Text features that lie beside a data set's images, in the layouts that plugins know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fusionbench.plugins import current_plugins
from fusionbench.types import (
    DataError,
    FusionBenchError,
    Readable,
    Sample,
    TextFeaturesSpec,
    described,
    raised_at,
    resolve,
)


def with_features_beside(samples: Sequence[Sample], root: Path) -> Sequence[Sample]:
    """The samples with the features that lie beside their folder; what a sample has already stays.

    The very same sequence is returned where nothing lies there.

    Args:
        samples: Of one data set.
        root: The folder that was given for it.

    Raises:
        DataError: A plugin's finder raised.
    """
    ids = [sample.id for sample in samples]
    found = [each for spec in current_plugins().text_features.values() if (each := _found(spec, root, ids))]
    if not found:
        return samples
    return tuple(_joined(sample, [each[sample.id] for each in found if sample.id in each]) for sample in samples)


def _found(spec: TextFeaturesSpec, root: Path, ids: Sequence[str]) -> Mapping[str, Mapping[str, Readable]]:
    finder = resolve(spec.finder, owner=f"text features {spec.name}")
    try:
        return dict(finder(root, ids))
    except (FusionBenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise DataError(
            f"text features {spec.name}: its finder raised {described(error)}{raised_at(error)}."
        ) from error


def _joined(sample: Sample, found: Sequence[Mapping[str, Readable]]) -> Sample:
    features: dict[str, Readable] = {}
    for each in (*reversed(found), sample.text_features):
        features |= each
    return replace(sample, text_features=features) if found else sample
