"""Strips against whole maps, in float64, where a wrong halo or index cannot hide in rounding."""

from __future__ import annotations

import pytest
import torch

from fusionbench.nn import bands, streaming
from fusionbench.nn.bands import Band
from fusionbench.nn.restormer import RestormerBlock
from fusionbench.nn.streaming import StreamedRestormer, strip_rows, strips, windows


@pytest.mark.parametrize("height", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize("rows", [2, 3, 8, 20])
@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("below", [True, False])
def test_windows_hold_each_strip_with_its_neighbours(height: int, rows: int, above: bool, below: bool) -> None:
    image = torch.arange((height + 2) * 4 * 3, dtype=torch.float64).view(height + 2, 4, 3) + 1
    band = Band(
        start=1,
        stop=height + 1,
        rows=image[1:-1].clone(),
        above=image[:1] if above else None,
        below=image[-1:] if below else None,
    )
    if not above:
        image[0] = 0
    if not below:
        image[-1] = 0
    covered = []
    for first, last, window in windows(band, 3, rows, lambda source, out: out.copy_(source)):
        covered.extend(range(first, last))
        assert torch.equal(window[0].permute(1, 2, 0), image[first : last + 2])
        band.rows[first:last] = -1  # as a consumer may
    assert covered == list(range(height))


@pytest.mark.parametrize("options", [{}, {"bias": True}, {"norm_bias": False}, {"expansion": 2.66, "heads": 2}])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2), (13, 11)])
@pytest.mark.parametrize("threads", [1, 3])
def test_streamed_block_equals_the_block(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], size: tuple[int, int], threads: int
) -> None:
    monkeypatch.setattr(streaming, "_CPU_STRIP", 700)
    monkeypatch.setattr(bands, "_LEAST_ROWS", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    generator = torch.Generator().manual_seed(0)
    block = RestormerBlock(12, **{"heads": 4, "expansion": 2, **options}).double()
    for parameter in block.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2
    wide = torch.randn(*size, 20, generator=generator, dtype=torch.float64)
    features = wide[..., 3:15]
    with torch.no_grad():
        expected = block(features.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    outside = wide[..., :3].clone(), wide[..., 15:].clone()
    StreamedRestormer(block)(features)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-10)
    assert torch.equal(wide[..., :3], outside[0])
    assert torch.equal(wide[..., 15:], outside[1])


def test_strips_cover_all_rows() -> None:
    assert list(strips(5, 2)) == [(0, 2), (2, 4), (4, 5)]
    assert strip_rows(10**9, 64, torch.device("cpu")) == 2
    assert strip_rows(4, 4, torch.device("cuda")) > strip_rows(4, 4, torch.device("cpu"))
