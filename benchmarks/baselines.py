"""Our networks against plain transcriptions of their papers: same weights, same images, alternating runs.

A transcription does what the original does, operator by operator: it concatenates, pads, normalises and computes both
streams of a network where only one is read. Ratios are CPU seconds (user and system) of ours / of the transcription,
medians of alternating runs, both under the same allocator (``--allocator default`` for glibc's own). With the default
of one thread, CPU seconds are what the wall clock shows on a machine with nothing else to do.

    python benchmarks/baselines.py [--size 480x640] [--repeats 5] [--threads 1] [METHOD ...]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.allocator import keep_freed_memory
from fusionbench_gifnet.network import GIFNet, GIFNetMethod
from fusionbench_ifcnn.network import IFCNN, IFCNNMethod
from fusionbench_lrrnet.network import LRRNet, LRRNetMethod
from fusionbench_matr.network import MATR, MATRMethod
from fusionbench_murf.network import MURF, MURFMethod
from fusionbench_sdnet.network import SDNet, SDNetMethod
from fusionbench_u2fusion.network import U2Fusion, U2FusionMethod


def _reflected(x: Tensor, width: int = 1) -> Tensor:
    return F.pad(x, (width,) * 4, mode="reflect")


def sdnet(network: SDNet, a: Tensor, b: Tensor) -> Tensor:
    layers, features = network.fusion_model, {}
    for branch, x in (("ir", a), ("vi", b)):
        found = [F.leaky_relu(layers[f"layer1_{branch}"](x), 0.2)]
        for number in (2, 3, 4):
            found.append(F.leaky_relu(layers[f"layer{number}_{branch}"](torch.cat(found, 1)), 0.2))
        features[branch] = found
    pairs = [each for pair in zip(features["ir"], features["vi"], strict=True) for each in pair]
    return torch.tanh(layers["layer5_fuse"](torch.cat(pairs, 1)))


def u2fusion(network: U2Fusion, a: Tensor, b: Tensor) -> Tensor:
    encoder, decoder = network.Generator["encoder"], network.Generator_1["decoder"]
    x = F.leaky_relu(encoder["conv1_1"](_reflected(torch.cat((a, b), 1))), 0.2)
    for number in range(1, 6):
        x = torch.cat((F.leaky_relu(encoder[f"dense_block_conv{number}"](_reflected(x)), 0.2), x), 1)
    for number in (1, 2, 3):
        x = F.leaky_relu(decoder[f"conv2_{number}"](_reflected(x)), 0.2)
    return torch.tanh(decoder["conv2_4"](_reflected(x))) / 2 + 0.5


def lrrnet(network: LRRNet, a: Tensor, b: Tensor) -> Tensor:
    def split(part: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        threshold = part.lamj.view(1, -1, 1, 1)

        def shrink(r: Tensor) -> Tensor:
            return torch.sign(r) * F.relu(torch.abs(r) - threshold)

        z = shrink(part.conv_W00(x))
        for number in range(4):
            block = getattr(part, f"lrrblock{number}")
            z = shrink(part.lamz * z + block.conv_Wdtz(x - block.conv_Wdz(z)))
        return z[:, :128], z[:, 128:]

    decoder = network.decoder
    (low_a, high_a), (low_b, high_b) = split(network.get_ls1, a), split(network.get_ls2, b)
    low = decoder.conv_ReL(torch.cat((decoder.conv_ReZx(low_a), decoder.conv_ReZy(low_b)), 1))
    return low + decoder.conv_ReH(torch.cat((decoder.conv_ReUx(high_a), decoder.conv_ReUy(high_b)), 1))


def ifcnn(network: IFCNN, a: Tensor, b: Tensor) -> Tensor:
    def block(layer: nn.Module, x: Tensor) -> Tensor:
        return F.relu(layer.bn(layer.conv(F.pad(x, (1, 1, 1, 1), mode="replicate"))))

    features = [block(network.conv2, network.conv1(F.pad(x, (3, 3, 3, 3), mode="replicate"))) for x in (a, b)]
    return network.conv4(block(network.conv3, torch.maximum(*features)))


def matr(network: MATR, a: Tensor, b: Tensor) -> Tensor:
    def transformer(x: Tensor) -> Tensor:
        z = x
        for block in network.basicLayer.blocks:
            z = z.reshape(-1, 1, 16)
            query, key, value = block.attn.qkv(block.norm1(z)).view(-1, 1, 3, 8, 2).permute(2, 0, 3, 1, 4).unbind()
            weights = (query * 2**-0.5 @ key.transpose(-1, -2)).softmax(-1)
            z = z + block.attn.proj((weights @ value).transpose(1, 2).reshape(-1, 1, 16))
            z = (z + block.mlp(block.norm2(z))).view(x.shape)
        return z

    x = network.convInput(torch.cat((a, b), 1))
    scales = [x := network.conv(x) for _ in range(3)]
    total = sum(network.conv(transformer(scale)) for scale in scales)
    return torch.tanh(network.convolutional_out.conv1(total))


def murf(network: MURF, a: Tensor, b: Tensor) -> Tensor:
    part = network.f2m_net

    def features(source: str, x: Tensor) -> Tensor:
        for number in (1, 2, 3):
            kernel = getattr(part, f"w_{source}{number}")
            x = F.leaky_relu(F.conv2d(x, kernel, getattr(part, f"b_{source}{number}"), padding="same"), 0.2)
        return x

    laplacian = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(32, 1, 3, 3)

    def edges(x: Tensor) -> Tensor:
        return F.conv2d(x, laplacian, padding=1, groups=32).abs()

    a, b = features("a", a), features("b", b)
    mean = edges(a).mean((2, 3)) + edges(b).mean((2, 3))
    most = edges(a).amax((2, 3)) + edges(b).amax((2, 3))
    scale = torch.sigmoid(part.dense_1(part.dense(mean)) + part.dense_3(part.dense_2(most)))[..., None, None]
    x = F.leaky_relu(F.conv2d(torch.cat((a * scale, b * scale), 1), part.wf1, part.bf1, padding=1, groups=2), 0.2)
    x = F.leaky_relu(F.conv2d(x, part.wf2, part.bf2, padding=1), 0.2)
    return torch.tanh(F.conv2d(x, part.wf3, part.bf3, padding=1)) / 2 + 0.5


def gifnet(network: GIFNet, a: Tensor, b: Tensor) -> Tensor:
    shared = network.getSharedFeatures(torch.cat((a, b), 1))
    part = network.extractor_multask.SwinTransformerSpecific
    height, width = shared.shape[-2:]
    padded = F.pad(shared, (0, -width % 4, 0, -height % 4), mode="reflect")
    streams = {"": part.patch_embed_ivif(padded), "_mfif": part.patch_embed_mfif(padded)}

    def norm(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean((1, 2, 3), keepdim=True)
        deviation = torch.sqrt(((x - mean) ** 2).mean((1, 2, 3), keepdim=True) + 1e-5)
        return (x - mean) / deviation * layer.weight + layer.bias, layer.meta1(deviation), layer.meta2(mean)

    def windows(x: Tensor, shift: int) -> Tensor:
        tall, wide = x.shape[-2:]
        right, below = (((shift + -side % 8) % 8) if shift else -side % 8 for side in (wide, tall))
        x = F.pad(x, (shift, right, shift, below), mode="reflect")
        n, c, h, w = x.shape
        return x.view(n, c, h // 8, 8, w // 8, 8).permute(0, 2, 4, 3, 5, 1).reshape(-1, 64, c)

    def unwindow(x: Tensor, shift: int, tall: int, wide: int) -> Tensor:
        rows, columns = (
            (side + shift + (((shift + -side % 8) % 8) if shift else -side % 8)) // 8 for side in (tall, wide)
        )
        x = x.view(-1, rows, columns, 8, 8, 98).permute(0, 5, 1, 3, 2, 4).reshape(-1, 98, rows * 8, columns * 8)
        return x[..., shift : shift + tall, shift : shift + wide]

    for number, block in enumerate(part.layer1.blocks):
        shift, attn, made = 4 * number, block.attn, {}
        tall, wide = streams[""].shape[-2:]
        for stream, x in streams.items():
            normed, scale, level = norm(getattr(block, f"norm1{stream}"), x)
            value = getattr(attn, f"V{stream}")(normed)
            qkv = windows(torch.cat((getattr(attn, f"QK{stream}")(normed), value), 1), shift)
            made[stream] = (qkv.view(-1, 64, 3, 2, 49).permute(2, 0, 3, 1, 4).unbind(), value, scale, level)
        bias = attn.attn()
        for stream in streams:
            (query, key, value), plane, scale, level = made[stream]
            if stream == "" and number == 0:
                query = made["_mfif"][0][0]
            weights = (query * 49**-0.5 @ key.transpose(-1, -2) + bias).softmax(-1)
            mixed = unwindow((weights @ value).transpose(1, 2).reshape(-1, 64, 98), shift, tall, wide)
            mixed = getattr(attn, f"proj{stream}")(mixed + getattr(attn, f"conv{stream}")(plane))
            x = streams[stream] + mixed * scale + level
            streams[stream] = x + getattr(block, f"mlp{stream}")(x)
        if number == 0:
            streams["_mfif"] = streams["_mfif"] + part.layer1.weights_mfif[0] * streams[""]
    return network.cnnDecoder(shared, part.patch_unembed(streams["_mfif"])[..., :height, :width])


CASES: dict[str, tuple[type, Callable[..., Tensor], tuple[int, int]]] = {
    "sdnet": (SDNetMethod, sdnet, (1, 1)),
    "u2fusion": (U2FusionMethod, u2fusion, (1, 1)),
    "lrrnet": (LRRNetMethod, lrrnet, (1, 1)),
    "ifcnn": (IFCNNMethod, ifcnn, (3, 3)),
    "matr": (MATRMethod, matr, (1, 1)),
    "murf": (MURFMethod, murf, (3, 1)),
    "gifnet": (GIFNetMethod, gifnet, (1, 1)),
}


def _seconds(call: Callable[[], Tensor]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


@torch.inference_mode()
def compare(name: str, size: tuple[int, int], repeats: int) -> str:
    torch.manual_seed(0)
    method, transcription, channels = CASES[name]
    network = method().build().eval()
    sources = [torch.rand(1, count, *size) for count in channels]
    ours = (lambda: network(sources)) if name == "ifcnn" else (lambda: network(*sources))

    def plain() -> Tensor:
        return transcription(network, *sources)

    difference = (ours() - plain()).abs().max().item()
    times = [(_seconds(ours), _seconds(plain)) for _ in range(repeats)]
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    return f"| {name} | {mine * 1e3:.0f} | {theirs * 1e3:.0f} | {mine / theirs:.2f} | {difference:.1e} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=", ".join(CASES))
    parser.add_argument("--size", default="480x640")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--allocator", choices=("kept", "default"), default="kept")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.allocator == "kept":
        keep_freed_memory()
    height, width = map(int, arguments.size.split("x"))
    print("| method | ours, CPU ms | transcription, CPU ms | ratio | largest difference |\n|---|---|---|---|---|")
    for name in arguments.methods or CASES:
        print(compare(name, (height, width), arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
