"""The stream of one unit of work: decode ahead, fuse in batches, score and write behind.

It goes sample by sample: each is decoded once for all methods, and what metrics need of its sources is computed once.
Memory is bounded: at most a window of decoded samples waits before the methods and a few fused ones behind them,
whatever the size of the data set.
"""

from __future__ import annotations

import random
import time
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fusionbench.allocator import release_freed_memory
from fusionbench.fusing import FusedImage, Fuser, decode_sample
from fusionbench.fusing.process_state import shared_process
from fusionbench.results.records import FusionRecord
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Event, Fused, Fusing, Loading, Outcome, Remark
from fusionbench.runs.finishing import Finisher, Known
from fusionbench.runs.units import Job, Unit
from fusionbench.types import FusionBenchError, MetricSpec, Sample, described

_SCORERS = 2
# Pixels of a source decoded ahead at most; one sample may exceed it.
_AHEAD = 2**24
# Bytes of what metrics have computed of the sources of all samples that are in work, about.
_KEPT = 2**30


def stream(
    unit: Unit,
    samples: Mapping[str, Sample],
    load: Callable[[str], Fuser],
    metrics: Sequence[MetricSpec],
    config: RunConfig,
    folder: Path,
    *,
    batch_size: int,
    device: torch.device,
) -> Iterator[Event]:
    """Execute a unit of work.

    Args:
        unit: What to do.
        samples: The data set's samples by id.
        load: Makes a method ready; called only for those that have to fuse something.
        metrics: The run's metrics.
        config: The run's settings.
        folder: The run folder.
        batch_size: Samples of equal size to fuse at once.
        device: Where scores are computed.
    """
    finisher = Finisher(metrics, config, folder, device)
    finisher.prepare(unit.jobs)
    fusers: dict[str, Fuser] = {}
    broken: dict[str, str] = {}
    for method in dict.fromkeys(job.method for job in unit.jobs if not (job.error or job.rescore)):
        yield Loading(method)
        _seed(config.seed)
        try:
            fusers[method], remarks = _listening(load, method)
            yield from remarks
        except FusionBenchError as error:
            broken[method] = str(error)
    wanted: dict[str, list[Job]] = {}
    for job in unit.jobs:
        if reason := job.error or broken.get(job.method):
            yield Outcome.failed(job, reason)
        else:
            wanted.setdefault(job.sample, []).append(job)
    if not any(fuser.spec.batched for fuser in fusers.values()):
        batch_size = 1
    groups = deque(sorted(wanted.values(), key=_size) if batch_size > 1 else wanted.values())
    with_text = any(fuser.spec.text != "none" for fuser in fusers.values())
    with ThreadPoolExecutor(config.workers) as readers, ThreadPoolExecutor(_SCORERS) as finishers:
        window, kept = config.workers + 2 * batch_size, _KEPT // (batch_size + _SCORERS)
        decoded = _decode_ahead(readers, groups, samples, window=window, kept=kept, with_text=with_text)
        finishing: deque[tuple[Job, Future[FusionRecord]]] = deque()
        for batch in _batches(decoded, batch_size):
            for entry in batch:
                if isinstance(entry.known, FusionBenchError):
                    for job in entry.jobs:
                        yield Outcome.failed(job, str(entry.known))
            for portion in _portions(batch, fusers):
                results = yield from _fused(portion, fusers, config.seed)
                for work, result in zip(portion, results, strict=True):
                    if isinstance(result, FusionBenchError):
                        yield Outcome.failed(work.job, str(result))
                    else:
                        task = finishers.submit(finisher.finish, work.job, work.known, result)
                        finishing.append((work.job, task))
                while finishing and (len(finishing) > 2 * batch_size + _SCORERS or finishing[0][1].done()):
                    yield _finished(*finishing.popleft())
        for job, task in finishing:
            yield _finished(job, task)


def _finished(job: Job, task: Future[FusionRecord]) -> Outcome:
    return Outcome(job.method, job.sample, task.result())


