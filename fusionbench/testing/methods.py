"""The contract of a fusion method, held against tiny synthetic samples."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusionbench.fusing import DecodedSample, Fuser
from fusionbench.fusing.fuser import network_of
from fusionbench.fusing.guarded import with_sources
from fusionbench.fusing.loading import load_fuser_or_untrained
from fusionbench.fusing.padding import pad_to_multiple
from fusionbench.fusing.tiling import fuse_in_tiles
from fusionbench.isolation.method import IsolatedMethod
from fusionbench.plugins.options import parse_options
from fusionbench.testing.devices import cuda_device
from fusionbench.testing.findings import Broken, Check, NotApplicable
from fusionbench.testing.samples import Size, sample, sizes
from fusionbench.testing.state import unchanged_process
from fusionbench.types import Batch, FusionBenchError, Method, MethodSpec, Task
from fusionbench.types.protocols import SeesWholeImages

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""How what is registered may be called: it stands on command lines and in names of files."""
_CPU = torch.device("cpu")
ONE_LEVEL = 1
"""Rounding decides differently where the sum of products has another order."""
_SEAM = 1e-4
"""Differences of this size are of single precision, not of what a tile does not see."""


@dataclass
class MethodTrial:
    """A method under examination; its fusers are built once.

    Attributes:
        spec: The method.
        options: Options to examine it with; those of the spec otherwise.
        weights: A weights file; found as for a run if None, a random network where there is none.
        text: Rows and columns of the synthetic text features, for methods that read some.
        plugins: What a worker process must load to know the method, beside what is installed.
    """

    spec: MethodSpec
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    text: Size = (7, 768)
    plugins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._fusers: dict[Task, Fuser] = {}
        self._seen: dict[tuple[Any, ...], Tensor] = {}
        self.untrained = False

    def build(self, task: Task | None = None, device: torch.device = _CPU) -> Fuser:
        """A new fuser; a random network is the same every time, and leaves the global generator as it was."""
        given: dict[str, Any] = {"device": device, "task": task or self.task, "options": self.options}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            fuser, self.untrained = load_fuser_or_untrained(self.spec, weights=self.weights, **given)
        return fuser

    def fuser(self, task: Task | None = None) -> Fuser:
        """The fuser of a task, on the CPU."""
        task = task or self.task
        if task not in self._fusers:
            self._fusers[task] = self.build(task)
        return self._fusers[task]

    @property
    def task(self) -> Task:
        """The task of the checks that need only one."""
        return self.spec.tasks[0]

    @cached_property
    def size(self) -> Size:
        """A size that it takes, odd where it may be."""
        return max(self.spec.min_size, 33), max(self.spec.min_size, 46)

    def sample(self, size: Size | None = None, task: Task | None = None, **facts: Any) -> DecodedSample:
        """A sample that it takes."""
        facts.setdefault("count", max(2, self.spec.sources[0]))
        text = self.text if self.spec.text != "none" else None
        return sample(task or self.task, size or self.size, text=text, **facts)

    def image(self, task: Task | None = None, **facts: Any) -> Tensor:
        """The fused image of :meth:`sample`, uint8; fused once for all checks that look at the same one.

        Whether it would be the same a second time is what one of them finds out.
        """
        given = self.sample(task=task, **facts)
        key = (given.task, given.size, given.coloured, given.id)
        if key not in self._seen:
            (self._seen[key],) = fused(self.fuser(task), given)
        return self._seen[key]

    def batch(self, samples: Sequence[DecodedSample]) -> Batch:
        """What ``fuse`` is given for samples of one size."""
        luma = self.spec.takes == "luma"
        planes = [s.lumas() if luma else [source.expand(3, -1, -1) for source in s.sources] for s in samples]
        stacked = (torch.stack(list(column)) for column in zip(*planes, strict=True))
        reads_text = self.spec.text != "none"
        return Batch(
            sources=tuple(pad_to_multiple(source, self.spec.multiple) for source in stacked),
            task=samples[0].task,
            ids=tuple(s.id for s in samples),
            text=tuple(s.text for s in samples) if reads_text else (),
            texts=tuple(s.texts for s in samples) if reads_text else (),
        )


def fused(fuser: Fuser, *samples: DecodedSample) -> list[Tensor]:
    """Fused images, uint8.

    Raises:
        FusionBenchError: A sample failed.
    """
    results = fuser.fuse_samples(samples)
    for result in results:
        if isinstance(result, FusionBenchError):
            raise result
    return [result.pixels for result in results if not isinstance(result, FusionBenchError)]


