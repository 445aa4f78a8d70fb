"""Networks of the baselines against plain transcriptions of the released forward passes.

    python benchmarks/baseline_networks.py [METHOD ...] [--size 480x640] [--threads 2] [--repeats 3]

Both sides have the same random weights and run in turn, in this process. The transcriptions follow the
released code step by step: what it computes and throws away they compute too. The ratio is of CPU
times (user and system), which other work on the machine disturbs less than wall times.

DDFM is timed for one sampling step (size: a multiple of 32).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "baselines")]

Forward = Callable[[], Tensor]


def cddfuse(height: int, width: int) -> tuple[nn.Module, Forward, Forward]:
    from fusionbench.nn.restormer import ChannelLayerNorm, channel_attention
    from fusionbench_cddfuse.network import HEADS, BaseAttention, CDDFuseNet
    from fusionbench_cddfuse.streaming import StreamedCDDFuse

    class PlainAttention(nn.Module):
        def __init__(self, attention: BaseAttention) -> None:
            super().__init__()
            self.parts = attention

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.parts.qkv2(self.parts.qkv1(x)).chunk(3, dim=1)
            return self.parts.proj(channel_attention(q, k, v, heads=HEADS, temperature=self.parts.scale))

    class PlainNorm(nn.Module):
        def __init__(self, norm: ChannelLayerNorm) -> None:
            super().__init__()
            self.body = norm.body

        def forward(self, x: Tensor) -> Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, unbiased=False)
            tokens = (tokens - mean) / torch.sqrt(variance + 1e-5) * self.body.weight + self.body.bias
            return tokens.transpose(1, 2).reshape(x.shape).contiguous()

    def plain_form(module: nn.Module) -> nn.Module:
        for name, child in module.named_children():
            if isinstance(child, BaseAttention):
                setattr(module, name, PlainAttention(child))
            elif isinstance(child, ChannelLayerNorm):
                setattr(module, name, PlainNorm(child))
            else:
                plain_form(child)
        return module

    network = CDDFuseNet().eval()
    a, b = torch.rand(2, 1, 1, height, width)
    ours = StreamedCDDFuse(network)
    plain = CDDFuseNet().eval()
    plain.load_state_dict(network.state_dict())
    plain_form(plain)
    return network, lambda: ours(a, b, a), lambda: plain(a, b, a)


def tardal(height: int, width: int) -> tuple[nn.Module, Forward, Forward]:
    from fusionbench_tardal.network import ConvNorm, Generator

    network = Generator().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    a, b = torch.rand(2, 1, 1, height, width)

    def layers(block: ConvNorm, x: Tensor) -> Tensor:
        for layer in block:
            x = layer(x)
        return F.relu(x)

    def plain() -> Tensor:
        x = layers(network.encoder, torch.cat((a, b), dim=1))
        for block in network.dense:
            x = torch.cat((x, layers(block, x)), dim=1)
        for block in network.fuse[:3]:
            x = layers(block, x)
        return network.fuse[3](x)

    return network, lambda: network(a, b), plain


def metafusion(height: int, width: int) -> tuple[nn.Module, Forward, Forward]:
    from fusionbench_metafusion.network import FusionNet

    network = FusionNet().eval()
    x = torch.rand(1, 4, height, width)

    def plain() -> Tensor:
        y = x
        for block in network.block1:
            y = F.relu(block.conv1_2(F.relu(block.conv1_1(y))))
            y = torch.cat((F.relu(block.conv1_0_00(y)), F.relu(block.conv1_0_01(y))), dim=1)
        for layer in network.block2:
            y = F.relu(y) if isinstance(layer, nn.ReLU) else layer(y)
        return torch.sigmoid(y)

    return network, lambda: network(x), plain


def defusion(height: int, width: int) -> tuple[nn.Module, Forward, Forward]:
    from fusionbench.nn.native import kernel_for
    from fusionbench_defusion.network import DeFusionNet
    from fusionbench_defusion.streaming import StreamedDeFusion

    network = DeFusionNet().eval()
    a, b = torch.rand(2, 1, 3, height + 32, width + 32)
    plain_ours = DeFusionNet().eval().to(memory_format=torch.channels_last)
    plain_ours.load_state_dict(network.state_dict())
    kernel, streamed = kernel_for(a), StreamedDeFusion(network)

    def ours() -> Tensor:
        return plain_ours(a, b) if kernel is None else streamed(kernel, a, b)

    def plain() -> Tensor:
        levels = [network.encode(image) for image in (a, b)]
        pairs = [torch.cat(pair, dim=1) for pair in zip(*levels, strict=True)]
        common = network.common_encoder(pairs[3])
        shared = network._decode_common(common, pairs, levels[0])
        unique = [network._decode_unique(common, own) for own in levels]
        for embedding in (shared, *unique):
            network.decoder_upper_projection_layer(embedding)
        return network.fusion_rule(unique[0] + unique[1] + shared)

    return network, ours, plain


def segmif(height: int, width: int) -> tuple[nn.Module, Forward, Forward]:
    from fusionbench.nn.native import kernel_for
    from fusionbench_segmif.network import CrossGuidance, SegMIFNet
    from fusionbench_segmif.streaming import StreamedFusion

    network = SegMIFNet().eval()
    net = network.fusion
    infrared, visible, guide = torch.rand(3, 1, 1, height, width)

    def heads(tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (8, 8)).transpose(1, 2)

    def context(tokens: Tensor, linear: nn.Linear) -> Tensor:
        k, v = (heads(part) for part in linear(tokens).chunk(2, dim=-1))
        return (k.transpose(-2, -1) @ v * 8**-0.5).softmax(dim=-2)

    def attend(query: Tensor, matrix: Tensor) -> Tensor:
        return (heads(query) @ matrix).transpose(1, 2).flatten(2)

    def cross(module: CrossGuidance, first: Tensor, second: Tensor, third: Tensor) -> list[Tensor]:
        shape = first.shape
        tokens = [x.flatten(2).transpose(1, 2) for x in (first, second, third)]
        projections = (module.channel_proj1, module.channel_proj2, module.channel_proj3)
        halves = [F.relu(linear(x)).chunk(2, dim=-1) for linear, x in zip(projections, tokens, strict=True)]
        shared = context(halves[2][1], module.cross_attn.kv3)
        results = []
        for i in (0, 1):
            own = context(halves[i][0], module.cross_attn2.get_submodule(f"kv{i + 1}"))
            mixed = torch.cat((attend(halves[2][0], own), attend(halves[i][1], shared)), dim=-1)
            mixed = tokens[i] + module.get_submodule(f"end_proj{i + 1}")(mixed)
            normed = module.get_submodule(f"norm{i + 1}")(mixed)
            results.append(normed.transpose(1, 2).reshape(shape))
        return results

    def plain() -> Tensor:
        stages = network.segmentation.denoise_net.encoder(guide.expand(-1, 3, -1, -1), stages=4)
        out1, out2 = (
            F.interpolate(stage, (height, width), mode="bilinear", align_corners=False) for stage in stages[:2]
        )
        a, b = net.DRDB1(net.relu(net.conv1_ir(infrared))), net.DRDB2(net.relu(net.conv1_vis(visible)))
        a, b = cross(net.ffm.cross, a, b, net.conv3(out1))
        a, b = net.DRDB3(a), net.DRDB4(b)
        a, b = cross(net.ffm.cross, a, b, net.conv4(out2))
        fused = net.relu(net.conv2(torch.cat((a, b), dim=1)))
        return net.relu(net.conv22(net.relu(net.conv21(fused))))

    kernel, streamed = kernel_for(infrared), StreamedFusion(net)

    def ours() -> Tensor:
        if kernel is None:
            return network(infrared, visible, guide)
        return streamed(kernel, infrared, visible, *network.guidance(guide))

    return network, ours, plain


def ddfm(height: int, width: int) -> tuple[nn.Module, Forward, Forward | None]:
    from fusionbench_ddfm.sampler import Schedule, sample
    from fusionbench_ddfm.unet import UNet

    with torch.device("meta"):
        network = UNet()
    network.to_empty(device="cpu").eval()
    for parameter in network.parameters():  # a third of the time of torch's own initialisation
        parameter.data.uniform_(-0.01, 0.01)
    i, v = torch.rand(2, 1, 1, height, width) * 2 - 1
    start = torch.randn(1, 3, height, width)
    schedule = Schedule.evenly(100)
    one = Schedule(schedule.steps[-1:], schedule.signal[-1:])
    return network, lambda: sample(network, start, i, v, one), None


METHODS = {f.__name__: f for f in (cddfuse, tardal, metafusion, defusion, segmif, ddfm)}


def _seconds(forward: Forward) -> tuple[float, float]:
    """Wall time and CPU time (user and system, all threads)."""
    started = time.perf_counter(), time.process_time()
    forward()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def _medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    return 1000 * wall, 1000 * cpu


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(METHODS)}; all but ddfm by default")
    parser.add_argument("--size", default="480x640", help="height x width")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {height}x{width}, float32, CPU")
    print("method      parameters  ours: wall ms   CPU ms  plain: wall ms   CPU ms  CPU ratio  largest difference")
    for name in options.methods or [name for name in METHODS if name != "ddfm"]:
        torch.manual_seed(0)
        network, ours, plain = METHODS[name](height, width)
        row = f"{name:10s} {sum(p.numel() for p in network.parameters()):11,d}"
        if plain is None:
            wall, cpu = _medians([_seconds(ours) for _ in range(options.repeats)])
            print(f"{row} {wall:14.0f} {cpu:8.0f}", flush=True)
            continue
        difference = float((ours() - plain()).abs().max())  # also warms both up
        pairs = [(_seconds(ours), _seconds(plain)) for _ in range(options.repeats)]
        (wall, cpu), (plain_wall, plain_cpu) = (_medians(list(times)) for times in zip(*pairs, strict=True))
        row += f" {wall:14.0f} {cpu:8.0f} {plain_wall:15.0f} {plain_cpu:8.0f}"
        print(f"{row} {plain_cpu / cpu:10.2f}  {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
