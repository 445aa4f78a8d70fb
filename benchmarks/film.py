"""FILM's inference here against a plain transcription of its specification, in one run.

    python benchmarks/film.py [--height 480] [--width 640] [--tokens 60] [--rounds 3] [--threads N]

The reference below is written from the specification in plain modules: ``nn.MultiheadAttention`` with
its default arguments, layer norms through permutes, every interpolation carried out. Each measurement
is a process of its own, which fuses three times; reference and ours alternate, round after round, since the speed of
shared machines changes within minutes, and what is compared are ratios. ``default`` means glibc's own allocator
settings, ``kept`` those of :mod:`fusionbench.allocator`, which the suite sets when it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPEATS = 3
ROOT = Path(__file__).resolve().parents[1]
CASES = (("reference", "default"), ("ours", "default"), ("reference", "kept"), ("ours", "kept"))


def transcription() -> Any:
    """The specification's network as a module with the official names, without any optimisation."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.body = nn.Module()
            self.body.weight = nn.Parameter(torch.ones(channels))
            self.body.bias = nn.Parameter(torch.zeros(channels))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, c, h, w = x.shape
            pixels = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
            mean = pixels.mean(-1, keepdim=True)
            variance = pixels.var(-1, keepdim=True, unbiased=False)
            pixels = (pixels - mean) / torch.sqrt(variance + 1e-5) * self.body.weight + self.body.bias
            return pixels.reshape(n, h, w, c).permute(0, 3, 1, 2).contiguous()

    class Attention(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.temperature = nn.Parameter(torch.ones(8, 1, 1))
            self.qkv = nn.Conv2d(dim, 3 * dim, 1, bias=False)
            self.qkv_dwconv = nn.Conv2d(3 * dim, 3 * dim, 3, padding=1, groups=3 * dim, bias=False)
            self.project_out = nn.Conv2d(dim, dim, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, c, h, w = x.shape
            q, k, v = (part.reshape(n, 8, c // 8, h * w) for part in self.qkv_dwconv(self.qkv(x)).chunk(3, dim=1))
            weights = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)) * self.temperature
            return self.project_out((weights.softmax(dim=-1) @ v).reshape(n, c, h, w))

    class FeedForward(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.project_in = nn.Conv2d(dim, 8 * dim, 1, bias=False)
            self.dwconv = nn.Conv2d(8 * dim, 8 * dim, 3, padding=1, groups=8 * dim, bias=False)
            self.project_out = nn.Conv2d(4 * dim, dim, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a, b = self.dwconv(self.project_in(x)).chunk(2, dim=1)
            return self.project_out(F.gelu(a) * b)

    class Block(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.norm1, self.attn, self.norm2, self.ffn = Norm(dim), Attention(dim), Norm(dim), FeedForward(dim)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.attn(self.norm1(x))
            return x + self.ffn(self.norm2(x))

    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.multihead_attn = nn.MultiheadAttention(256, 8)

        def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
            text, image = text.permute(1, 0, 2), image.permute(1, 0, 2)
            return self.multihead_attn(text, image, image)[0].permute(1, 0, 2)

    class ToTokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(32, 32, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            grid = F.interpolate(self.conv(x), [288, 384], mode="nearest")
            return grid.contiguous().view(len(x), -1, 256)

    class Stage(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            for s in "AB":
                setattr(self, f"conv{s}1", nn.Conv2d(channels, 32, 3, padding=1, bias=False))
                setattr(self, f"prelu{s}1", nn.PReLU())
                setattr(self, f"conv{s}2", nn.Conv2d(32, 32, 1))
                setattr(self, f"prelu{s}2", nn.PReLU())
                setattr(self, f"conv{s}3", nn.Conv2d(64, 32, 1))
                setattr(self, f"prelu{s}3", nn.PReLU())
                setattr(self, f"restormer{s}1", Block(32))
                setattr(self, f"imagef2textf{s}1", ToTokens())
            self.cross_attentionA1, self.cross_attentionA2 = Cross(), Cross()

        def one(self, s: str, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            of = lambda name: getattr(self, name)  # noqa: E731
            size = list(x.shape[-2:])
            f = of(f"restormer{s}1")(of(f"prelu{s}1")(of(f"conv{s}1")(x)))
            tokens = of(f"imagef2textf{s}1")(f)
            cross = self.cross_attentionA1 if s == "A" else self.cross_attentionA2
            factors = F.normalize(cross(text, tokens).mean(dim=1, keepdim=True), p=1, dim=2)
            guided = (tokens * factors.expand_as(tokens)).view(len(x), 32, 288, 384)
            guided = F.interpolate(guided, size, mode="nearest")
            side = F.interpolate(f, size, mode="nearest")
            p = of(f"prelu{s}2")(of(f"conv{s}2")(guided)) + side
            return of(f"prelu{s}3")(of(f"conv{s}3")(torch.cat((side, p), dim=1)))

        def forward(self, a: torch.Tensor, b: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.one("A", a, text), self.one("B", b, text)

    class Reference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text_process = nn.Module()
            self.text_process.conv = nn.Conv1d(768, 256, 1)
            self.restormerca1, self.restormerca2, self.restormerca3 = Stage(1), Stage(32), Stage(32)
            self.restormer1, self.restormer2, self.restormer3 = Block(64), Block(32), Block(32)
            self.conv1, self.conv2 = nn.Conv2d(64, 32, 1), nn.Conv2d(32, 1, 1)

        def forward(self, a: torch.Tensor, b: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            text = self.text_process.conv(text.permute(0, 2, 1)).permute(0, 2, 1)
            for stage in (self.restormerca1, self.restormerca2, self.restormerca3):
                a, b = stage(a, b, text)
            x = self.conv1(self.restormer1(torch.cat((a, b), dim=1)))
            return torch.sigmoid(self.conv2(self.restormer3(self.restormer2(x))))

    return Reference()


def measure(form: str, allocator: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one form in this process."""
    sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]
    from fusionbench.allocator import keep_freed_memory

    if allocator == "kept" and not keep_freed_memory():
        raise SystemExit("glibc's settings cannot be changed here; unset MALLOC_* and FUSIONBENCH_ALLOCATOR.")
    import torch

    from fusionbench_film.network import Film
    from fusionbench_film.streaming import StreamedFilm

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    film = Film().eval()
    for name, parameter in film.named_parameters():
        # Random weights with which no feature vanishes; the same in every process.
        if parameter.ndim > 1 and "temperature" not in name:
            torch.nn.init.normal_(parameter, std=(parameter.shape[0] / parameter.numel()) ** 0.5)
    a, b = torch.rand(2, 1, 1, options.height, options.width)
    text = torch.rand(1, options.tokens, 768)
    if form == "exact":
        network, a, b, text = StreamedFilm(film.double()), a.double(), b.double(), text.double()
    elif form == "reference":
        network = transcription().eval()
        network.load_state_dict(film.state_dict())
    else:
        network = StreamedFilm(film)
    before = resource.getrusage(resource.RUSAGE_SELF)
    walls, users, systems = [], [], []
    with torch.inference_mode():
        for _ in range(REPEATS):
            start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
            fused = network(a, b, text)
            walls.append(time.perf_counter() - start)
            done = resource.getrusage(resource.RUSAGE_SELF)
            users.append(done.ru_utime - used.ru_utime)
            systems.append(done.ru_stime - used.ru_stime)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if options.save:
        torch.save(fused, options.save)
    return {
        "wall": statistics.median(walls),
        "user": statistics.median(users),
        "system": statistics.median(systems),
        "peak": peak / 1024,
        "network": (peak - before.ru_maxrss) / 1024,
    }


def main() -> None:
    """Measure all cases in processes of their own and print what they give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--save", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*options.case, options)))
        return
    import tempfile

    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environment.pop("FUSIONBENCH_ALLOCATOR", None)
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        sizes = [f"--{name}={getattr(options, name)}" for name in ("height", "width", "tokens", "threads")]
        for case in (*CASES * options.rounds, ("exact", "default")):
            saved = str(Path(folder) / "-".join(case))
            command = [sys.executable, __file__, *sizes, "--case", *case, "--save", saved]
            finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            runs.setdefault(case, []).append(json.loads(finished.stdout))
        import torch

        ours, theirs, exact = (
            torch.load(Path(folder) / f"{form}-default", weights_only=True) for form in ("ours", "reference", "exact")
        )
        difference = float((ours - theirs).abs().max())
        errors = [float((fused - exact).abs().max()) for fused in (theirs, ours)]
    results = {case: {key: statistics.median(run[key] for run in of) for key in of[0]} for case, of in runs.items()}
    size = f"{options.width}x{options.height}, {options.tokens} tokens"
    print(f"{size}, {options.threads} threads, medians of {options.rounds} rounds")
    print(f"{'':22}{'wall s':>9}{'user s':>9}{'system s':>9}{'peak MB':>9}{'above the start MB':>20}")
    for case in CASES:
        values = results[case]
        print(f"{' '.join(case):22}" + "".join(f"{values[k]:9.2f}" for k in ("wall", "user", "system"))
              + f"{values['peak']:9.0f}{values['network']:20.0f}")  # fmt: skip
    print(f"largest difference of the outputs: {difference:.2g}")
    print("distance to float64: reference {:.2g}, ours {:.2g}".format(*errors))
    for text, reference, own in (
        ("as users run them (reference default, ours kept)", ("reference", "default"), ("ours", "kept")),
        ("both default", ("reference", "default"), ("ours", "default")),
        ("both kept", ("reference", "kept"), ("ours", "kept")),
    ):
        a, b = results[reference], results[own]
        cpu = (a["user"] + a["system"]) / (b["user"] + b["system"])
        print(f"{text}: {a['wall'] / b['wall']:.1f}x wall, {cpu:.1f}x CPU, {b['peak'] / a['peak']:.2f}x peak memory")


if __name__ == "__main__":
    main()
