"""Executing a run: plan, check the files, compute what is missing, journal every sample."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.devices import pick_devices
from fusionbench.images.names import shown
from fusionbench.isolation.environments import described as interpreter
from fusionbench.locking import locked
from fusionbench.plugins import Plugins
from fusionbench.results.folder import CONFIG, JOURNAL, LOCK, images_of, write_config
from fusionbench.results.journal import Journal
from fusionbench.results.loading import info_of
from fusionbench.runs import leakage, plan, provenance
from fusionbench.runs.choosing import engage_executor
from fusionbench.runs.computing import Stamps, journal_results
from fusionbench.runs.config import DEFAULT_EXECUTOR, RunConfig
from fusionbench.runs.environment import prepare_process
from fusionbench.runs.executed import Run
from fusionbench.runs.executors import Executor, RunContext
from fusionbench.runs.identity import digest_of, origin_code
from fusionbench.runs.matrix import Expansion
from fusionbench.runs.missing import units_of
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.pictures import Pictures
from fusionbench.runs.preflight import SampleFacts, inspect_samples
from fusionbench.runs.preparing import open_datasets, prepare
from fusionbench.runs.sharing import leaders
from fusionbench.runs.units import Unit
from fusionbench.runs.watching import SilentWatcher, Watcher
from fusionbench.types import DataError, UsageError
from fusionbench.types.complaints import Complaints

__all__ = ["Run", "execute", "open_datasets"]

_COLOUR = {
    "restore": "luma methods' results in colour (YCbCr)",
    "gray": "luma methods' results in gray",
}


def execute(
    config: RunConfig,
    plugins: Plugins,
    *,
    opened: Mapping[str, OpenedDataset] | None = None,
    inline: bool = False,
    watcher: Watcher | None = None,
    complaints: Complaints | None = None,
) -> Run:
    """Carry out a run, or what is missing of it.

    Args:
        config: The settings.
        plugins: What is registered.
        opened: Data sets that are open already; the others are opened.
        inline: Compute in this process instead of a supervised worker: needed for methods and data
            sets that exist only here. A hanging method can then not be interrupted.
        watcher: Told about progress.
        complaints: What is known to be wrong already, told together with what is found here.

    Raises:
        UsageError: The settings cannot be carried out, or another process works in the run folder.
        DataError: A data set cannot be opened.
    """
    watcher = watcher or SilentWatcher()
    data, expansion = prepare(config, plugins, opened=opened, complaints=complaints)
    devices = pick_devices(config.device)
    if inline:
        _refuse_several_processes(config, devices)
    folder = config.folder
    _refuse_own_pictures(expansion, folder)
    with locked(folder, LOCK), Journal(folder / JOURNAL) as journal:
        write_config(folder, config.located().to_yaml())
        facts = provenance.environment(devices) | _described(config, plugins, expansion)
        if slow := journal.write_ahead():
            watcher.notice(f"note: {shown(folder)} {slow}: results are as durable, but take longer to commit.")
        session = journal.begin_session(provenance.now(), facts)
        outcome = "interrupted"
        run = Run(folder, config, expansion.skipped)
        try:
            plugins.notify("fusionbench_run_started", run=run)
            units, stamps = _prepare(expansion, config, plugins, journal, folder, watcher, facts)
            if units:
                engaged = _inline(run, plugins, data) if inline else _engaged(run, plugins, watcher, facts)
                with contextlib.closing(engaged) as executor:
                    journal_results(executor, units, stamps, run, plugins, journal, session, watcher)
            outcome = "complete" if run.complete else "failures"
        finally:
            facts["peak_memory_bytes"] = provenance.peak_memory()
            journal.end_session(session, provenance.now(), outcome, facts)
        run.info = info_of(journal)
        plugins.notify("fusionbench_run_finished", run=run)
    return run


def _refuse_several_processes(config: RunConfig, devices: Sequence[str]) -> None:
    """What exists only in this process cannot be computed by others."""
    if len(devices) > 1 or config.executor != DEFAULT_EXECUTOR:
        asked = f"executor {config.executor}" if config.executor != DEFAULT_EXECUTOR else f"device {config.device}"
        raise UsageError(
            f"{asked} needs methods and data sets that other processes can find, and isolation.",
            hint="Put them into a plugin file and load it with plugins=['file.py'] or -p file.py.",
        )


def _refuse_own_pictures(expansion: Expansion, folder: Path) -> None:
    """A method that reads the files of its own row would read what is replaced or removed."""
    for pairing in expansion.pairings:
        label = pairing.method.key
        place = (folder / images_of(label)).resolve()
        for value in pairing.method.options.values():
            if isinstance(value, Path) and value.expanduser().resolve().is_relative_to(place):
                raise UsageError(
                    f"{label} reads {value}, where this run keeps the pictures of {label}.",
                    hint="Choose another run folder (--out) or another label.",
                )


def _prepare(
    expansion: Expansion,
    config: RunConfig,
    plugins: Plugins,
    journal: Journal,
    folder: Path,
    watcher: Watcher,
    provenance_facts: dict[str, Any],
) -> tuple[list[Unit], Stamps]:
    """Look at the files, say all that is wrong with them at once, and plan what is missing."""
    with_text = any(pairing.spec.text != "none" for pairing in expansion.pairings)
    facts: dict[str, dict[str, SampleFacts]] = {}
    for message in expansion.skipped:
        watcher.notice(f"skipped: {message}")
    for message in expansion.remarks:
        watcher.notice(f"note: {message}")
    for key, dataset in expansion.datasets.items():
        watcher.checking(key, len(dataset.samples))
        facts[key] = inspect_samples(
            dataset.samples, journal, workers=config.workers, with_text=with_text, progress=watcher.checked
        )
        for problem in dataset.problems:
            if problem.fatal:
                watcher.unusable(f"{key}: {problem.message}")
            else:
                watcher.notice(f"{key}: note: {problem.message}")
        for sample, found in facts[key].items():
            if found.error:
                watcher.unusable(f"{key}: {sample} cannot be used: {found.error}")
            if found.text_error:
                watcher.unusable(f"{key}: {sample} cannot be used by methods that read text: {found.text_error}")
            for note in found.notes:
                watcher.notice(f"{key}: note: {note}")
    bad = sum(bool(found.error or found.text_error) for samples in facts.values() for found in samples.values())
    provenance_facts["datasets"] = {
        key: {
            "samples": len(dataset.samples),
            "unusable": sum(bool(found.error) for found in facts[key].values()),
            "problems": [problem.message for problem in dataset.problems],
            "sha256": digest_of([found.sha256 for found in facts[key].values()]),
        }
        for key, dataset in expansion.datasets.items()
    }
    if config.fail_fast and bad:
        raise DataError(f"{bad} samples cannot be used (--fail-fast).")

    known = plugins.methods.values()
    expansion.pairings, leaks, provenance_facts["training"] = leakage.marked(expansion.pairings, facts, known)
    for message in leaks:
        watcher.notice(f"note: {message}")
    planned = plan.plan_cells(expansion, config, facts, origin_code(plugins.methods))
    identities: dict[str, dict[str, str]] = {}
    for item in planned:
        identities.setdefault(item.cell.method, {})[item.cell.dataset] = item.identity
    provenance_facts["identities"] = identities
    pictures = Pictures(folder, journal, workers=config.workers)
    journal.rename({item.former: item.cell.fusion for item in planned if item.former})
    journal.set_cells([item.cell for item in planned], _listings(expansion, facts))
    for key, count in journal.left_out().items():
        if key in expansion.datasets:
            why = "beyond --limit or not in the data set any more" if config.limit else "not in the data set any more"
            watcher.notice(f"{key}: note: {count} samples of earlier runs are {why}; their rows are left out.")
    processes = leaders(expansion.pairings, config)
    units = units_of(planned, journal, pictures, processes, keep=config.images)
    pending = {job.fusion for unit in units for job in unit.jobs}
    watcher.starting(len(pending), sum(item.cell.fusion not in pending for item in planned))
    return units, {(key, sample): fact.stamps for key, known in facts.items() for sample, fact in known.items()}


def _listings(expansion: Expansion, facts: Mapping[str, Mapping[str, SampleFacts]]) -> dict[str, list[tuple[str, str]]]:
    return {
        key: [(sample.id, plan.content_of(facts[key][sample.id])) for sample in dataset.samples]
        for key, dataset in expansion.datasets.items()
    }


def _inline(run: Run, plugins: Plugins, opened: dict[str, OpenedDataset]) -> Executor:
    """This process as the executor."""
    # They import torch, which a process that only supervises does without.
    from fusionbench.runs.inline import InlineExecutor
    from fusionbench.runs.session import Session

    prepare_process(run.config)
    here = dataclasses.replace(run.config, device=pick_devices(run.config.device)[0])
    return InlineExecutor(Session(here, plugins, run.path.absolute(), opened))


def _engaged(run: Run, plugins: Plugins, watcher: Watcher, facts: dict[str, Any]) -> Executor:
    """The executor that the settings name."""
    context = RunContext(
        config=run.config,
        config_path=run.path / CONFIG,
        folder=run.path,
        plugins={name: origin.file for name, origin in plugins.origins.items() if origin.file},
        identities=facts["identities"],
        notice=watcher.notice,
        provenance=facts,
    )
    return engage_executor(context, plugins)


def _described(config: RunConfig, plugins: Plugins, expansion: Expansion) -> dict[str, Any]:
    """What tables need to know of a run, so that they can be made where its plugins are absent."""
    methods = {}
    for pairing in expansion.pairings:
        spec = pairing.spec
        methods[pairing.method.key] = {
            "name": spec.name,
            "title": pairing.method.request.label or spec.title or spec.name,
            "version": spec.version,
            "plugin": str(plugins.methods.origin(spec.name)),
            "takes": spec.takes,
            "options": {k: str(v) for k, v in pairing.method.request.options.items()},
            **provenance.method_facts(spec),
        }
        if spec.isolated is not None:
            found = interpreter(spec, pairing.method.options)
            methods[pairing.method.key]["environment"] = {"python": found.python, "packages": dict(found.packages)}
    return {
        "config": config.to_dict(),
        "profiles": list(config.profiles),
        "colour": _COLOUR[config.colour],
        "methods": methods,
        "pairs": {key: len(dataset.samples) for key, dataset in expansion.datasets.items()},
        "listed": {
            key: {"samples": len(dataset.listed), "sha256": digest_of(dataset.listed)}
            for key, dataset in expansion.datasets.items()
        },
        "metrics": {
            metric.key: {"higher_is_better": metric.higher_is_better, "version": metric.version}
            for metric in expansion.metrics
        },
    }
