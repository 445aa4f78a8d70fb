"""What a method costs: parameters, arithmetic, time and memory, measured on images of one size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from fusionbench.fusing.fuser import Fuser, network_of
from fusionbench.fusing.loading import load_fuser_or_untrained
from fusionbench.isolation.method import IsolatedMethod
from fusionbench.native import set_aside
from fusionbench.types import Batch, MethodSpec, Task, UsageError

# Operators that move or make data, or cost nothing; everything else that the counter does not know is named.
_FREE = frozenset(
    (
        *("alias", "as_strided", "clone", "contiguous", "copy_", "detach", "lift_fresh", "resolve_conj", "t", "to"),
        *("_reshape_alias", "_to_copy", "_unsafe_view", "expand", "flatten", "permute", "reshape", "transpose", "view"),
        *("squeeze", "unbind", "unfold", "unsqueeze", "diagonal", "select", "slice", "narrow", "_local_scalar_dense"),
        *("cat", "chunk", "split", "split_with_sizes", "unsafe_split", "stack", "repeat", "roll", "im2col", "col2im"),
        *("arange", "empty", "empty_like", "empty_strided", "eye", "fill", "full", "full_like", "linspace", "ones"),
        *(
            "new_empty",
            "new_full",
            "new_ones",
            "new_zeros",
            "ones_like",
            "scalar_tensor",
            "zero",
            "zeros",
            "zeros_like",
        ),
        *("gather", "index", "index_put", "index_select", "select_scatter", "slice_scatter", "rand", "randn"),
        *("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pixel_shuffle", "pixel_unshuffle"),
    )
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of fusing images of one size.

    Attributes:
        method: Label.
        parameters: Of the network, 0 without one; unused ones count, since the file has them.
        flops: Of one image: convolutions, matrix products and attention, two for a multiply-accumulate.
        uncounted: Operators that computed something and are not in ``flops``.
        median, quartiles: Seconds for one batch: median, and first and third quartile.
        throughput: Images per second at the median.
        memory: Most bytes in use while fusing beyond those in use before; None where it cannot be read.
        untrained: Whether random weights stood in for absent ones, which changes no cost.
        float32: Whether it computed in float32 although another precision was asked for, as classical methods do.
        error: Why there are no numbers; empty if there are.
    """

    method: str
    parameters: int = 0
    flops: int = 0
    uncounted: tuple[str, ...] = ()
    median: float = float("nan")
    quartiles: tuple[float, float] = (float("nan"), float("nan"))
    throughput: float = float("nan")
    memory: int | None = None
    untrained: bool = False
    float32: bool = False
    error: str = ""


def measure_cost(
    spec: MethodSpec,
    *,
    size: tuple[int, int],
    device: torch.device,
    label: str = "",
    task: Task | None = None,
    weights: Path | None = None,
    options: Mapping[str, Any] | None = None,
    precision: str = "float32",
    batch_size: int = 1,
    repeats: int = 10,
    text: tuple[int, int] = (60, 768),
) -> Cost:
    """Load a method and fuse random images with it.

    What is measured is the method's ``fuse``: no decoding, no colour, no saving. Call it in a fresh process
    where memory matters: freed memory that the process keeps would hide what a method needs.

    Args:
        spec: The method.
        size: Height and width of the images, padded to the method's multiple.
        device: Where to compute.
        label: How to call it; the method's name by default.
        task: The task it serves; its first by default.
        weights: A file, instead of the search in the weights folder.
        options: The method's options.
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast.
        batch_size: Images at once.
        repeats: How often the batch is timed, after two batches that are not.
        text: Tokens and width of the text features for methods that read text.

    Raises:
        UsageError: Sizes that the method does not take.
        FusionBenchError: The method cannot be loaded or fails.
    """
    if min(size) < spec.min_size:
        raise UsageError(f"method {spec.name} needs images of at least {spec.min_size} pixels a side.")
    if batch_size > 1 and not spec.batched:
        raise UsageError(f"method {spec.name} fuses one image at a time.")
    task = task or spec.tasks[0]
    images = _Noise(spec=spec, task=task, size=size, text=text, device=device)
    fuser, untrained = load_fuser_or_untrained(
        spec, device=device, task=task, weights=weights, options=options, precision=precision
    )
    network = network_of(fuser.method)
    parameters = sum(p.numel() for p in network.parameters()) if network is not None else 0
    batch, single = images.batch(batch_size), images.batch(1)
    uncounted: tuple[str, ...]
    if isinstance(fuser.method, IsolatedMethod):
        before = fuser.method.resident
        fuser.fuse(batch)
        memory = fuser.method.peak if device.type == "cpu" else None
        flops, uncounted = 0, (f"all of {spec.name}, which computes in a process of its own",)
    else:
        before = _resident(device)
        fuser.fuse(batch)
        _wait(device)
        memory = _most_resident(device)
        flops, uncounted = count_flops(lambda: fuser.fuse(single))
    seconds = [_timed(fuser, batch, device) for _ in range(repeats + 1)][1:]
    times = torch.tensor(seconds, dtype=torch.float64)
    first, median, third = torch.quantile(times, torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    return Cost(
        method=label or spec.name,
        parameters=parameters,
        flops=flops,
        uncounted=uncounted,
        median=median,
        quartiles=(first, third),
        throughput=batch_size / median,
        memory=None if before is None or memory is None else max(memory - before, 0),
        untrained=untrained,
        float32=precision != "float32" and not spec.lowers_precision,
    )


def count_flops(run: Callable[[], Any]) -> tuple[int, tuple[str, ...]]:
    """Floating-point operations of a call, two for each multiply-accumulate, and what was left out.

    Counted are convolutions, matrix products and attention (as matrix products). Element-wise operations,
    normalisation, pooling and interpolation are not; those that occurred are named.
    """
    seen = _Operators()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), set_aside(), seen, counter:
        run()
    counted = {str(packet).rpartition(".")[2] for packet in flop_registry}
    left_out = {name for name in seen.names if name not in counted | _FREE and name.rstrip("_") not in _FREE}
    return int(counter.get_total_flops()), tuple(sorted(left_out))


class _Operators(TorchDispatchMode):
    """Names of the operators that were called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """Random images, and text where the method reads some; the same for every batch."""

    spec: MethodSpec
    task: Task
    size: tuple[int, int]
    text: tuple[int, int]
    device: torch.device

    def batch(self, count: int) -> Batch:
        spec, generator = self.spec, torch.Generator().manual_seed(0)
        height, width = (-(-side // spec.multiple) * spec.multiple for side in self.size)
        channels = 1 if spec.takes == "luma" else 3

        def noise(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator).to(self.device)

        sources = tuple(noise(count, channels, height, width) for _ in range(max(2, spec.sources[0])))
        reads_text = spec.text != "none"
        features = tuple(noise(*self.text) for _ in range(count)) if reads_text else ()
        texts = tuple(("",) * len(sources) for _ in range(count)) if reads_text else ()
        ids = tuple(str(n) for n in range(count))
        return Batch(sources=sources, task=self.task, ids=ids, text=features, texts=texts)


def _timed(fuser: Fuser, batch: Batch, device: torch.device) -> float:
    started = time.perf_counter()
    fuser.fuse(batch)
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _resident(device: torch.device) -> int | None:
    """Bytes in use now; begins a new measurement of the most on an accelerator."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    return _process_memory("VmRSS")


def _most_resident(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return _process_memory("VmHWM")


def _process_memory(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{field}:")), None)
    return None if found is None else int(found.split()[1]) * 1024
