"""Scoring: the registered definitions applied to whole batches, intermediates shared, undefined values reported."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.colour import Images, UndefinedForColour
from fusionbench.metrics.images import images_of
from fusionbench.metrics.selection import MetricNames, select
from fusionbench.types import MetricError, MetricSpec, resolve

if TYPE_CHECKING:
    import pandas as pd

# Pixels scored at once: on a CPU so few that the planes of an image stay near the cache.
_CHUNK = {"cpu": 2**18, "cuda": 2**24}
# Above this many pixels an image's intermediates are dropped after each metric to bound the memory.
_KEEP = 2**22

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class MetricWarning(UserWarning):
    """A metric has no value for a sample; the message names both."""


class Scorer:
    """Computes a fixed list of metrics for any number of batches.

    Args:
        metrics: Names, ``"all"`` of each profile, or None for each profile's default list.
        profiles: One or more conventions.
        device: Where to compute.
        dtype: ``float64`` reproduces the originals (1e-6 relative for ``zhao``, 1e-9 for the others);
            ``float32`` is two to three times faster, with the bounds stated in the documentation.

    Raises:
        UnknownNameError: A profile or metric is not registered.
    """

    def __init__(
        self,
        metrics: MetricNames | Literal["all"] = None,
        profiles: Sequence[str] = ("zhao",),
        *,
        device: str | torch.device = "cpu",
        dtype: Literal["float32", "float64"] = "float64",
    ) -> None:
        if isinstance(profiles, str):
            profiles = [name.strip() for name in profiles.split(",")]
        chosen = [spec for profile in profiles for spec in select(metrics, profile)]
        self._set_up(
            list({spec.key: spec for spec in chosen}.values()), device, dtype, qualified=len(set(profiles)) > 1
        )

    @classmethod
    def of_specs(
        cls,
        specs: Sequence[MetricSpec],
        *,
        device: str | torch.device = "cpu",
        dtype: Literal["float32", "float64"] = "float64",
    ) -> Scorer:
        """A scorer of exactly these definitions; its columns are their keys, ``Qabf@zhao``.

        It does not warn of undefined values: its caller looks at them.
        """
        scorer = cls.__new__(cls)
        scorer._set_up(list(specs), device, dtype, qualified=True)
        scorer._warns = False
        return scorer

    def _set_up(self, specs: list[MetricSpec], device: str | torch.device, dtype: str, *, qualified: bool) -> None:
        if dtype not in _DTYPES:
            raise MetricError(f"dtype: expected 'float32' or 'float64', got {dtype!r}.")
        self.specs = specs
        self.device = torch.device(device)
        self.dtype = _DTYPES[dtype]
        self._qualified = qualified
        self._warns = True

    @property
    def columns(self) -> list[str]:
        """A name per metric: ``Qabf``, or ``Qabf@zhao`` where several profiles are computed."""
        return [spec.key if self._qualified else spec.name for spec in self.specs]

    def score(
        self,
        fused: Any,
        sources: Sequence[Any],
        reference: Any = None,
        ids: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Values of every column for a batch.

        Args:
            fused: N x C x H x W uint8, or float in [0, 1]; C = 1 or 3. Other layouts as in :func:`evaluate`.
            sources: Tensors like ``fused``, in the data set's order; channel counts may differ.
            reference: Ground truth, for ``F|GT`` metrics.
            ids: Sample names for messages; numbers if not given.

        Returns:
            N float64 values per column. A value that is not defined is NaN and warned of.

        Raises:
            MetricError: An operand is unusable, or a metric does not take this many sources.
        """
        with torch.no_grad():
            images = images_of(fused, sources, reference, dtype=self.dtype, device=self.device)
            values = score_images(self.specs, images)
        count = images.fused.shape[0]
        names = [str(name) for name in ids] or [str(number) for number in range(count)]
        if len(names) != count:
            raise MetricError(f"ids: expected {count} names, one for each image, got {len(names)}.")
        result = {}
        for column, spec in zip(self.columns, self.specs, strict=True):
            result[column] = values[spec.key].double().cpu().numpy()
            undefined = [name for name, value in zip(names, result[column], strict=True) if np.isnan(value)]
            if undefined and self._warns:
                warnings.warn(f"{column} is undefined for {_listing(undefined)}.", MetricWarning, stacklevel=2)
        return result


