"""Scoring a network in training exactly as ``fusionbench run`` would score it."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch

from fusionbench.data import open_dataset
from fusionbench.fusing import Fuser, decode_sample
from fusionbench.metrics import Scorer
from fusionbench.training.config import ValidationConfig
from fusionbench.training.loop import Validation
from fusionbench.types import FusionBenchError, Method, MethodSpec, UsageError


def make_validation(config: ValidationConfig, spec: MethodSpec, device: torch.device) -> Validation:
    """From the section ``validation`` of a configuration to what the loop calls.

    The samples are decoded, fused, rounded to 8 bits and scored by the harness itself; a method that
    asks for the data set (``prepare``) is given it.

    Raises:
        UsageError: ``best`` is not among the metrics, or has no direction.
        DataError: The data set is absent.
    """
    dataset = open_dataset(config.data, data_root=config.data_root, options=config.options)
    samples = tuple(dataset.samples)[: config.limit]
    scorer = Scorer(config.metrics, (config.profile,), device=str(device))
    best = None
    if config.best is not None:
        directions = {
            column: metric.higher_is_better for column, metric in zip(scorer.columns, scorer.specs, strict=True)
        }
        if directions.get(config.best) is None:
            usable = [name for name, direction in directions.items() if direction is not None]
            raise UsageError(f"validation.best: {config.best!r} is not one of {', '.join(usable)}.")
        best = config.best, bool(directions[config.best])

    def score(method: Method) -> Mapping[str, float]:
        prepare = getattr(method, "prepare", None)
        if prepare is not None:
            prepare(dataset)
        fuser = Fuser(method, spec, device)
        values: dict[str, list[float]] = defaultdict(list)
        for sample in samples:
            decoded = decode_sample(sample, with_text=spec.text != "none")
            (fused,) = fuser.fuse_samples([decoded])
            if isinstance(fused, FusionBenchError):
                raise fused
            with warnings.catch_warnings():
                # Early in a training images may be constant; the mean below says so with a NaN.
                warnings.simplefilter("ignore")
                scores = scorer.score(fused.pixels[None], [source[None] for source in decoded.sources], ids=[sample.id])
            for name, value in scores.items():
                values[name].append(float(value[0]))
        return {name: float(np.mean(column)) for name, column in values.items()}

    return Validation(score=score, every=config.every, best=best)
