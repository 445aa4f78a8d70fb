"""The suite's own metrics, registered through the same hook as everybody else's."""

from __future__ import annotations

from fusionbench.metrics.facts import FACTS
from fusionbench.metrics.profiles import PROFILES, REVERSED_SOURCES
from fusionbench.types import MetricSpec


def fusionbench_metrics() -> list[MetricSpec]:
    """Every metric of every profile."""
    specs = []
    for profile, definitions in PROFILES.items():
        for name, definition in definitions.items():
            facts = FACTS[name]
            specs.append(
                MetricSpec(
                    name=name,
                    profile=profile,
                    operands=facts.operands,
                    higher_is_better=facts.higher_is_better,
                    function=f"fusionbench.metrics.formulas.{definition.function}",
                    colour=definition.colour,
                    range=definition.range,
                    unit=facts.unit if definition.unit is None else definition.unit,
                    paper=definition.paper or facts.paper,
                    differentiable=definition.differentiable,
                    max_sources=definition.max_sources,
                    sources_reversed=profile in REVERSED_SOURCES,
                    original_name=definition.original_name,
                    version=definition.version,
                    summary=facts.summary,
                    default=definition.default,
                )
            )
    return specs
