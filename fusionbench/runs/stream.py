"""The stream of one unit of work: decode ahead, fuse in batches, score and write behind.

Memory is bounded: at most a window of decoded samples waits before the method and a few fused ones
behind it, whatever the size of the data set.
"""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from fusionbench.allocator import release_freed_memory
from fusionbench.atomic import make_folder
from fusionbench.fusing import DecodedSample, FusedImage, Fuser, decode_sample
from fusionbench.images.decode import read_image
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import file_sha256
from fusionbench.metrics import Scorer
from fusionbench.results.records import FusionRecord, MetricKey, PictureRecord
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Event, Fused, Fusing, Outcome, Remark
from fusionbench.runs.pictures import located, put, remove
from fusionbench.runs.units import Job, Unit
from fusionbench.types import FusionBenchError, MetricSpec, Sample, WeightsError, described, raised_at

_SCORERS = 2
# Pixels of a source decoded ahead at most; one sample may exceed it.
_AHEAD = 2**24
# Scoring takes several hundred bytes a pixel: images of more pixels than this are scored one at a time.
_LARGE = 4_000_000


def stream(
    unit: Unit,
    samples: Mapping[str, Sample],
    load: Callable[[], Fuser],
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
        load: Makes the method ready; called only if something has to be fused.
        metrics: The run's metrics.
        config: The run's settings.
        folder: The run folder.
        batch_size: Samples of equal size to fuse at once.
        device: Where scores are computed.
    """
    jobs = deque(job for job in unit.jobs if not job.error)
    for job in unit.jobs:
        if job.error:
            yield Outcome(job.sample, job.failed(job.error))
    fuser: Fuser | None = None
    if any(not job.rescore for job in jobs):
        try:
            fuser, remarks = _listening(load)
            yield from remarks
        except FusionBenchError as error:
            for job in jobs:
                yield Outcome(job.sample, job.failed(str(error)))
            return
    if fuser is None or not fuser.spec.batched:
        batch_size = 1
    if batch_size > 1:
        jobs = deque(sorted(jobs, key=lambda job: job.size or (0, 0)))
    with_text = fuser is not None and fuser.spec.text != "none"
    scoring = _Scoring(metrics, folder, device, keep=config.images)
    with ThreadPoolExecutor(config.workers) as readers, ThreadPoolExecutor(_SCORERS) as finishers:
        decoded = _decode_ahead(readers, jobs, samples, window=config.workers + 2 * batch_size, with_text=with_text)
        finishing: deque[tuple[Job, Future[FusionRecord]]] = deque()
        for batch in _batches(decoded, batch_size):
            ready = [(job, item) for job, item, _ in batch if isinstance(item, DecodedSample)]
            seconds = {job.sample: spent for job, _, spent in batch}
            for job, item, _ in batch:
                if isinstance(item, FusionBenchError):
                    yield Outcome(job.sample, job.failed(str(item)))
            fresh = [(job, item) for job, item in ready if not job.rescore]
            results: dict[str, FusedImage | FusionBenchError] = {}
            if fresh and fuser is not None:
                names = tuple(job.sample for job, _ in fresh)
                yield Fusing(names)
                _seed(config.seed, names[0])
                fused = fuser.fuse_samples([item for _, item in fresh])
                results = dict(zip(names, fused, strict=True))
                release_freed_memory()
                yield Fused(names)
            for job, item in ready:
                result = results.get(job.sample)
                if isinstance(result, FusionBenchError):
                    yield Outcome(job.sample, job.failed(str(result)))
                else:
                    task = finishers.submit(scoring.finish, job, item, result, seconds[job.sample])
                    finishing.append((job, task))
            while finishing and (len(finishing) > 2 * batch_size + _SCORERS or finishing[0][1].done()):
                job, task = finishing.popleft()
                yield Outcome(job.sample, task.result())
        for job, task in finishing:
            yield Outcome(job.sample, task.result())


def _listening(load: Callable[[], Fuser]) -> tuple[Fuser, list[Remark]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fuser = load()
    return fuser, [Remark(str(warning.message)) for warning in caught if warning.category is UserWarning]


_Decoded = tuple[Job, DecodedSample | FusionBenchError, float]


def _decode_ahead(
    pool: ThreadPoolExecutor, jobs: deque[Job], samples: Mapping[str, Sample], *, window: int, with_text: bool
) -> Iterator[_Decoded]:
    def decode(job: Job) -> _Decoded:
        started = time.perf_counter()
        item: DecodedSample | FusionBenchError
        try:
            if job.sample not in samples:
                raise FusionBenchError(f"sample {job.sample} has left the data set while the run was going on.")
            item = decode_sample(samples[job.sample], with_text=with_text)
        except FusionBenchError as error:
            item = error
        except Exception as error:
            item = FusionBenchError(f"sample {job.sample} cannot be read: {described(error)}")
        return job, item, time.perf_counter() - started

    waiting: deque[tuple[int, Future[_Decoded]]] = deque()
    pixels = 0
    while jobs or waiting:
        while jobs and len(waiting) < window and (not waiting or pixels + _pixels(jobs[0]) <= _AHEAD):
            job = jobs.popleft()
            pixels += _pixels(job)
            waiting.append((_pixels(job), pool.submit(decode, job)))
        size, task = waiting.popleft()
        pixels -= size
        yield task.result()


def _pixels(job: Job) -> int:
    height, width = job.size or (0, 0)
    return height * width


def _batches(decoded: Iterator[_Decoded], batch_size: int) -> Iterator[list[_Decoded]]:
    """Consecutive samples of equal size, number of sources and task, at most ``batch_size`` of them."""
    batch: list[_Decoded] = []
    shape: object = None
    for entry in decoded:
        job, item, _ = entry
        this = (item.size, len(item.sources), job.rescore) if isinstance(item, DecodedSample) else None
        if batch and (this != shape or this is None or len(batch) >= batch_size):
            yield batch
            batch = []
        batch.append(entry)
        shape = this
    if batch:
        yield batch


def _seed(seed: int, sample: str) -> None:
    """A seed of its own for each batch, so that results do not depend on what was computed before."""
    torch.manual_seed((seed << 32) ^ zlib.crc32(sample.encode()))


class _Scoring:
    """Writes fused images and scores what was written. Used from threads."""

    def __init__(self, metrics: Sequence[MetricSpec], folder: Path, device: torch.device, *, keep: bool) -> None:
        self.folder = folder
        self.device = device
        self.keep = keep
        self._by_key: dict[MetricKey, MetricSpec] = {(m.name, m.profile, m.version): m for m in metrics}
        self._scorers: dict[tuple[MetricKey, ...], Scorer] = {}
        self._alone = threading.Lock()

    def finish(self, job: Job, sample: DecodedSample, fused: FusedImage | None, decoding: float) -> FusionRecord:
        """Write (unless the image exists) and score one fused image."""
        timings = {"decode": decoding}
        written: list[PictureRecord] = []
        notes = ""
        try:
            if fused is None:
                assert job.image is not None
                pixels = _stored_pixels(located(self.folder, job.image))
            else:
                pixels, notes = fused.pixels, "; ".join(fused.notes)
                timings["fuse"] = fused.seconds
                if self.keep and job.image is not None:
                    started = time.perf_counter()
                    self._write(job, job.image, pixels, written)
                    timings["write"] = time.perf_counter() - started
            started = time.perf_counter()
            scores, errors = self._score(job, sample, pixels)
            timings["score"] = time.perf_counter() - started
        except Exception as error:
            for record in written:
                remove(self.folder, record.path)
            if isinstance(error, FusionBenchError):
                return job.failed(str(error))
            if isinstance(error, OSError | MemoryError):
                return job.failed(f"{job.image} cannot be written: {getattr(error, 'strerror', None) or error}.")
            return job.failed(f"{job.sample} could not be written and scored: {described(error)}{raised_at(error)}")
        return FusionRecord(
            key=job.fusion,
            status="ok",
            seconds=None if fused is None else fused.seconds,
            timings=timings,
            image_sha256=written[0].sha256 if written else None,
            pictures=tuple(written),
            notes=notes,
            scores=scores,
            score_errors=errors,
        )

    def _write(self, job: Job, image: str, pixels: Tensor, written: list[PictureRecord]) -> None:
        """Write the picture to all its places; ``written`` grows with each."""
        array = pixels[0].numpy() if pixels.shape[0] == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
        path = located(self.folder, image)
        make_folder(path.parent)
        write_png(path, array)
        digest = file_sha256(path)
        written.append(PictureRecord(path=image, fusion=job.fusion, sha256=digest))
        for place in job.copies:
            put(self.folder, place, path.read_bytes())
            written.append(PictureRecord(path=place, fusion=job.fusion, sha256=digest))

    def _score(
        self, job: Job, sample: DecodedSample, pixels: Tensor
    ) -> tuple[dict[MetricKey, float], dict[MetricKey, str]]:
        """Values and errors, as the scorer finds them; sources are read as the 8-bit files that papers score."""
        with self._alone if sample.size[0] * sample.size[1] > _LARGE else contextlib.nullcontext():
            values, errors = self._scorer(job.metrics).scores(pixels, sample.sources, sample.reference)
        named = [(key, self._by_key[key].key) for key in job.metrics]
        return (
            {key: float(values[name][0]) for key, name in named if name not in errors},
            {key: errors[name] for key, name in named if name in errors},
        )

    def _scorer(self, keys: tuple[MetricKey, ...]) -> Scorer:
        if keys not in self._scorers:
            if other := [name for name, profile, version in keys if (name, profile, version) not in self._by_key]:
                raise WeightsError(
                    f"{', '.join(other)}: another version, or other weights, than where the run was planned.",
                    hint="Install the same plugins and weights on every machine, or run the same command again.",
                )
            specs = [self._by_key[key] for key in keys]
            self._scorers[keys] = Scorer.of_specs(specs, device=self.device, eight_bit=True)
        return self._scorers[keys]


def _stored_pixels(path: Path) -> Tensor:
    image = read_image(path)
    pixels = torch.from_numpy(image.pixels)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