def _facts(trial: MethodTrial) -> str:
    spec = trial.spec
    fewest, most = spec.sources
    wrong = {
        f"the name {spec.name!r} is not of lower-case letters, digits and . _ -": not NAME.fullmatch(spec.name),
        "it has no task": not spec.tasks,
        f"sources {spec.sources} is no range from 2 up": fewest < 2 or (most is not None and most < fewest),
        f"multiple is {spec.multiple}": spec.multiple < 1,
        f"min_size is {spec.min_size}": spec.min_size < 1,
        f"overlap is {spec.overlap}": spec.overlap is not None and spec.overlap < 0,
        f"takes is {spec.takes!r}": spec.takes not in ("luma", "rgb"),
        f"text is {spec.text!r}": spec.text not in ("none", "optional", "required"),
        "it has no version": not spec.version,
    }
    found = [what for what, is_wrong in wrong.items() if is_wrong]
    if found:
        raise Broken("; ".join(found) + ".", "See fusionbench.MethodSpec.")
    parse_options("method", spec, trial.options)
    lacking = [name for name, has in (("summary", spec.summary), ("paper", spec.paper)) if not has]
    return f"no {' and no '.join(lacking)}: `fusionbench info` and `cite` have nothing to say" if lacking else ""


def _loads(trial: MethodTrial) -> str:
    fuser = trial.fuser()
    if not isinstance(fuser.method, Method):
        raise Broken("its factory returns something without load and fuse.", "See fusionbench.Method.")
    if isinstance(fuser.method, IsolatedMethod):
        return "in its own environment: " + ", ".join(
            f"{what} {version}" for what, version in fuser.method.versions.items()
        )
    return "its weights are not here: a random network stands in" if trial.untrained else ""


def _sizes(trial: MethodTrial) -> str:
    tried = sizes(trial.spec.min_size)
    for size in tried:
        try:
            image = trial.image(size=size)
        except FusionBenchError as error:
            raise Broken(
                f"an image of {size[1]}x{size[0]}: {error}",
                "Declare min_size and multiple, or pad with reflection and crop.",
            ) from error
        if tuple(image.shape[-2:]) != size:
            raise Broken(f"{size[1]}x{size[0]} came back as {image.shape[-1]}x{image.shape[-2]}.")
    return ", ".join(f"{width}x{height}" for height, width in tried)


def _channels(trial: MethodTrial) -> str:
    count = max(2, trial.spec.sources[0])
    for coloured in ([False] * count, [True] * count, [False] + [True] * (count - 1)):
        image = trial.image(coloured=coloured)
        if image.shape[0] == 3 and not any(coloured) and trial.spec.takes == "luma":
            raise Broken("gray sources give an image with three channels.", "A luma method returns one channel.")
        if image.shape[0] not in (1, 3):
            raise Broken(f"the image has {image.shape[0]} channels.")
    return "gray, RGB and both"


def _sources(trial: MethodTrial) -> str:
    fewest, most = trial.spec.sources
    counts = [fewest, min(fewest + 2, most or fewest + 2)]
    for count in dict.fromkeys(counts):
        trial.image(count=count)
    return ", ".join(str(count) for count in dict.fromkeys(counts))


def _tasks(trial: MethodTrial) -> str:
    for task in trial.spec.tasks:
        trial.image(task)
    return ", ".join(trial.spec.tasks)


def _values(trial: MethodTrial) -> str:
    if trial.untrained:
        raise NotApplicable("what a random network returns says nothing")
    result = trial.fuser().fuse_samples([trial.sample()])[0]
    if isinstance(result, FusionBenchError):
        raise result
    return "; ".join(result.notes)


def _extremes(trial: MethodTrial) -> str:
    given = trial.sample()
    black, white = (tuple(torch.full_like(s, value) for s in given.sources) for value in (0.0, 1.0))
    equal = (given.sources[-1],) * len(given.sources)
    coloured = (given.coloured[-1],) * len(given.sources)
    cases = {
        "black sources": (black, (False,) * len(black)),
        "white sources": (white, (False,) * len(white)),
        "equal sources": (equal, coloured),
    }
    for name, (sources, colours) in cases.items():
        changed = DecodedSample(
            id=name,
            task=given.task,
            sources=sources,
            eight_bit=given.eight_bit,
            coloured=colours,
            text=given.text,
            texts=given.texts,
        )
        try:
            fused(trial.fuser(), changed)
        except FusionBenchError as error:
            if trial.untrained and "outside" in str(error):
                continue
            raise Broken(f"{name}: {error}", "Guard divisions, logarithms and roots against 0.") from error
    return ", ".join(cases)


def _batches(trial: MethodTrial) -> str:
    if not trial.spec.batched:
        raise NotApplicable("it is declared to take one image at a time (batched=False)")
    samples = [trial.sample(seed=seed) for seed in range(3)]
    together = fused(trial.fuser(), *samples)
    alone = [trial.image(seed=seed) for seed in range(3)]
    off = max(difference(a, b) for a, b in zip(together, alone, strict=True))
    if off > ONE_LEVEL:
        raise Broken(
            f"in a batch of 3 an image differs by {off} levels from the same image alone.",
            "Keep statistics per image (dim=(1, 2, 3)), or declare batched=False.",
        )
    return "3 together are as 3 alone" + (", but for roundings of one level" if off else "")