def _listening(load: Callable[[str], Fuser], method: str) -> tuple[Fuser, list[Remark]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fuser = load(method)
    return fuser, [Remark(method, str(warning.message)) for warning in caught if warning.category is UserWarning]


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A sample and all that is to be done with it."""

    jobs: Sequence[Job]
    known: Known | FusionBenchError


@dataclass(frozen=True, slots=True)
class _Work:
    """A sample and one job of it."""

    job: Job
    known: Known


def _decode_ahead(
    pool: ThreadPoolExecutor,
    groups: deque[list[Job]],
    samples: Mapping[str, Sample],
    *,
    window: int,
    kept: int,
    with_text: bool,
) -> Iterator[_Decoded]:
    def decode(jobs: Sequence[Job]) -> _Decoded:
        started = time.perf_counter()
        sample = jobs[0].sample
        try:
            if sample not in samples:
                raise FusionBenchError(f"sample {sample} has left the data set while the run was going on.")
            item = decode_sample(samples[sample], with_text=with_text)
        except FusionBenchError as error:
            return _Decoded(jobs, error)
        except Exception as error:
            return _Decoded(jobs, FusionBenchError(f"sample {sample} cannot be read: {described(error)}"))
        return _Decoded(jobs, Known(item, time.perf_counter() - started, size=kept))

    waiting: deque[tuple[int, Future[_Decoded]]] = deque()
    pixels = 0
    while groups or waiting:
        while groups and len(waiting) < window and (not waiting or pixels + _pixels(groups[0]) <= _AHEAD):
            jobs = groups.popleft()
            pixels += _pixels(jobs)
            waiting.append((_pixels(jobs), pool.submit(decode, jobs)))
        size, task = waiting.popleft()
        pixels -= size
        yield task.result()


def _size(jobs: Sequence[Job]) -> tuple[int, int]:
    return jobs[0].size or (0, 0)


def _pixels(jobs: Sequence[Job]) -> int:
    height, width = _size(jobs)
    return height * width


def _batches(decoded: Iterator[_Decoded], batch_size: int) -> Iterator[list[_Decoded]]:
    """Consecutive samples of equal size and number of sources, at most ``batch_size`` of them; bad ones alone."""
    batch: list[_Decoded] = []
    shape: object = None
    for entry in decoded:
        this = (entry.known.item.size, len(entry.known.item.sources)) if isinstance(entry.known, Known) else None
        if batch and (this != shape or this is None or len(batch) >= batch_size):
            yield batch
            batch = []
        batch.append(entry)
        shape = this
    if batch:
        yield batch


def _portions(batch: Sequence[_Decoded], fusers: Mapping[str, Fuser]) -> Iterator[list[_Work]]:
    """The work on a batch, in portions: of one method, to be fused at once or only to be scored."""
    methods: dict[str, list[_Work]] = {}
    for entry in batch:
        if isinstance(entry.known, Known):
            for job in entry.jobs:
                methods.setdefault(job.method, []).append(_Work(job, entry.known))
    for method, works in methods.items():
        fresh = [work for work in works if not work.job.rescore]
        if fresh and fusers[method].spec.batched:
            yield fresh
        else:
            yield from ([work] for work in fresh)
        if len(fresh) < len(works):
            yield [work for work in works if work.job.rescore]


def _fused(
    portion: Sequence[_Work], fusers: Mapping[str, Fuser], seed: int
) -> Generator[Event, None, Sequence[FusedImage | FusionBenchError | None]]:
    """The fused images of a portion, errors in place of those that failed; None where only scores are missing."""
    method = portion[0].job.method
    if portion[0].job.rescore:
        return [None] * len(portion)
    names = tuple(work.job.sample for work in portion)
    yield Fusing(method, names)
    _seed(seed, names[0])
    remarks: list[str] = []
    with shared_process(fusers[method].spec, remarks):
        results = fusers[method].fuse_samples([work.known.item for work in portion])
    yield from (Remark(method, remark) for remark in remarks)
    release_freed_memory()
    yield Fused(method, names)
    return results


def _seed(seed: int, sample: str = "") -> None:
    """One seed for loading, and one for each batch: results do not depend on what was computed before, and by whom."""
    number = (seed << 32) ^ zlib.crc32(sample.encode())
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)
