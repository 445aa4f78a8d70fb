"""What identifies the values of a definition. Importing this module loads no torch."""

from __future__ import annotations

from dataclasses import replace

from fusionbench.types import MetricSpec
from fusionbench.weights.finding import find_metric_weights
from fusionbench.weights.recognition import weights_digest

EXACT = "float64"
"""The precision that reproduces the originals."""


def identified(spec: MetricSpec, scoring: str = EXACT) -> MetricSpec:
    """The definition with all that makes its values others in its version: digests of its weights, less precision.

    Args:
        spec: The definition.
        scoring: The precision of scores.

    Raises:
        WeightsError: Weights are missing; the message says where to get them and where to put them.
    """
    digests = [weights_digest(spec, path)[:16] for path in find_metric_weights(spec).values()]
    return replace(spec, version="+".join((spec.version, *digests, *([scoring] if scoring != EXACT else []))))