def _tiles(trial: MethodTrial) -> str:
    spec, fuser = trial.spec, trial.fuser()
    if spec.overlap is None:
        raise NotApplicable("large images are never cut: it declares no overlap")
    if isinstance(fuser.method, SeesWholeImages) and fuser.method.whole_image:
        raise NotApplicable("it sees whole images, and these are never cut")
    tile = max(2 * spec.overlap + 20, spec.min_size)
    tile += -tile % spec.multiple
    side = tile + spec.overlap + 11
    batch = trial.batch([trial.sample((side, side + 9))])

    def fuse(sources: Sequence[Tensor]) -> Tensor:
        return fuser.fuse(with_sources(batch, tuple(source.clone() for source in sources)))

    whole = fuse(batch.sources)
    tiled = fuse_in_tiles(fuse, batch.sources, tile=tile, overlap=spec.overlap)
    off = (tiled - whole.float()).abs().max().item()
    if off > _SEAM:
        raise Broken(
            f"in tiles of {tile} pixels the result differs by up to {off:.1g} from the whole image's.",
            "Declare as overlap four times the distance from which a pixel is influenced, or none.",
        )
    return f"tiles of {tile} pixels are as the whole image"


def _determinism(trial: MethodTrial) -> str:
    given = trial.sample()
    first, again, rebuilt = trial.image(), fused(trial.fuser(), given)[0], fused(trial.build(), given)[0]
    if difference(first, again):
        raise Broken("the same sample gives another image the second time.", "Seed a generator in every call of fuse.")
    if difference(first, rebuilt):
        raise Broken("a new instance gives another image.", "Seed what is random in load or fuse.")
    return ""


def _inputs(trial: MethodTrial) -> str:
    batch = trial.batch([trial.sample()])
    before = [source.clone() for source in batch.sources]
    texts = [None if text is None else text.clone() for text in batch.text]
    trial.fuser().fuse(batch)
    if not all(map(torch.equal, before, batch.sources)) or not all(
        a is None or (b is not None and torch.equal(a, b)) for a, b in zip(texts, batch.text, strict=True)
    ):
        raise Broken(
            "fuse changes the tensors that it is given.", "Use a.mul(b) in place of a.mul_(b), or clone first."
        )
    return ""


def _state(trial: MethodTrial) -> str:
    """Comes before everything that loads it: what is changed once for all would not be seen later."""
    given = trial.sample()
    try:
        # Networks draw the numbers that they begin with from torch's generator; `build` puts it back.
        with unchanged_process():
            fuser = trial.build()
        with unchanged_process():
            fused(fuser, given)
    except FusionBenchError as error:
        raise NotApplicable("it does not load or fuse; see below") from error
    return ""


def _device(trial: MethodTrial) -> str:
    if trial.spec.isolated is not None and not torch.cuda.is_available():
        raise NotApplicable("no CUDA device can be pretended in an environment of its own")
    given = trial.sample()
    expected = trial.image()
    with cuda_device() as device:
        fuser = trial.build(device=device)
        network = network_of(fuser.method)
        if isinstance(network, nn.Module):
            parts = [*network.named_parameters(), *network.named_buffers()]
            left = [name for name, value in parts if value.device.type != device.type]
            if left:
                raise Broken(f"{left[0]} of the network stays on the CPU.", "Move it in load: network.to(device).")
        (image,) = fused(fuser, given)
        name = torch.cuda.get_device_name(device)
    off = difference(image, expected)
    if name == "pretended" and off > ONE_LEVEL:
        raise Broken(f"the image on a CUDA device differs by {off} levels from the CPU's.")
    return f"{name} CUDA device"


def _cost(trial: MethodTrial) -> str:
    given = trial.sample((max(128, trial.spec.min_size), max(160, trial.spec.min_size)))
    started = time.perf_counter()
    fused(trial.fuser(), given)
    seconds = time.perf_counter() - started
    network = network_of(trial.fuser().method)
    parameters = sum(p.numel() for p in network.parameters()) if network is not None else 0
    learned = f", {parameters / 1e6:.2f} M parameters ({parameters * 4 / 2**20:.1f} MiB)" if parameters else ""
    return f"{seconds * 1e3:.0f} ms for {given.size[1]}x{given.size[0]}{learned}; `fusionbench cost` measures it"


def difference(first: Tensor, second: Tensor) -> int:
    """Most levels by which two images differ; 255 where their shapes do."""
    return int((first.int() - second.int()).abs().max()) if first.shape == second.shape else 255


CHECKS: tuple[Check[MethodTrial], ...] = (
    Check("facts", _facts, vital=True),
    Check("process unchanged", _state),
    Check("loads", _loads, vital=True),
    Check("sizes", _sizes),
    Check("channels", _channels),
    Check("numbers of sources", _sources, remedy="Declare in `sources` how many it takes."),
    Check("tasks", _tasks, remedy="Declare in `tasks` what it is for."),
    Check("range", _values, remedy="Sources are in [0, 1] and so must be what it returns."),
    Check("flat and equal sources", _extremes),
    Check("batch = loop", _batches),
    Check("tiles = whole", _tiles),
    Check("determinism", _determinism),
    Check("inputs unchanged", _inputs),
    Check("device", _device, remedy="Make tensors on the sources' device: torch.zeros(..., device=a.device)."),
    Check("cost", _cost),
)
