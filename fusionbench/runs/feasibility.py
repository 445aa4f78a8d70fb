"""What of a run would fail, found without fusing anything: for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fusionbench.data import check_dataset
from fusionbench.devices import pick_device, pick_devices
from fusionbench.fusing import Fuser, load_fuser
from fusionbench.printable import some_of
from fusionbench.runs.config import RunConfig
from fusionbench.runs.matrix import Expansion, Pairing
from fusionbench.runs.opening import OpenedDataset
from fusionbench.types import FusionBenchError, MethodSpec

_SHOWN = 3


def would_fail(expansion: Expansion, config: RunConfig) -> list[str]:
    """What would end as failed rows, a line for each reason: files whose headers cannot be read, sizes that differ,
    methods that cannot be loaded, samples that a method does not take.

    Args:
        expansion: From :func:`fusionbench.runs.plan.expand`.
        config: The run's settings.
    """
    lines = []
    for key, dataset in expansion.datasets.items():
        report = check_dataset(dataset, config.workers, decode=False)
        listed = set(map(id, dataset.problems))
        lines += [f"{key}: {problem.message}" for problem in report.fatal if id(problem) not in listed]
        for metric in expansion.metrics:
            if many := [s.id for s in dataset.samples if not metric.takes(len(s.sources))]:
                lines.append(f"{metric.key} on {key}: {_some(many, dataset)} more than {metric.max_sources} sources.")
    for pairing in expansion.pairings:
        name = f"{pairing.method.key} on {pairing.dataset.key}"
        lines += [f"{name}: {line}" for line in (*_arity(pairing), *_loading(pairing, config))]
    return lines


def _arity(pairing: Pairing) -> Iterator[str]:
    spec, dataset = pairing.spec, pairing.dataset
    fewest, most = spec.sources
    wrong = [s.id for s in dataset.samples if len(s.sources) < fewest or (most is not None and len(s.sources) > most)]
    if wrong:
        yield f"it takes {_range(spec)} sources; {_some(wrong, dataset)} another number."
    lacking = [sample.id for sample in dataset.samples if sample.features() is None]
    if spec.text == "required" and lacking:
        yield (
            f"it reads text features; {_some(lacking, dataset)} none. Make them with "
            "`fusionbench text`, or name their folder with --text-features."
        )


def _loading(pairing: Pairing, config: RunConfig) -> Iterator[str]:
    """Load the method as a worker would, and ask it about the samples."""
    try:
        fuser = _load(pairing, config)
    except FusionBenchError as error:
        yield str(error)
        return
    reasons: dict[str, list[str]] = {}
    try:
        for sample in pairing.dataset.samples:
            if reason := fuser.lacking(sample):
                reasons.setdefault(reason, []).append(sample.id)
    except FusionBenchError as error:
        yield str(error)
    for reason, samples in reasons.items():
        yield f"{some_of(samples, _SHOWN)}: {reason}"


def _load(pairing: Pairing, config: RunConfig) -> Fuser:
    fuser = load_fuser(
        pairing.spec,
        device=pick_device(pick_devices(config.device)[0]),
        task=pairing.dataset.task,
        weights=pairing.weights,
        options=pairing.method.options,
        precision=config.precision,
    )
    fuser.prepare(pairing.dataset)
    return fuser


def _range(spec: MethodSpec) -> str:
    fewest, most = spec.sources
    return f"{fewest} or more" if most is None else str(fewest) if most == fewest else f"{fewest} to {most}"


def _some(samples: Sequence[str], dataset: OpenedDataset) -> str:
    have = "has" if len(samples) == 1 else "have"
    return f"{len(samples)} of {len(dataset.samples)} samples ({some_of(samples, _SHOWN)}) {have}"
