"""Scoring a network in training exactly as ``fusionbench run`` would score it."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict

import torch

from fusionbench.data import open_dataset
from fusionbench.fusing import DecodedSample, FusedImage, Fuser, decode_sample
from fusionbench.metrics import MetricWarning, Scorer
from fusionbench.metrics.selection import spelled
from fusionbench.plugins import current_plugins
from fusionbench.runs import RunConfig
from fusionbench.runs.plan import metrics_of
from fusionbench.training.config import ValidationConfig
from fusionbench.training.loop import Means, Validation
from fusionbench.types import FusionBenchError, Method, MethodSpec, MetricSpec, Sample, UsageError


def make_validation(config: ValidationConfig, spec: MethodSpec, device: torch.device) -> Validation:
    """From the section ``validation`` of a configuration to what the loop calls.

    The samples are decoded, fused, rounded to 8 bits and scored by the harness itself, with the metrics that a
    run would compute; a method that asks for the data set (``prepare``) is given it. Means are over the samples
    that have a value, as in tables; one that misses samples is never the best.

    Raises:
        UsageError: ``best`` is not among the metrics, or has no direction.
        DataError: The data set is absent.
    """
    dataset = open_dataset(config.data, data_root=config.data_root, options=config.options)
    samples = tuple(dataset.samples)[: config.limit]
    metrics = metrics_of(RunConfig(metrics=config.metrics or (), profiles=(config.profile,)), current_plugins())
    if all(sample.reference is None for sample in samples):
        metrics = tuple(metric for metric in metrics if metric.operands != "F|GT")
    names = {metric.key: metric.name for metric in metrics}
    if len(set(names.values())) < len(names):  # SSIM and SSIM@tang
        names = {key: key for key in names}
    best = None
    if config.best is not None:
        directions = {names[metric.key]: metric.higher_is_better for metric in metrics}
        name = spelled(config.best, directions)
        if directions.get(name) is None:
            usable = [name for name, direction in directions.items() if direction is not None]
            raise UsageError(f"validation.best: {config.best!r} is not one of {', '.join(usable)}.")
        best = name, bool(directions[name])
    told: set[str] = set()

    def tell(what: str, reason: str) -> None:
        if what not in told:
            told.add(what)
            warnings.warn(f"validation: {what}: {reason}", MetricWarning, stacklevel=2)

    def score(method: Method) -> Means:
        fuser = Fuser(method, spec, device)
        fuser.prepare(dataset)
        values: dict[str, list[float]] = {name: [] for name in names.values()}
        expected: dict[str, int] = defaultdict(int)
        failures: list[FusionBenchError] = []
        for sample in samples:
            chosen = [m for m in metrics if m.operands != "F|GT" or sample.reference is not None]
            for metric in chosen:
                expected[names[metric.key]] += 1
            try:
                decoded, fused = _fused(fuser, sample)
            except FusionBenchError as error:
                failures.append(error)
                tell(sample.id, error.message)
                continue
            found, errors = _scorer(chosen, device).scores(fused.pixels, decoded.sources, decoded.reference)
            for key, reason in errors.items():
                tell(names[key], reason)
            for key, value in found.items():
                values[names[key]].append(float(value[0]))
        if failures and len(failures) == len(samples):
            raise failures[0]
        finite = {name: [value for value in column if math.isfinite(value)] for name, column in values.items()}
        means = {n: math.fsum(column) / len(column) if column else math.nan for n, column in finite.items()}
        return Means(means, incomplete=[name for name, column in finite.items() if len(column) < expected[name]])

    return Validation(score=score, every=config.every, best=best)


def _fused(fuser: Fuser, sample: Sample) -> tuple[DecodedSample, FusedImage]:
    decoded = decode_sample(sample, with_text=fuser.spec.text != "none")
    (fused,) = fuser.fuse_samples([decoded])
    if isinstance(fused, FusionBenchError):
        raise fused
    return decoded, fused


def _scorer(metrics: list[MetricSpec], device: torch.device) -> Scorer:
    return Scorer.of_specs(metrics, device=device, eight_bit=True)
