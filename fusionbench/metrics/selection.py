"""Which metrics a call means: names and profiles looked up in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fusionbench.plugins import current_plugins
from fusionbench.types import MetricSpec, UnknownNameError

MetricNames = Sequence[str] | str | None


def profiles() -> list[str]:
    """Names of all profiles that have metrics."""
    return list(dict.fromkeys(spec.profile for spec in current_plugins().metrics.values() if spec.profile))


def find(name: str, profile: str) -> MetricSpec:
    """The definition of a metric in a profile, or the one that all profiles share.

    Raises:
        UnknownNameError: There is no such profile, or it does not define the metric.
    """
    registry = current_plugins().metrics
    for key in (f"{name}@{profile}", name):
        if key in registry:
            return registry[key]
    if profile not in profiles():
        raise UnknownNameError(f"unknown profile {profile!r}.", hint=f"Known: {', '.join(profiles())}.")
    elsewhere = [spec.profile for spec in registry.values() if spec.name == name]
    if elsewhere:
        raise UnknownNameError(
            f"profile {profile!r} does not define {name}.", hint=f"It is defined in: {', '.join(elsewhere)}."
        )
    raise registry.unknown(f"{name}@{profile}")


def select(metrics: MetricNames | Literal["all"], profile: str) -> list[MetricSpec]:
    """The specs that ``metrics`` means in ``profile``.

    Args:
        metrics: Names; ``"all"`` for everything the profile defines on F and its sources; None for its
            default list. A single name or a comma-separated string is accepted.
        profile: Name of the convention.

    Raises:
        UnknownNameError: A name is not defined in this profile.
    """
    if metrics is None or metrics == "all":
        found = [spec for spec in current_plugins().metrics.values() if spec.profile == profile]
        if not found:
            find("", profile)
        return found if metrics == "all" else [spec for spec in found if spec.default] or found
    names = metrics.split(",") if isinstance(metrics, str) else metrics
    return [find(name, profile) for name in dict.fromkeys(name.strip() for name in names)]


def metric_names() -> list[str]:
    """Names of all registered metrics, each once."""
    return list(dict.fromkeys(spec.name for spec in current_plugins().metrics.values()))


def attribute_name(metric: str) -> str:
    """The metric's name as a Python identifier: ``MS_SSIM`` for ``MS-SSIM``."""
    return metric.replace("-", "_")
