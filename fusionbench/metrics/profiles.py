"""The conventions as data: which definition each profile means by a metric's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusionbench.types import Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A metric in one profile.

    Attributes:
        function: ``module:function`` within :mod:`fusionbench.metrics`.
        range: Where its values lie.
        colour: Rule that makes its planes, see :mod:`fusionbench.metrics.colour`.
        differentiable: Whether gradients with respect to the fused image are useful.
        max_sources: Most sources it is defined for; None for any number.
        original_name: What the original code calls it.
        default: Whether it belongs to the profile's default list.
        unit, paper: Where they differ from the metric's facts.
        version: Change it when values change.
    """

    function: str
    range: str
    colour: str = "gray"
    differentiable: bool = True
    max_sources: int | None = None
    original_name: str = ""
    default: bool = False
    unit: str | None = None
    paper: Citation | None = None
    version: str = "1"


# The Python evaluator published with CDDFuse, DDFM, EMMA and IF-FILM; 8-bit gray images.
ZHAO: Mapping[str, Definition] = {
    "EN": Definition(function="information:entropy", range="0..8", differentiable=False, default=True),
    "SD": Definition(function="statistics:standard_deviation", range="0..127.5", default=True),
    "SF": Definition(function="statistics:spatial_frequency", range="0..361", default=True),
    "AG": Definition(function="statistics:average_gradient", range="0..255", default=True),
    "VIF": Definition(function="fidelity:vif_zhao", range="0.., about 2 at best", original_name="VIFF", default=True),
    "Qabf": Definition(function="gradients:qabf", range="0..1", default=True),
}

PROFILES: Mapping[str, Mapping[str, Definition]] = {"zhao": ZHAO}
