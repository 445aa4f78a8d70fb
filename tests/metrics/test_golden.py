"""The originals' values on every golden triple."""

from __future__ import annotations

import math
import warnings

import pytest

from fusionbench.metrics import MetricWarning, evaluate
from tests.metrics import golden

pytestmark = pytest.mark.shared

# engine -> (profile, precision, relative tolerance)
ENGINES = {
    "zhao": ("zhao", "float64", 1e-6),
    "zhao_float64": ("zhao", "float64", 1e-9),
}


def relative_error(value: float, target: float) -> float:
    """0 for equal values or NaN on both sides, infinite for NaN on one."""
    if math.isnan(value) or math.isnan(target):
        return 0.0 if math.isnan(value) and math.isnan(target) else math.inf
    return abs(value - target) / abs(target) if target else abs(value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("triple", golden.triples())
def test_golden(triple: str, engine: str) -> None:
    profile, dtype, tolerance = ENGINES[engine]
    a, b, fused = golden.images(triple)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        values = evaluate(fused, [a, b], metrics="all", profile=profile, dtype=dtype).iloc[0]
    expected = golden.expected(triple, engine)
    errors = {name: relative_error(values[name], expected[name]) for name in values.index}
    assert {name: error for name, error in errors.items() if error > tolerance} == {}
