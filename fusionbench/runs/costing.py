"""What methods cost under stated conditions, each measured in a process of its own."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fusionbench.allocator import keep_freed_memory
from fusionbench.fusing.cost import Cost, measure_cost
from fusionbench.plugins import load_plugins
from fusionbench.runs.config import MethodRequest
from fusionbench.runs.provenance import environment
from fusionbench.types import FusionBenchError, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under what costs are measured.

    Attributes:
        size: Height and width of the images.
        task: Chooses among weights, and how many sources there are; None for the method's first.
        device: As torch names it.
        precision: ``float32``, ``bfloat16`` or ``float16``.
        batch_size: Images fused at once.
        repeats: Timed batches.
        threads: CPU threads; None for torch's own number.
        text: Length and width of text features.
        plugins: As of :func:`fusionbench.plugins.load_plugins`.
    """

    size: tuple[int, int]
    task: Task | None
    device: str
    precision: str
    batch_size: int
    repeats: int
    threads: int | None
    text: tuple[int, int]
    plugins: tuple[str, ...] = ()

    def described(self, *, text: bool) -> dict[str, Any]:
        """What a table's caption says of them; of text features where a method reads them."""
        facts = environment([self.device])
        machine = facts["machine"]
        return {
            "height": self.size[0],
            "width": self.size[1],
            "batch_size": self.batch_size,
            "repeats": self.repeats,
            "precision": self.precision,
            **({"text": self.text} if text else {}),
            "device": facts.get("gpu", {}).get("name") or self.device,
            "machine": f"{machine['processor']}, {machine['cores']} cores".lstrip(", "),
            "threads": self.threads or facts["threads"],
            "version": facts["libraries"]["torch"],
        }


def measure_alone(request: MethodRequest, conditions: Conditions) -> Cost:
    """Measure a method in its own process: its memory and warm caches must not colour the next one's numbers.

    What keeps it from being measured is the ``error`` of what is returned.
    """
    try:
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_measure, request, conditions).result()
    except FusionBenchError as error:
        return Cost(request.key, error=error.message)
    except BrokenProcessPool:
        return Cost(request.key, error="its process died, probably for lack of memory.")


def _measure(request: MethodRequest, conditions: Conditions) -> Cost:
    keep_freed_memory()  # as runs do
    if conditions.threads:
        torch.set_num_threads(conditions.threads)
    spec = load_plugins(conditions.plugins).methods[request.name]
    return measure_cost(
        spec,
        size=conditions.size,
        device=torch.device(conditions.device),
        label=request.key,
        task=conditions.task,
        weights=Path(request.weights) if request.weights else None,
        options=request.options,
        precision=conditions.precision,
        batch_size=conditions.batch_size,
        repeats=conditions.repeats,
        text=conditions.text,
    )
