"""Golden metric values: the originals' numbers on real and degenerate triples of images."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from fusionbench.metrics.selection import find
from tests.helpers.shared import ROOT, available

GOLDEN = ("reference", "golden", "metrics.json")

# What the original programs call a metric -> what the suite calls it.
NAMES = {
    "VIFF": "VIF",
    "Entropy": "EN",
    "Variance": "SD",
    "Spatial_frequency": "SF",
    "Avg_gradient": "AG",
    "Edge_intensity": "EI",
    "Cross_entropy": "CE",
    "Mutinf": "MI",
    "Psnr": "PSNR",
    "Rmse": "RMSE",
    "Ssim": "SSIM",
    "Qc": "QC",
    "Qw": "QW",
    "Qy": "QY",
    "Qp": "QP",
    "Qncie": "QNCIE",
    "MEF_SSIM": "MEF-SSIM",
    "MS_SSIM": "MS-SSIM",
}


@cache
def triples() -> dict[str, Any]:
    """Every golden triple by name; empty where the shared material is absent."""
    if not available(*GOLDEN):
        return {}
    return json.loads(ROOT.joinpath(*GOLDEN).read_text())["triples"]


@cache
def images(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triple's (a, b, fused) as stored: H x W or H x W x 3 uint8."""
    folder = ROOT / "data" / "metric_triples" / name
    return tuple(np.array(Image.open(folder / f"{role}.png")) for role in "abf")


def operands(name: str, profile: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """The fused image and its sources in the order of data sets: the stored order is that of the original program."""
    a, b, fused = images(name)
    return fused, [b, a] if find("Qabf", profile).sources_reversed else [a, b]


def expected(name: str, engine: str) -> dict[str, float]:
    """Values of one engine by the suite's names; what the original cannot compute is NaN."""
    values = triples()[name]["values"][engine]
    return {NAMES.get(metric, metric): _number(value) for metric, value in values.items()}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
