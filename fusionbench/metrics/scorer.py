"""Scoring whole batches for callers: a fixed list of metrics, columns, and notices of undefined values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.colour import Images
from fusionbench.metrics.images import images_of, working_dtype
from fusionbench.metrics.scoring import Scores, check_operands, reason, score_images
from fusionbench.metrics.selection import MetricNames, is_list, select
from fusionbench.metrics.sources import KnownSources
from fusionbench.printable import some_of
from fusionbench.types import DEFAULT_PROFILE, MetricError, MetricSpec

if TYPE_CHECKING:
    import pandas as pd


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
        eight_bit: Whether images are rounded to 8 bits first, as files that runs write and programs read are.

    Raises:
        UnknownNameError: A profile or metric is not registered.
    """

    def __init__(
        self,
        metrics: MetricNames | Literal["all"] = None,
        profiles: Sequence[str] = (DEFAULT_PROFILE,),
        *,
        device: str | torch.device = "cpu",
        dtype: str | torch.dtype = "float64",
        eight_bit: bool = False,
    ) -> None:
        if isinstance(profiles, str):
            profiles = [name.strip() for name in profiles.split(",")]
        chosen = [spec for profile in profiles for spec in select(metrics, profile)]
        specs = list({spec.key: spec for spec in chosen}.values())
        self._set_up(specs, device, dtype, eight_bit, qualified=len(set(profiles)) > 1)
        # Metrics that were asked for by name are owed to the caller; of a whole list some may not apply.
        self._strict = not is_list(metrics)

    @classmethod
    def of_specs(
        cls,
        specs: Sequence[MetricSpec],
        *,
        device: str | torch.device = "cpu",
        dtype: str | torch.dtype = "float64",
        eight_bit: bool = False,
    ) -> Scorer:
        """A scorer of exactly these definitions; its columns are their keys, ``Qabf@zhao``."""
        scorer = cls.__new__(cls)
        scorer._set_up(list(specs), device, dtype, eight_bit, qualified=True)
        return scorer

    def _set_up(
        self,
        specs: list[MetricSpec],
        device: str | torch.device,
        dtype: str | torch.dtype,
        eight_bit: bool,
        *,
        qualified: bool,
    ) -> None:
        self.specs = specs
        self.device = torch.device(device)
        self.dtype = working_dtype(dtype)
        self.eight_bit = eight_bit
        self._qualified = qualified
        self._strict = True

    @property
    def columns(self) -> list[str]:
        """A name per metric: ``Qabf``, or ``Qabf@zhao`` where several profiles are computed."""
        return [spec.key if self._qualified else spec.name for spec in self.specs]

    def scores(self, fused: Any, sources: Sequence[Any] | KnownSources, reference: Any = None) -> Scores:
        """Values, or the reason why there are none, of every metric for a batch; raises nothing.

        This is what runs, scoring of files and validation in training call.

        Args:
            fused: N x C x H x W uint8, or float in [0, 1]; C = 1 or 3. Other layouts as in :func:`evaluate`.
            sources: Tensors like ``fused``, in the data set's order; channel counts may differ. Known sources, with
                their ground truth, for who scores several images of one sample.
            reference: Ground truth, for ``F|GT`` metrics.
        """
        try:
            with torch.no_grad():
                return score_images(self.specs, self._images(fused, sources, reference))
        except Exception as error:  # an unusable operand is every metric's
            return Scores({}, dict.fromkeys((spec.key for spec in self.specs), reason(error)))

    def score(
        self,
        fused: Any,
        sources: Sequence[Any],
        reference: Any = None,
        ids: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Values of every column for a batch.

        Args:
            fused: The fused images, as of :meth:`scores`.
            sources: Their sources, likewise.
            reference: Their ground truth, likewise.
            ids: Sample names for messages; numbers if not given.

        Returns:
            N float64 values per column. A value that is not defined is NaN and warned of; so is a metric of a
            whole list (``"all"``, or a profile's default) that does not take these operands.

        Raises:
            MetricError: An operand is unusable or missing, or a metric that was named does not take this many sources.
        """
        images = self._images(fused, sources, reference)
        check_operands(self.specs, images)
        count = len(images.fused)
        names = [str(name) for name in ids] or [str(number) for number in range(count)]
        if len(names) != count:
            raise MetricError(f"ids: expected {count} names, one for each image, got {len(names)}.")
        with torch.no_grad():
            values, errors = score_images(self.specs, images, strict=self._strict)
        result = {}
        for column, spec in zip(self.columns, self.specs, strict=True):
            if spec.key in errors:
                warnings.warn(f"{column} is left out: {errors[spec.key]}", MetricWarning, stacklevel=2)
                result[column] = np.full(count, np.nan)
                continue
            result[column] = values[spec.key].cpu().numpy()
            undefined = [name for name, value in zip(names, result[column], strict=True) if np.isnan(value)]
            if undefined:
                warnings.warn(f"{column} is undefined for {some_of(undefined)}.", MetricWarning, stacklevel=2)
        return result

    def _images(self, fused: Any, sources: Sequence[Any] | KnownSources, reference: Any) -> Images:
        return images_of(fused, sources, reference, dtype=self.dtype, device=self.device, eight_bit=self.eight_bit)


def evaluate(
    fused: Any,
    sources: Sequence[Any] = (),
    *,
    metrics: MetricNames | Literal["all"] = None,
    profile: str | Sequence[str] = DEFAULT_PROFILE,
    reference: Any = None,
    ids: Sequence[str] = (),
    device: str | torch.device | None = None,
    dtype: str | torch.dtype = "float64",
    eight_bit: bool = False,
) -> pd.DataFrame:
    """Score fused images: a row per image, a column per metric; what a run would give for the same images.

    Args:
        fused: Tensor or array in NCHW, CHW or HW (arrays also NHWC, HWC), 1 or 3 channels; uint8, or
            float in [0, 1].
        sources: The images that were fused, in the data set's order (infrared first, and so on); a convention
            whose program takes the visible image first is given it first.
        metrics: Names, ``"all"`` of the profile, or None for the profile's default list.
        profile: A convention, or several: columns are then called ``SSIM@zhao``.
        reference: Ground truth, for PSNR_GT, SSIM_GT and MS-SSIM_GT.
        ids: Names of the images, used as the index.
        device: Where to compute; the fused tensor's device if None.
        dtype: ``float64`` for the originals' values, ``float32`` for speed.
        eight_bit: Whether float images are rounded to 8 bits first, as runs do.

    Returns:
        NaN, with a :class:`MetricWarning` that says why, stands where a metric has no value, and in the column of
        a metric of a whole list that does not take these operands.

    Raises:
        MetricError: An operand has a wrong shape, type, range or NaN, or a metric that was named does not take
            this many sources.
        UnknownNameError: A profile or metric does not exist.
    """
    import pandas as pd

    names = [profile] if isinstance(profile, str) else list(profile)
    where = device or (fused.device if isinstance(fused, Tensor) else "cpu")
    scorer = Scorer(metrics, names, device=where, dtype=dtype, eight_bit=eight_bit)
    values = scorer.score(fused, sources, reference, ids)
    return pd.DataFrame(values, columns=scorer.columns, index=list(ids) or None)
