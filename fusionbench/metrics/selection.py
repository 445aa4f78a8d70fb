"""Which metrics a call means: names and profiles looked up in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from fusionbench.plugins import current_plugins
from fusionbench.plugins.registry import nearest
from fusionbench.types import FusionBenchError, MetricSpec, UnknownNameError

MetricNames = Sequence[str] | str | None
ALL = "all"


def plain_name(name: str) -> str:
    """A spelling without case, ``-``, ``_`` and blanks: how names of metrics and profiles are compared."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def spelled(name: str, known: Iterable[str]) -> str:
    """The one of ``known`` that a name means, apart from its spelling; the name itself if there is none or several."""
    known = list(dict.fromkeys(known))
    alike = [item for item in known if plain_name(item) == plain_name(name)]
    return alike[0] if len(alike) == 1 and name not in known else name


def profiles() -> list[str]:
    """Names of all profiles that have metrics."""
    return list(dict.fromkeys(spec.profile for spec in current_plugins().metrics.values() if spec.profile))


def known_profile(profile: str) -> str:
    """The profile that a name means, as it is registered.

    Raises:
        UnknownNameError: There is none.
    """
    known = profiles()
    found = spelled(profile, known)
    if found not in known:
        raise UnknownNameError(f"unknown profile {profile!r}.", hint=nearest(profile, known))
    return found


def find(name: str, profile: str) -> MetricSpec:
    """The definition of a metric in a profile, or the one that all profiles share; ``SSIM@tang`` names its own.

    Case, ``-`` and ``_`` do not matter where a name is clear without them.

    Raises:
        UnknownNameError: There is no such profile, or it does not define the metric.
    """
    registry = current_plugins().metrics
    metric, at, own = (part.strip() for part in name.partition("@"))
    profile = spelled(own if at else profile, profiles())
    metric = spelled(metric, metric_names())
    for key in (f"{metric}@{profile}", metric):
        if key in registry:
            return registry[key]
    known_profile(profile)
    elsewhere = [spec.profile for spec in registry.values() if spec.name == metric]
    if elsewhere:
        raise UnknownNameError(
            f"profile {profile!r} does not define {metric}.", hint=f"It is defined in: {', '.join(elsewhere)}."
        )
    raise registry.unknown(f"{metric}@{profile}")


def is_list(metrics: MetricNames) -> bool:
    """Whether ``metrics`` means a whole list (``"all"``, or the profile's default) and names none."""
    names = [metrics] if isinstance(metrics, str) else list(metrics or ())
    return not names or (len(names) == 1 and names[0].lower() == ALL)


def select(metrics: MetricNames | Literal["all"], profile: str) -> list[MetricSpec]:
    """The specs that ``metrics`` means in ``profile``.

    Args:
        metrics: Names; ``"all"`` for everything the profile defines on F and its sources; None for its
            default list. A single name or a comma-separated string is accepted.
        profile: Name of the convention.

    Raises:
        UnknownNameError: A name is not defined in this profile.
    """
    if is_list(metrics):
        profile = known_profile(profile)
        found = [spec for spec in current_plugins().metrics.values() if spec.profile == profile]
        return found if metrics else [spec for spec in found if spec.default] or found
    names = metrics.split(",") if isinstance(metrics, str) else metrics or ()
    specs = [find(name.strip(), profile) for name in names]
    return list({spec.key: spec for spec in specs}.values())


def metric_names() -> list[str]:
    """Names of all registered metrics, each once."""
    return list(dict.fromkeys(spec.name for spec in current_plugins().metrics.values()))


def definitions_of(metric: str) -> tuple[MetricSpec, ...]:
    """All registered definitions of one metric, one for each profile."""
    return tuple(spec for spec in current_plugins().metrics.values() if spec.name == metric)


def attribute_name(metric: str) -> str:
    """The metric's name as a Python identifier: ``MS_SSIM`` for ``MS-SSIM``."""
    return metric.replace("-", "_")


def attribute_names() -> list[str]:
    """All metrics as Python identifiers, for completion; empty where a plugin cannot be loaded."""
    try:
        return [attribute_name(metric) for metric in metric_names()]
    except FusionBenchError:
        return []
