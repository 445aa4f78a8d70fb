"""All that only a GPU shows, in one call of ten minutes: agreement with the CPU, precision, speed, memory, retreat.

    python benchmarks/gpu.py --out gpu.json [--minutes 9] [--device cuda:0] [--size 480x640] [PART ...]
    python benchmarks/gpu.py --table gpu.json

Weights are those that ship or lie in the weights folder; random ones stand in for absent ones where that changes
nothing. Images are the demo's, which are generated. Each part has its share of the time, writes what it found to the
file at once, and says what it left out for want of time; one that fails is a record, not the end. Without a GPU it says
so and ends with status 3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import fusionbench as fb
from fusionbench.atomic import replacing
from fusionbench.data import open_dataset
from fusionbench.devices import pick_device
from fusionbench.fusing import DecodedSample, FusedImage, Fuser, decode_sample
from fusionbench.fusing.cost import measure_cost
from fusionbench.fusing.loading import load_fuser_or_untrained
from fusionbench.metrics import Scorer
from fusionbench.metrics.scoring import Scores
from fusionbench.plugins import current_plugins
from fusionbench.runs import provenance
from fusionbench.runs.config import RunConfig
from fusionbench.runs.environment import prepare_process
from fusionbench.types import FusionBenchError, MethodSpec, MetricSpec, Task, UsageError, described

SIX = ("EN", "SD", "SF", "AG", "VIF", "Qabf")
# Ways of methods that need no files of their user, and less work where an image takes minutes.
OPTIONS: dict[str, dict[str, Any]] = {"ddfm": {"steps": 5}, "film-compact": {"text": "offline"}}
# Reads pictures that others made.
EXCEPTIONS = {"precomputed"}
# The first is what the others are compared with; compiling takes longest.
WAYS = ("float32", "bfloat16", "float16", "channels-last", "compiled")
NO_GPU = 3
_CPU = torch.device("cpu")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every part is told.

    Attributes:
        device: The GPU.
        size: Height and width of images whose fusing is timed.
        deadline: On the monotonic clock, when the part has to end.
        repeats: How often a call is timed.
    """

    device: torch.device
    size: tuple[int, int]
    deadline: float
    repeats: int = 10

    @property
    def late(self) -> bool:
        """Whether the part's time is over."""
        return time.monotonic() >= self.deadline


def methods(*, learned: bool = False) -> list[MethodSpec]:
    """The methods that can be measured without files of features, quick ones first."""
    found = [
        spec
        for spec in current_plugins().methods.values()
        if spec.name not in EXCEPTIONS
        and (spec.text != "required" or spec.name in OPTIONS)
        and (spec.weights or not learned)
    ]
    return sorted(found, key=lambda spec: (spec.name == "ddfm", bool(spec.weights), spec.name))


def metrics() -> list[MetricSpec]:
    """All metrics of all profiles."""
    return list(current_plugins().metrics.values())


def loaded(spec: MethodSpec, task: Task, device: torch.device, precision: str = "float32") -> Fuser:
    """The method with its weights, or with the same random ones on each device."""
    torch.manual_seed(0)
    fuser, _ = load_fuser_or_untrained(
        spec, device=device, task=task, options=OPTIONS.get(spec.name, {}), precision=precision
    )
    return fuser


def scenes(task: Task, count: int = 2) -> list[DecodedSample]:
    """Decoded samples of the demo's data set of a task."""
    dataset = open_dataset(f"demo-{task.lower()}")
    return [decode_sample(sample) for sample in dataset.samples[:count]]


def result_of(fuser: Fuser, sample: DecodedSample) -> FusedImage:
    """The fused image; a failure is raised."""
    torch.manual_seed(0)
    (result,) = fuser.fuse_samples([sample])
    if isinstance(result, FusionBenchError):
        raise result
    return result


def fused(fuser: Fuser, samples: Sequence[DecodedSample]) -> list[Tensor]:
    """The pixels of their fused images."""
    return [result_of(fuser, sample).pixels for sample in samples]


def finished(scores: Scores) -> Scores:
    """The scores, all of them computed: a GPU is still at it when a call returns."""
    for values in scores.values.values():
        values.cpu()
    return scores


def attempted(records: Iterator[Record], **facts: Any) -> Iterator[Record]:
    """The records, and one that says why where there are no more."""
    try:
        yield from records
    except Exception as error:
        yield {**facts, "error": f"{type(error).__name__}: {error}"}


