"""Whether a machine has what the results of a run rest on: code, versions, weights, images."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusionbench.devices import pick_devices
from fusionbench.images.names import shown
from fusionbench.plugins import Plugins
from fusionbench.results.folder import IMAGES
from fusionbench.runs import plan
from fusionbench.runs.config import RunConfig
from fusionbench.runs.identity import fingerprints, method_identity, origin_code
from fusionbench.runs.matrix import Expansion, Pairing
from fusionbench.runs.preflight import SampleFacts, inspect_samples
from fusionbench.runs.preparing import open_datasets, prepare
from fusionbench.runs.units import FUSING, Unit
from fusionbench.stamps import stamp_of
from fusionbench.types import Sample, UsageError
from fusionbench_dask.premises import Premises, code_of, differences, versions

_SHOWN = 5


class Inspection:
    """What this process finds of a run's methods, data sets and images.

    Args:
        config: The run's settings.
        plugins: What is registered.

    Raises:
        UsageError, DataError: What is wrong with the settings here: absent data, weights, plugins; all of it.
    """

    def __init__(self, config: RunConfig, plugins: Plugins) -> None:
        self._config = config
        self._plugins = plugins
        self._code = origin_code(plugins.methods)
        self._expansion = Expansion(pairings=[], metrics=())
        if config.methods or config.all_methods:
            _, self._expansion = prepare(config, plugins)
        else:  # of other work than fusing
            open_datasets(config)
        self._facts: dict[tuple[str, str], SampleFacts] = {}
        self._fingerprinted: dict[tuple[str, str], Pairing] = {}

    @property
    def device(self) -> str:
        """Where the run's settings say that this machine computes."""
        return pick_devices(self._config.device)[0]

    def identities(self) -> dict[str, dict[str, str]]:
        """Of each method on each data set: version, options, weights and code."""
        found: dict[str, dict[str, str]] = {}
        for pairing in self._expansion.pairings:
            identity = method_identity(pairing, self._config, self._code)
            found.setdefault(pairing.method.key, {})[pairing.dataset.key] = identity
        return found

    def admit(self, premises: Premises) -> None:
        """Compare what is here with what the run was planned with.

        Raises:
            UsageError: There are differences; it tells them.
        """
        wrong = [*differences(premises, versions(), code_of(self._plugins))]
        here = self.identities()
        for method, by_dataset in premises.identities.items():
            for dataset, identity in by_dataset.items():
                found = here.get(method, {}).get(dataset)
                if found is None:
                    reasons = [line for line in self._expansion.skipped if line.startswith(f"{method}:")]
                    wrong += reasons or [f"{method} cannot be run on {dataset} there"]
                elif found != identity:
                    wrong.append(f"{method} has another version, other options, weights or code there")
        if wrong:
            raise UsageError(_listed(dict.fromkeys(wrong)))

    def others(self, unit: Unit) -> list[str]:
        """The results of a unit that would be of something else here: other images, text features, methods, metrics.

        Every file is read once, and again when it has changed. Other work than fusing compares its files itself.

        Returns:
            The identities of the results that were asked for.
        """
        if unit.work != FUSING:
            return []
        wanted = {job.sample for job in unit.jobs if not job.error}
        pairings = [
            self._narrowed(pairing, wanted)
            for pairing in self._expansion.pairings
            if pairing.dataset.key == unit.dataset and pairing.method.key in unit.methods
        ]
        narrowed = Expansion(pairings=pairings, metrics=self._expansion.metrics)
        facts = {key: self._read(key, dataset.samples, narrowed) for key, dataset in narrowed.datasets.items()}
        here = {
            item.cell.fusion: set(item.cell.metrics)
            for item in plan.plan_cells(narrowed, self._config, facts, self._code)
        }
        return [
            job.fusion
            for job in unit.jobs
            if not job.error and (job.fusion not in here or not here[job.fusion].issuperset(job.metrics))
        ]

    def stamps(self, unit: Unit) -> dict[str, list[tuple[str, str]]]:
        """The files of each sample of a unit as they were when they were compared."""
        known = {job.sample: self._facts.get((unit.dataset, job.sample)) for job in unit.jobs}
        return {
            sample: [(str(path), str(stamp)) for path, stamp in facts.stamps]
            for sample, facts in known.items()
            if facts is not None
        }

    def _narrowed(self, pairing: Pairing, samples: Iterable[str]) -> Pairing:
        """With these samples only; what identifies them beside their files is asked for once, and of the whole."""
        key = (pairing.method.key, pairing.dataset.key)
        if key not in self._fingerprinted:
            if pairing.spec.fingerprint is not None:
                found = fingerprints(pairing)
                spec = dataclasses.replace(pairing.spec, fingerprint=lambda options, dataset: found)
                pairing = dataclasses.replace(pairing, method=dataclasses.replace(pairing.method, spec=spec))
            self._fingerprinted[key] = pairing
        pairing = self._fingerprinted[key]
        chosen = set(samples)
        few = tuple(sample for sample in pairing.dataset.samples if sample.id in chosen)
        return dataclasses.replace(pairing, dataset=dataclasses.replace(pairing.dataset, samples=few))

    def _read(self, dataset: str, samples: Iterable[Sample], expansion: Expansion) -> Mapping[str, SampleFacts]:
        samples = tuple(samples)
        unread = [sample for sample in samples if not _current(self._facts.get((dataset, sample.id)))]
        with_text = any(pairing.spec.text != "none" for pairing in expansion.pairings)
        if with_text:  # may not have been read for a method without
            unread = list(samples)
        found = inspect_samples(unread, None, workers=self._config.workers, with_text=with_text)
        self._facts |= {(dataset, sample): facts for sample, facts in found.items()}
        return {sample.id: self._facts[dataset, sample.id] for sample in samples}


def _current(facts: SampleFacts | None) -> bool:
    """Whether the files of a sample are still those that were read."""
    return facts is not None and not facts.error and all(stamp_of(path) == stamp for path, stamp in facts.stamps)


def _listed(reasons: Iterable[str]) -> str:
    lines = list(reasons)
    more = f" (and {len(lines) - _SHOWN} more)" if len(lines) > _SHOWN else ""
    return "; ".join(line.removesuffix(".") for line in lines[:_SHOWN]) + more


def visible(premises: Premises) -> bool:
    """Whether the run folder is the same here, and can be written.

    Raises:
        UsageError: It is not, and the run relies on it.
    """
    if premises.pictures == "returned":
        return False
    there = _writable(Path(premises.folder), premises)
    if premises.pictures == "shared" and not there:
        raise UsageError(f"the run folder {shown(Path(premises.folder))} is not to be seen there, or not to be written")
    return there


def _writable(folder: Path, premises: Premises) -> bool:
    images = folder / IMAGES
    try:
        if premises.marker.read_text(encoding="utf-8") != premises.run:
            return False
        images.mkdir(exist_ok=True)
    except (OSError, ValueError):
        return False
    return os.access(folder, os.W_OK) and os.access(images, os.W_OK)
