"""The native kernel of the networks against torch in double precision, at sizes around its strips of 96 columns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fusionbench.nn import bands, native
from fusionbench.nn.native import Convolution, Coupling, Shrinkage
from fusionbench.nn.restormer import RestormerBlock
from fusionbench.nn.streaming import StreamedRestormer

needs_kernel = pytest.mark.skipif(native.NATIVE.kernel() is None, reason=f"native kernel: {native.NATIVE.state()}")

WIDE, NARROW = (13, 200), (5, 96)
SIZES = [(1, 1), (9, 2), (2, 95), NARROW, (33, 97), WIDE]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture(params=[1, 3], ids="threads {}".format)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bands of few rows, as many as there are cores."""
    monkeypatch.setattr(bands, "_LEAST_ROWS", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: request.param)
    return request.param


@needs_kernel
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("dim", "heads", "expansion", "bias", "norm_bias"),
    [(64, 8, 2, False, True), (12, 4, 2, True, True), (40, 5, 2.66, False, False), (33, 3, 1, True, True)],
)
def test_block(
    size: tuple[int, int], dim: int, heads: int, expansion: float, bias: bool, norm_bias: bool, threads: int
) -> None:
    """In place in some channels of a wider map, whose others stay as they are."""
    block = RestormerBlock(dim, heads=heads, expansion=expansion, bias=bias, norm_bias=norm_bias)
    for number, parameter in enumerate(block.parameters()):
        parameter.data = 0.3 * random(*parameter.shape, seed=number)
    wide = random(*size, dim + 7)
    features, before = wide[..., 3 : 3 + dim], wide.clone()
    streamed = StreamedRestormer(block)
    with torch.no_grad():
        expected = block.double()(features.double().permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    streamed(features)
    torch.testing.assert_close(features.double(), expected, rtol=2e-6, atol=5e-6)
    assert torch.equal(wide[..., :3], before[..., :3])
    assert torch.equal(wide[..., 3 + dim :], before[..., 3 + dim :])


@needs_kernel
@pytest.mark.parametrize("size", [(1, 1), (2, 95), WIDE])
@pytest.mark.parametrize(
    ("channels", "outputs", "side", "dilation"), [(5, 7, 3, 2), (40, 33, 3, 1), (17, 65, 1, 1), (3, 20, 3, 1)]
)
@pytest.mark.parametrize("add", ["nothing", "before", "after"])
def test_convolution(
    size: tuple[int, int], channels: int, outputs: int, side: int, dilation: int, add: str, threads: int
) -> None:
    """From some channels of a map to others of the same map."""
    wide = random(*size, channels + outputs + 2).double()
    weight = random(outputs, channels, side, side).double()
    bias, slope = random(outputs, seed=1).double(), 0.25
    more = random(*size, outputs, seed=2).double()
    source, out = wide[..., 1 : 1 + channels], wide[..., 2 + channels :]
    padding = side // 2 * dilation
    expected = F.conv2d(source.permute(2, 0, 1)[None], weight, bias, padding=padding, dilation=dilation)
    expected = expected[0].permute(1, 2, 0) + (more if add == "before" else 0)
    expected = F.leaky_relu(expected, slope) + (more if add == "after" else 0)

    kernel = native.NATIVE.kernel()
    assert kernel is not None
    packed = Convolution.of(weight.float(), bias.float(), dilation=dilation, slope=slope)
    found = wide.float()
    target = found[..., 2 + channels :]
    assert target.shape == out.shape
    given = None if add == "nothing" else more.float()
    sums = torch.ones(outputs, dtype=torch.float64)
    following = random(3, outputs, 1, 1, seed=3)
    second = torch.empty(*size, 3)
    kernel.convolve(
        packed,
        found[..., 1 : 1 + channels],
        target,
        add=given,
        add_first=add == "before",
        sums=sums,
        then=(Convolution.of(following, slope=0), second),
    )
    torch.testing.assert_close(target.double(), expected, rtol=1e-5, atol=5e-5)
    torch.testing.assert_close(sums, 1 + expected.sum(dim=(0, 1)), rtol=1e-5, atol=5e-4)
    wanted = F.relu(expected @ following[:, :, 0, 0].double().t())
    torch.testing.assert_close(second.double(), wanted, rtol=1e-5, atol=5e-4)
    assert torch.equal(found[..., : 2 + channels], wide[..., : 2 + channels].float())


@needs_kernel
@pytest.mark.parametrize("size", [(2, 95), WIDE])
@pytest.mark.parametrize("channels", [7, 65])
def test_convolution_in_place(size: tuple[int, int], channels: int, threads: int) -> None:
    """A map becomes its own 1x1 convolution plus itself, in some channels of a wider one."""
    wide = random(*size, channels + 3)
    weight = random(channels, channels, 1, 1, seed=1)
    source = wide[..., 2 : 2 + channels]
    expected = F.relu(source.double() @ weight[:, :, 0, 0].double().t()) + source.double()
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    before = wide.clone()
    kernel.convolve(Convolution.of(weight, slope=0), source, source, add=source)
    torch.testing.assert_close(source.double(), expected, rtol=1e-5, atol=5e-5)
    assert torch.equal(wide[..., :2], before[..., :2])
    assert torch.equal(wide[..., -1], before[..., -1])


@needs_kernel
@pytest.mark.parametrize("size", [(2, 2), (9, 97), WIDE, (33, 96)])
@pytest.mark.parametrize("residuals", [1, 2])
def test_coupling(size: tuple[int, int], residuals: int, threads: int) -> None:
    """One half of a map changes the other one."""
    channels, wide, outputs = 12, 32, 9
    first = 0.3 * random(channels, residuals * wide).double()
    taps = 0.3 * random(residuals * wide, 1, 3, 3, seed=1).double()
    last = [0.3 * random(wide, outputs, seed=2 + n).double() for n in range(residuals)]
    both = random(*size, channels + outputs, seed=4).double()
    source, target = both[..., :channels], both[..., channels:]
    between = F.pad((source @ first).clamp(0, 6).permute(2, 0, 1)[None], (1, 1, 1, 1), mode="reflect")
    between = F.conv2d(between, taps, groups=residuals * wide).clamp(0, 6)[0].permute(1, 2, 0)
    results = [part @ each for part, each in zip(between.split(wide, dim=-1), last, strict=True)]
    expected = target + results[0] if residuals == 1 else target * results[0].exp() + results[1]

    kernel = native.NATIVE.kernel()
    assert kernel is not None
    found = both.float()
    packed = Coupling.of(first.float(), taps.float(), [each.float() for each in last])
    kernel.couple(packed, found[..., :channels], found[..., channels:])
    torch.testing.assert_close(found[..., channels:].double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(found[..., :channels], source.float())


@needs_kernel
@pytest.mark.parametrize("size", [(2, 2), (3, 5), (33, 129), (9, 803)])
@pytest.mark.parametrize(("channels", "steps", "parts"), [(4, 1, 1), (24, 3, 3), (40, 5, 2)])
def test_shrinkage(size: tuple[int, int], channels: int, steps: int, parts: int, threads: int) -> None:
    """Thresholds of both signs; a channel that is zero stays so. Sizes around strips of 384 columns."""
    expand = [(0.2 * random(channels, 1, 3, 3, seed=n), random(channels, seed=20 + n)) for n in range(steps)]
    for weight, bias in expand:
        weight[0], bias[0] = 0, 0
    counts = [1] * (steps - 1) + [parts]
    reduce = [
        (0.05 * random(count, channels // count, 3, 3, seed=40 + n), random(count, seed=60 + n))
        for n, count in enumerate(counts)
    ]
    threshold, decay = 0.5 * random(channels, seed=80), 0.75
    threshold[0] = -1
    image = random(*size, seed=90)

    def convolve(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, weight.double(), bias.double(), groups=len(bias) if x.shape[1] > 1 else 1)

    x = rest = image.double()[None, None]
    z = torch.zeros(1, channels, *size, dtype=torch.float64)
    for number in range(steps):
        z = decay * z + convolve(rest, *expand[number])
        z = z.sign() * F.relu(z.abs() - threshold.double().view(-1, 1, 1))
        rest = x + convolve(z, *reduce[number]) if number + 1 < steps else convolve(z, *reduce[number])
    assert z[:, 0].abs().max() == 0

    kernel = native.NATIVE.kernel()
    assert kernel is not None
    found = torch.full((*size, parts + 1), 7.0)
    kernel.shrink(Shrinkage.of(expand, reduce, threshold, decay), image[..., None], found[..., :parts])
    torch.testing.assert_close(found[..., :parts].double(), rest[0].permute(1, 2, 0), rtol=1e-5, atol=1e-5)
    assert (found[..., parts] == 7).all()


@needs_kernel
@pytest.mark.parametrize("size", [(1, 1), (2, 95), WIDE])
@pytest.mark.parametrize("channels", [32, 96])
def test_gram(size: tuple[int, int], channels: int) -> None:
    """Of some channels of a wider map."""
    features = random(*size, channels + 3)[..., 2 : 2 + channels]
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    pixels = features.reshape(-1, channels).double()
    torch.testing.assert_close(kernel.gram(features), pixels.t() @ pixels, rtol=1e-6, atol=1e-4)


@needs_kernel
def test_gelu_is_that_of_torch() -> None:
    """From far below to far above, through a block whose gate is the feature itself."""
    from fusionbench.nn.bands import Band
    from fusionbench.nn.native import Output, Projection

    x = torch.linspace(-12, 12, 997)
    # A norm of (x, -x) would lose it: the value comes in by the depthwise bias of its own channel.
    zeros = torch.zeros(1, len(x))
    projection = Projection.depthwise(
        torch.zeros(1, 2 * len(x)),
        None,
        torch.zeros(2 * len(x), 1, 3, 3),
        torch.cat((x, torch.ones(len(x)))),
        centred=True,
        halves=2,
    )
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    found = []
    for start in range(0, len(x), 100):
        pick = torch.zeros(len(x), 1)
        pick[start] = 1
        rows = zeros[:, :1].view(1, 1, 1).clone()
        kernel.add_gated(projection, Band(0, 1, rows, None, None), Output.of(pick, gated=True))
        found.append(rows.item())
    torch.testing.assert_close(torch.tensor(found), F.gelu(x[::100].double()).float(), rtol=1e-6, atol=1e-7)


def test_the_switch_turns_the_kernel_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    assert native.NATIVE.kernel() is None
    assert native.kernel_for(torch.zeros(1)) is None
    assert "FUSIONBENCH_NATIVE=0" in native.NATIVE.state()


def test_other_features_are_left_to_torch() -> None:
    assert native.kernel_for(torch.zeros(1, dtype=torch.float64)) is None
    assert native.kernel_for(torch.zeros(1, device="meta")) is None
    assert native.kernel_for(torch.zeros(1, requires_grad=True)) is None