def agreement(bench: Bench) -> Iterator[Record]:
    """CPU = CUDA: each method's picture and each metric's value."""

    def of_method(spec: MethodSpec, task: Task) -> Iterator[Record]:
        samples = scenes(task)
        found, expected = (fused(loaded(spec, task, device), samples) for device in (bench.device, _CPU))
        differences = torch.cat([(a.int() - b.int()).abs().flatten() for a, b in zip(found, expected, strict=True)])
        yield {
            "method": spec.name,
            "task": str(task),
            "levels": int(differences.max()),
            "pixels": float((differences > 0).double().mean()),
        }

    specs = metrics()
    (sample,) = scenes(Task.IVF, 1)
    picture = sample.sources[1]
    for dtype in ("float64", "float32"):
        values = [
            Scorer.of_specs(specs, device=device, dtype=dtype, eight_bit=True).scores(
                picture[None].to(device), [source[None].to(device) for source in sample.sources], picture[None]
            )
            for device in (bench.device, _CPU)
        ]
        for spec in specs:
            if error := next((value.errors[spec.key] for value in values if spec.key in value.errors), ""):
                yield {"metric": spec.key, "dtype": dtype, "error": error}
            else:
                found, expected = (float(value.values[spec.key][0]) for value in values)
                same = found == expected or (found != found and expected != expected)
                relative = 0.0 if same else abs(found - expected) / max(abs(expected), 1e-12)
                yield {"metric": spec.key, "dtype": dtype, "relative": relative}
    for spec in methods():
        for task in spec.tasks:
            if bench.late:
                yield {"method": spec.name, "task": str(task), "left_out": "time"}
            else:
                yield from attempted(of_method(spec, task), method=spec.name, task=str(task))


def precision(bench: Bench) -> Iterator[Record]:
    """What autocast, torch.compile and channels-last do to the six metrics and to the time."""

    def of_way(spec: MethodSpec, way: str, exact: dict[str, float]) -> Iterator[Record]:
        task = spec.tasks[0]
        samples = scenes(task)
        scorer = Scorer(SIX, device=bench.device, eight_bit=True)
        fuser = loaded(spec, task, bench.device, way if way in ("bfloat16", "float16") else "float32")
        if way == "channels-last":
            fuser.network.to(memory_format=torch.channels_last)
        if way == "compiled":
            fuser.method.network = torch.compile(fuser.network)
        pictures = fused(fuser, samples)
        started = time.perf_counter()
        fused(fuser, samples)
        seconds = (time.perf_counter() - started) / len(samples)
        columns = [
            scorer.score(picture[None], [source[None] for source in sample.sources])
            for picture, sample in zip(pictures, samples, strict=True)
        ]
        means = {name: statistics.fmean(float(column[name][0]) for column in columns) for name in SIX}
        if way == WAYS[0]:
            exact.update(means)
        change = {name: means[name] - exact[name] for name in SIX} if exact else None
        yield {"method": spec.name, "way": way, "seconds": seconds, "change": change}

    for spec in methods(learned=True):
        if spec.lowers_precision:
            exact: dict[str, float] = {}
            for way in WAYS:
                facts = {"method": spec.name, "way": way}
                yield from (
                    [{**facts, "left_out": "time"}] if bench.late else attempted(of_way(spec, way, exact), **facts)
                )


def speed(bench: Bench) -> Iterator[Record]:
    """Seconds and memory of each method's network, for one image and for eight."""

    def of_method(spec: MethodSpec, count: int) -> Iterator[Record]:
        options = OPTIONS.get(spec.name, {})
        cost = measure_cost(
            spec, size=bench.size, device=bench.device, options=options, batch_size=count, repeats=bench.repeats
        )
        yield {
            "method": spec.name,
            "images": count,
            "seconds": cost.median,
            "per_second": cost.throughput,
            "gflops": cost.flops / 1e9,
            "memory": cost.memory,
            "untrained": cost.untrained,
        }

    for spec in methods():
        for count in (1, 8) if spec.batched else (1,):
            if bench.late:
                yield {"method": spec.name, "images": count, "left_out": "time"}
            else:
                yield from attempted(of_method(spec, count), method=spec.name, images=count)


def metrics_in_batches(bench: Bench) -> Iterator[Record]:
    """Images scored per second, on the GPU and on the CPU, by profile and size of the batch."""
    generator = torch.Generator().manual_seed(0)
    profiles = dict.fromkeys(spec.profile for spec in metrics())
    for profile in profiles:
        for device in (bench.device, _CPU):
            for count in (1, 8, 32) if device.type == "cuda" else (1,):
                facts = {"profile": profile, "device": device.type, "images": count}
                if bench.late:
                    yield {**facts, "left_out": "time"}
                    continue
                images = [torch.rand(count, 1, *bench.size, generator=generator).to(device) for _ in range(3)]
                scorer = Scorer("all", [profile], device=device)

                def score(scorer: Scorer = scorer, images: list[Tensor] = images) -> Iterator[Record]:
                    finished(scorer.scores(images[0], images[1:]))
                    started = time.perf_counter()
                    scores = finished(scorer.scores(images[0], images[1:]))
                    seconds = (time.perf_counter() - started) / len(images[0])
                    yield {"seconds": seconds, "metrics": len(scores.values), "without_value": len(scores.errors)}

                yield from ({**facts, **record} for record in attempted(score()))