def _listing(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def score_images(specs: Sequence[MetricSpec], images: Images) -> dict[str, Tensor]:
    """One value per image and metric, by the metric's key; NaN where undefined. Gradients flow.

    Raises:
        MetricError: A metric's operands are missing, or it does not take this many sources.
    """
    for spec in specs:
        _check_operands(spec, images)
    count, _, height, width = images.fused.shape
    step = max(1, _CHUNK.get(images.fused.device.type, _CHUNK["cuda"]) // (height * width))
    functions = {spec.key: resolve(spec.function, owner=f"metric {spec.key}") for spec in specs}
    parts: dict[str, list[Tensor]] = {spec.key: [] for spec in specs}
    for start in range(0, count, step):
        chunk = images.part(slice(start, start + step))
        for spec in specs:
            parts[spec.key].append(_value(spec, functions[spec.key], chunk))
            if height * width > _KEEP:
                chunk.forget()
    return {key: torch.cat(values) for key, values in parts.items()}


def _value(spec: MetricSpec, function: Any, images: Images) -> Tensor:
    count = images.fused.shape[0]
    try:
        planes = images.planes(spec.colour)
    except UndefinedForColour:
        return torch.full((count,), torch.nan, dtype=torch.float64, device=images.fused.device)
    values = function(planes)
    if values.shape != (len(planes),):
        raise MetricError(f"metric {spec.key} returned shape {tuple(values.shape)}, expected ({len(planes)},).")
    if planes.per_image > 1:
        values = values.view(count, planes.per_image).mean(1)
    return torch.where(values.isfinite(), values, torch.nan)


def _check_operands(spec: MetricSpec, images: Images) -> None:
    given = len(images.sources)
    if spec.operands == "F|GT" and images.reference is None:
        raise MetricError(f"{spec.name} compares with ground truth: pass reference=.")
    if spec.operands != "F|A,B":
        return
    if given < 2:
        raise MetricError(f"{spec.name} needs the sources of the fused image: at least two, got {given}.")
    if spec.max_sources is not None and given > spec.max_sources:
        raise MetricError(
            f"{spec.key} is defined for {spec.max_sources} sources, got {given}.",
            hint="docs/metrics.md lists the metrics that extend to more sources.",
        )


def evaluate(
    fused: Any,
    sources: Sequence[Any] = (),
    *,
    metrics: MetricNames | Literal["all"] = None,
    profile: str | Sequence[str] = "zhao",
    reference: Any = None,
    ids: Sequence[str] = (),
    device: str | torch.device | None = None,
    dtype: Literal["float32", "float64"] = "float64",
) -> pd.DataFrame:
    """Score fused images: a row per image, a column per metric.

    Args:
        fused: Tensor or array in NCHW, CHW or HW (arrays also NHWC, HWC), 1 or 3 channels; uint8, or
            float in [0, 1].
        sources: The images that were fused, in the data set's order (infrared first, and so on).
        metrics: Names, ``"all"`` of the profile, or None for the profile's default list.
        profile: A convention, or several: columns are then called ``SSIM@zhao``.
        reference: Ground truth, for PSNR_GT, SSIM_GT and MS-SSIM_GT.
        ids: Names of the images, used as the index.
        device: Where to compute; the fused tensor's device if None.
        dtype: ``float64`` for the originals' values, ``float32`` for speed.

    Raises:
        MetricError: An operand has a wrong shape, type, range or NaN.
        UnknownNameError: A profile or metric does not exist.
    """
    import pandas as pd

    names = [profile] if isinstance(profile, str) else list(profile)
    where = device or (fused.device if isinstance(fused, Tensor) else "cpu")
    scorer = Scorer(metrics, names, device=where, dtype=dtype)
    values = scorer.score(fused, sources, reference, ids)
    return pd.DataFrame(values, columns=scorer.columns, index=list(ids) or None)
