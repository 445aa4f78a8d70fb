"""The Restormer block against its definition, written out with loops over heads."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fusionbench.nn.restormer import ChannelLayerNorm, GatedFeedForward, RestormerBlock, channel_attention


def test_channel_layer_norm_is_the_definition() -> None:
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    norm = ChannelLayerNorm(6).double()
    torch.nn.init.normal_(norm.body.weight)
    torch.nn.init.normal_(norm.body.bias)
    mean = x.mean(1, keepdim=True)
    variance = ((x - mean) ** 2).mean(1, keepdim=True)
    expected = (x - mean) / torch.sqrt(variance + 1e-5) * norm.body.weight.view(-1, 1, 1) + norm.body.bias.view(
        -1, 1, 1
    )
    torch.testing.assert_close(norm(x), expected)


def test_bias_free_norm_keeps_the_mean() -> None:
    x = torch.randn(1, 6, 3, 3, dtype=torch.float64) + 5
    norm = ChannelLayerNorm(6, bias=False).double()
    expected = x / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
    torch.testing.assert_close(norm(x), expected)
    assert [name for name, _ in norm.named_parameters()] == ["body.weight"]


def test_channel_attention_loops_over_heads() -> None:
    q, k, v = (torch.randn(2, 8, 3, 5, dtype=torch.float64) for _ in range(3))
    temperature = torch.rand(4, 1, 1, dtype=torch.float64)
    expected = torch.empty_like(v)
    for n in range(2):
        for head in range(4):
            rows = slice(2 * head, 2 * head + 2)
            a = F.normalize(q[n, rows].flatten(1), dim=1)
            b = F.normalize(k[n, rows].flatten(1), dim=1)
            weights = (a @ b.T * temperature[head]).softmax(dim=1)
            expected[n, rows] = (weights @ v[n, rows].flatten(1)).view(2, 3, 5)
    torch.testing.assert_close(channel_attention(q, k, v, heads=4, temperature=temperature), expected)


def test_zero_maps_give_finite_attention() -> None:
    zero = torch.zeros(1, 4, 3, 3)
    assert torch.isfinite(channel_attention(zero, zero, zero, heads=2, temperature=torch.ones(2, 1, 1))).all()


@pytest.mark.parametrize(("bias", "norm_bias", "count"), [(False, True, 11), (True, True, 17), (False, False, 9)])
def test_block_has_the_official_parameters(bias: bool, norm_bias: bool, count: int) -> None:
    block = RestormerBlock(16, heads=4, expansion=2, bias=bias, norm_bias=norm_bias)
    names = [name for name, _ in block.named_parameters()]
    assert len(names) == count
    assert {"norm1.body.weight", "attn.temperature", "attn.qkv_dwconv.weight", "ffn.project_in.weight"} <= set(names)
    assert block.ffn.project_in.weight.shape == (64, 16, 1, 1)
    assert block(torch.randn(1, 16, 5, 7)).shape == (1, 16, 5, 7)


def test_grouped_feed_forward() -> None:
    ffn = GatedFeedForward(8, 1, groups=4)
    assert ffn.dwconv.weight.shape == (16, 4, 3, 3)
    assert ffn(torch.randn(1, 8, 4, 4)).shape == (1, 8, 4, 4)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="not divisible"):
        RestormerBlock(10, heads=4)
