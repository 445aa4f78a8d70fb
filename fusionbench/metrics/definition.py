"""What a profile says about one metric."""

from __future__ import annotations

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