def retreat(bench: Bench) -> Iterator[Record]:
    """With little memory left, batches are halved and images tiled: same pictures, and a note that says so."""
    if bench.device.type != "cuda":
        yield {"left_out": "only a GPU's memory can be limited"}
        return
    height, width = bench.size
    generator = torch.Generator().manual_seed(0)
    sources = tuple(torch.rand(1, 2 * height, 2 * width, generator=generator) for _ in range(2))
    sample = DecodedSample(
        id="large", task=Task.IVF, sources=sources, eight_bit=(False, False), coloured=(False, False)
    )
    for spec in methods(learned=True):
        if spec.overlap is None or Task.IVF not in spec.tasks:
            continue
        if bench.late:
            yield {"method": spec.name, "left_out": "time"}
            continue
        yield from attempted(_limited(spec, sample, bench.device), method=spec.name)


def _limited(spec: MethodSpec, sample: DecodedSample, device: torch.device) -> Iterator[Record]:
    total = torch.cuda.get_device_properties(device).total_memory
    fuser = loaded(spec, Task.IVF, device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    whole = result_of(fuser, sample)
    needed = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction((before + needed / 2) / total, device)
        cut = result_of(fuser, sample)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    levels = int((whole.pixels.int() - cut.pixels.int()).abs().max())
    yield {"method": spec.name, "needed": needed, "levels": levels, "notes": list(cut.notes)}


def two_workers(bench: Bench) -> Iterator[Record]:
    """A run with two processes on one device: the same table, and its wall time beside that of one."""
    chosen = [spec.name for spec in methods() if Task.IVF in spec.tasks and not spec.weights][:4]
    shipped = [spec.name for spec in methods(learned=True) if any(weight.package_file for weight in spec.weights)]
    chosen += [name for name in shipped if Task.IVF in current_plugins().methods[name].tasks][:2]
    tables = {}
    with tempfile.TemporaryDirectory() as temporary:
        for processes in (1, 2):
            device = ",".join([str(bench.device)] * processes)
            started = time.perf_counter()
            run = fb.run(chosen, "demo-ivf", out=f"{temporary}/{processes}", device=device)
            frame = run.frame().sort_values(["method", "sample", "metric"])
            tables[processes] = frame[["method", "sample", "metric", "value", "image_sha256"]].to_csv(index=False)
            yield {"processes": processes, "seconds": time.perf_counter() - started, "failed": run.failed}
    yield {"processes": 2, "same_table": tables[1] == tables[2]}


PARTS: dict[str, tuple[float, Callable[[Bench], Iterator[Record]]]] = {
    "agreement": (0.3, agreement),
    "speed": (0.25, speed),
    "precision": (0.2, precision),
    "metrics": (0.1, metrics_in_batches),
    "retreat": (0.08, retreat),
    "workers": (0.07, two_workers),
}
"""By name its share of the time, and the part. What one leaves over is for the next ones."""


def measure(device: torch.device, parts: Sequence[str], minutes: float, size: tuple[int, int], out: Path) -> Record:
    """Do the parts, and write what is known after each of them."""
    prepare_process(RunConfig(), device=str(device))
    found: Record = {"environment": provenance.environment([str(device)]), "size": list(size), "parts": {}}
    end = time.monotonic() + 60 * minutes
    for index, name in enumerate(parts):
        shares = [PARTS[other][0] for other in parts[index:]]
        started = time.monotonic()
        bench = Bench(device=device, size=size, deadline=started + max(0.0, end - started) * shares[0] / sum(shares))
        records: list[Record] = []
        try:
            for record in PARTS[name][1](bench):
                records.append(record)
        except Exception as error:
            traceback.print_exc()
            records.append({"error": f"{type(error).__name__}: {error}"})
        found["parts"][name] = {"seconds": time.monotonic() - started, "records": records}
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(f"{name}: {len(records)} records, {time.monotonic() - started:.0f} s", flush=True)
    return found


def table(found: Record) -> str:
    """What was found, as Markdown: a table for each part."""
    facts = found["environment"]
    where = facts.get("gpu", {}).get("name", facts["device"])
    lines = [f"{where}, torch {facts['libraries'].get('torch')}, fusionbench {facts['version']}."]
    for name, part in found["parts"].items():
        columns = list(dict.fromkeys(key for record in part["records"] for key in record))
        lines += ["", f"### {name} ({part['seconds']:.0f} s)", ""]
        lines += [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
        lines += [f"| {' | '.join(_cell(record.get(column)) for column in columns)} |" for record in part["records"]]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return "; ".join(map(_cell, value))
    text = f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


def main() -> int:
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", default="cuda:0", help="cpu: to try the script")
    parser.add_argument("--size", type=_size, default="480x640", help="height x width")
    parser.add_argument("--table", type=Path, help="print the tables of such a file, and measure nothing")
    arguments = parser.parse_args()
    if arguments.table:
        try:
            print(table(json.loads(arguments.table.read_text(encoding="utf-8"))), end="")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            parser.error(f"{arguments.table} is no file of this script: {described(error)}")
        return 0
    if unknown := sorted(set(arguments.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device: nothing was measured.", file=sys.stderr)
        return NO_GPU
    try:
        device = pick_device(arguments.device)
    except UsageError as error:
        parser.error(str(error))
    found = measure(device, arguments.parts or list(PARTS), arguments.minutes, arguments.size, arguments.out)
    print(table(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
