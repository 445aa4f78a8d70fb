"""What identifies the values of a definition. Importing this module loads no torch."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import sys
from dataclasses import replace

from fusionbench.types import MetricSpec, MissingExtraError
from fusionbench.weights.finding import find_metric_weights
from fusionbench.weights.recognition import weights_digest

EXACT = "float64"
"""The precision that reproduces the originals."""


def identified(spec: MetricSpec, scoring: str = EXACT, *, code: str = "") -> MetricSpec:
    """The definition with all that makes its values others in its version.

    These are the releases of libraries, digests of weights and of code, and less precision.

    Args:
        spec: The definition.
        scoring: The precision of scores.
        code: Digest of its source where that can change without a version, as of a plugin file; else empty.

    Raises:
        MissingExtraError: A library that computes it is not installed.
        WeightsError: Weights are missing; the message says where to get them and where to put them.
    """
    check_packages(spec)
    libraries = [f"{name}-{_release(name)}" for name in spec.packages]
    digests = [weights_digest(spec, path)[:16] for path in find_metric_weights(spec).values()]
    edited = [code[:16]] if code else []
    precision = [scoring] if scoring != EXACT else []
    return replace(spec, version="+".join((spec.version, *libraries, *digests, *edited, *precision)))


def check_packages(spec: MetricSpec) -> None:
    """Refuse a metric whose libraries are not installed.

    Raises:
        MissingExtraError: The message says how to install them.
    """
    for name in spec.packages:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            what = f"'fusionbench[{spec.extra}]'" if spec.extra else name
            raise MissingExtraError(
                f"metric {spec.key} needs {name}, which is not installed.", hint=f"pip install {what}"
            )


def _release(package: str) -> str:
    """The version of the distribution that a package comes with; empty for a module beside the plugin."""
    for names in (lambda: [package], lambda: importlib.metadata.packages_distributions().get(package, [])):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, IndexError):
            return importlib.metadata.version(names()[0])
    return ""
