"""What becomes of a fused image: it is written, and what was written is scored."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from fusionbench.atomic import make_folder
from fusionbench.fusing import DecodedSample, FusedImage
from fusionbench.images.decode import read_image
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import file_sha256
from fusionbench.metrics import Scorer
from fusionbench.metrics.loading import load_networks
from fusionbench.metrics.sources import KnownSources
from fusionbench.results.records import FusionRecord, MetricKey, PictureRecord
from fusionbench.runs.config import RunConfig
from fusionbench.runs.pictures import located, put, remove
from fusionbench.runs.units import Job
from fusionbench.types import FusionBenchError, MetricSpec, WeightsError, described, raised_at

# Scoring takes several hundred bytes a pixel: images of more pixels than this are scored one at a time.
_LARGE = 4_000_000


class Known:
    """A decoded sample, with what is computed of it once for all of its fused images.

    Args:
        item: The sample.
        seconds: Wall time of decoding it.
        size: Bytes that are kept at most of what is computed.
    """

    def __init__(self, item: DecodedSample, seconds: float, *, size: int) -> None:
        self.item = item
        self.seconds = seconds
        self.sources = KnownSources(item.sources, item.reference, size=size)


class Finisher:
    """Writes fused images and scores what was written. Used from threads.

    Args:
        metrics: The run's metrics.
        config: The run's settings.
        folder: The run folder.
        device: Where scores are computed.
    """

    def __init__(self, metrics: Sequence[MetricSpec], config: RunConfig, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.device = device
        self.keep = config.images
        self.dtype = config.scoring
        self._by_key: dict[MetricKey, MetricSpec] = {(m.name, m.profile, m.version): m for m in metrics}
        self._scorers: dict[tuple[MetricKey, ...], Scorer] = {}
        self._alone = threading.Lock()

    def prepare(self, jobs: Iterable[Job]) -> None:
        """Load what metrics need for these jobs; before methods compute, whose random numbers that would disturb."""
        keys = dict.fromkeys(key for job in jobs for key in job.metrics)
        load_networks((self._by_key[key] for key in keys if key in self._by_key), self.device)

    def finish(self, job: Job, sample: Known, fused: FusedImage | None) -> FusionRecord:
        """Write (unless the image exists) and score one fused image."""
        timings = {"decode": sample.seconds}
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

    def _score(self, job: Job, sample: Known, pixels: Tensor) -> tuple[dict[MetricKey, float], dict[MetricKey, str]]:
        """Values and errors, as the scorer finds them; sources are read as the 8-bit files that papers score."""
        height, width = sample.item.size
        with self._alone if height * width > _LARGE else contextlib.nullcontext():
            values, errors = self._scorer(job.metrics).scores(pixels, sample.sources)
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
            self._scorers[keys] = Scorer.of_specs(specs, device=self.device, dtype=self.dtype, eight_bit=True)
        return self._scorers[keys]


def _stored_pixels(path: Path) -> Tensor:
    image = read_image(path)
    pixels = torch.from_numpy(image.pixels)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
