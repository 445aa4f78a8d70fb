"""What comes from a worker: its answer, and pictures where it does not see the run folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.results.records import PictureRecord
from fusionbench.runs.pictures import located, put
from fusionbench.runs.units import Job, Unit
from fusionbench.types import FusionBenchError, described
from fusionbench_dask.crew import Worker

# Seconds for what a worker has answered to arrive here, and between two looks whether it is still there.
_ANSWER, _FETCH = 600.0, 5.0


def able(client: Any, addresses: Sequence[str], module: str) -> dict[str, str]:
    """By worker why it cannot import a module, empty where it can; those that do not answer are left out."""
    if not addresses:
        return {}
    found = client.run(importlib.import_module, module, workers=[*addresses], on_error="return")
    return {
        address: described(answer) if isinstance(answer, BaseException) else ""
        for address, answer in found.items()
        if not isinstance(answer, OSError)  # it is gone by now, or is asked again
    }


def answer_of(worker: Worker, client: Any) -> tuple[Mapping[str, Any] | None, BaseException | None]:
    """What a worker has answered, or what was raised there; neither if it is gone, and its answer with it."""
    until = time.monotonic() + _ANSWER
    while time.monotonic() < until:
        try:
            return worker.future.result(timeout=_FETCH), None
        except TimeoutError:
            if worker.address not in client.scheduler_info(n_workers=-1)["workers"]:
                break
        except Exception as error:
            return None, error
    return None, None


def is_death(error: BaseException) -> bool:
    """Whether a task failed for the end of its worker, and not by itself."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    return isinstance(error, KilledWorker | CancelledError | CommClosedError)


def pictures_of(folder: Path, unit: Unit) -> dict[str, bytes]:
    """The pictures that a unit only scores, by place; one that cannot be read is missed where it is scored."""
    found = {}
    for job in unit.jobs:
        if job.rescore and job.image is not None:
            found[job.image] = b""
            with contextlib.suppress(OSError, FusionBenchError):
                found[job.image] = located(folder, job.image).read_bytes()
    return found


def put_pictures(folder: Path, job: Job, pictures: Sequence[PictureRecord], contents: Mapping[str, bytes]) -> None:
    """Write the pictures of a job that came with the answer to their places; others are in the run folder already.

    Raises:
        OSError: A picture was damaged on its way, or cannot be written.
        ImageError: A link leads out of the folder of images.
    """
    for picture in pictures:
        content = contents.get(picture.path)
        if content is None or picture.path not in (job.image, *job.copies):
            continue
        if hashlib.sha256(content).hexdigest() != picture.sha256:
            raise OSError("it was damaged on its way")
        put(folder, picture.path, content)
