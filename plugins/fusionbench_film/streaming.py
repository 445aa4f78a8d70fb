"""FILM's inference in strips: the network's own output without its memory traffic.

Built from a :class:`~fusionbench_film.network.Film`, whose weights it copies. Beyond the strips of
:mod:`fusionbench.nn.streaming` it uses that

* only the mean over the text tokens of the cross-attention is needed: the softmax is averaged over
  the queries first, so that values and output are projected once and not for each token, and a
  bias of the keys, which shifts all scores of a query alike, drops out;
* nearest interpolation to the token grid and back is an index map, and everything between the grid
  and the last 1x1 convolution of a stage is linear per pixel or constant per cell: it is computed
  on the grid, once for each cell, and gathered;
* the features of both sources are the two halves of one map, so their concatenation is free.

The whole image is one piece: the token grid spans it and the channel attentions see all of it,
whatever its size. Memory is 8 x dim bytes a pixel and some tens of megabytes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.bands import Band, bands, by_rows, together
from fusionbench.nn.parts import bias_of
from fusionbench.nn.streaming import StreamedRestormer, flat, strip_rows, strips, windows
from fusionbench_film.blending import shrunk
from fusionbench_film.network import Film, ImageTokens, Stage, StageSide, modulation


class StreamedFilm:
    """Computes what ``film`` computes, one pair at a time, with a fraction of the memory.

    Args:
        film: The network, in the state in which it shall be used; later changes of its weights
            are not seen.
    """

    def __init__(self, film: Film) -> None:
        self.config = film.config
        with torch.no_grad():
            self._project_text = copy.deepcopy(film.text_process) if self.config.text else None
            self._stages = [[_StreamedSide(stage, side) for side in "AB"] for stage in film.stages]
            first, *rest = film.decoder
            self._first = StreamedRestormer(first)
            self._rest = [StreamedRestormer(block) for block in rest]
            self._narrow = _Pointwise(film.conv1)
            self._last = _Pointwise(film.conv2)
            self._blend = copy.deepcopy(film.blend)

    @torch.no_grad()
    def __call__(
        self, image_a: Tensor, image_b: Tensor, text: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """As :meth:`Film.forward`; the samples of a batch one after the other."""
        fused = torch.empty_like(image_a)
        for n in range(len(image_a)):
            guide = None
            if text is not None and self._project_text is not None:
                guide = self._project_text(text[n : n + 1] if mask is None else text[n : n + 1, mask[n]])[0]
            pair = image_a[n : n + 1], image_b[n : n + 1]
            small = [shrunk(image, self.config.shrink)[0] for image in pair]
            decoded = fused[n] if self._blend is None else fused.new_empty(self._blend.channels, *small[0].shape[-2:])
            self._fuse((small[0], small[1]), guide, decoded)
            if self._blend is not None:
                fused[n : n + 1] = self._blend(*pair, decoded[None])
        return fused

    def _fuse(self, images: tuple[Tensor, Tensor], text: Tensor | None, fused: Tensor) -> None:
        height, width = fused.shape[-2:]
        dim = self.config.dim
        features = fused.new_empty(height, width, 2 * dim)
        halves = features[..., :dim], features[..., dim:]
        for number, sides in enumerate(self._stages):
            for side, image, half in zip(sides, images, halves, strict=True):
                side(half if number else image.permute(1, 2, 0).contiguous(), half, text)
        self._first(features)
        narrow = halves[0]
        by_rows(self._reduce, features, narrow)
        for block in self._rest:
            block(narrow)
        by_rows(self._finish, narrow, fused.permute(1, 2, 0))

    def _reduce(self, wide: Tensor, out: Tensor) -> None:
        """``conv1`` of some rows; ``out`` may be the first channels of ``wide``."""
        for strip in _strips(wide, wide.shape[-1]):
            flat(out[strip]).copy_(self._narrow(flat(wide[strip])))

    def _finish(self, features: Tensor, fused: Tensor) -> None:
        """``conv2`` of some rows, and the sigmoid where that makes pixels."""
        for strip in _strips(features, 2 * features.shape[-1]):
            decoded = self._last(flat(features[strip])).view(fused[strip].shape)
            fused[strip] = decoded.sigmoid_() if self._blend is None else decoded


def _strips(features: Tensor, channels: int) -> Iterator[slice]:
    """Rows by rows, as many as suit a map with ``channels`` channels."""
    for start, stop in strips(len(features), strip_rows(features.shape[1], channels, features.device)):
        yield slice(start, stop)


class _Pointwise:
    """A 1x1 convolution of P x C pixels."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self._weight = convolution.weight[:, :, 0, 0].t().clone()
        self._bias = bias_of(convolution).clone()

    def __call__(self, pixels: Tensor) -> Tensor:
        return torch.addmm(self._bias, pixels, self._weight)


class _StreamedSide:
    """One source in one stage."""

    def __init__(self, stage: Stage, side: str) -> None:
        modules: StageSide = stage.side(side)
        self._kernel = modules.conv1.weight.clone()
        self._slope1, self._slope2, self._slope3 = (
            prelu.weight.clone() for prelu in (modules.prelu1, modules.prelu2, modules.prelu3)
        )
        self._blocks = [StreamedRestormer(block) for block in modules.blocks]
        dim = modules.conv2.out_channels
        self._conv2 = _Pointwise(modules.conv2)
        # conv3 of (f, g + f) is (own + guided) f + guided g.
        own, guided = modules.conv3.weight[:, :, 0, 0].split(dim, dim=1)
        self._own = (own + guided).t().contiguous()
        self._guided, self._bias = guided.t().contiguous(), bias_of(modules.conv3).clone()
        self._guide = None if modules.tokens is None else _Guide(modules)

    def __call__(self, source: Tensor, out: Tensor, text: Tensor | None) -> None:
        """``source`` (H x W x C, may be ``out`` itself) to ``out``, H x W x dim."""
        # A band's neighbours are copied before any band is overwritten.
        together(lambda band: self._convolve(band, out[band.start : band.stop]), bands(source))
        for block in self._blocks:
            block(out)
        if self._guide is None:
            by_rows(self._mix, out)
            return
        rows, columns = (_nearest(size, cells, out) for size, cells in zip(out.shape, self._guide.grid, strict=False))
        cells = F.prelu(self._conv2(self._guide(out, text)), self._slope2)
        cells = torch.addmm(self._bias, cells, self._guided).view(*self._guide.grid, -1)
        by_rows(lambda features, rows: self._gather(features, cells, rows, columns), out, rows)

    def _convolve(self, source: Band, out: Tensor) -> None:
        dim = out.shape[-1]
        rows = strip_rows(out.shape[1], 2 * dim, out.device)
        for first, last, window in windows(source, source.rows.shape[-1], rows, _copy):
            strip = F.prelu(F.conv2d(window, self._kernel, padding=(0, 1)), self._slope1)
            out[first:last] = strip[0].permute(1, 2, 0)

    def _mix(self, features: Tensor) -> None:
        """The end of a side without text, in place."""
        for strip in _strips(features, 4 * features.shape[-1]):
            pixels = flat(features[strip])
            guided = F.prelu(self._conv2(pixels), self._slope2)
            mixed = torch.addmm(self._bias, guided, self._guided).addmm_(pixels, self._own)
            pixels.copy_(F.prelu(mixed, self._slope3))

    def _gather(self, features: Tensor, cells: Tensor, rows: Tensor, columns: Tensor) -> None:
        """The end of a side, in place: what text guides comes from each pixel's cell of the grid."""
        for strip in _strips(features, 4 * features.shape[-1]):
            pixels = flat(features[strip])
            guided = cells[rows[strip]].index_select(1, columns).view_as(pixels)
            pixels.copy_(F.prelu(guided.addmm_(pixels, self._own), self._slope3))


def _copy(source: Tensor, out: Tensor) -> None:
    out.copy_(source)


class _Guide:
    """Cross-attention of the text to the tokens of one source, and the guided cells of the grid."""

    def __init__(self, modules: StageSide) -> None:
        assert modules.tokens is not None
        assert modules.attention is not None
        tokens: ImageTokens = modules.tokens
        attention: nn.MultiheadAttention = modules.attention.multihead_attn
        self.grid = tokens.grid
        self._weight = tokens.conv.weight[:, :, 0, 0].clone()
        self._bias = bias_of(tokens.conv).clone()
        self._heads = attention.num_heads
        query, key, value = attention.in_proj_weight.chunk(3)
        self._query, self._key, self._value = query.clone(), key.clone(), value.clone()
        self._query_bias, _, self._value_bias = (bias.clone() for bias in attention.in_proj_bias.chunk(3))
        self._out, self._out_bias = attention.out_proj.weight.clone(), attention.out_proj.bias.clone()

    def __call__(self, features: Tensor, text: Tensor | None) -> Tensor:
        """H x W x C features and T x hidden_dim text to cells x token_dim."""
        rows, columns = self.grid
        token_dim = len(self._weight)
        if text is None:
            return features.new_zeros(rows * columns, token_dim)
        height, width, _ = features.shape
        pixels = _nearest(rows, height, features)[:, None] * width + _nearest(columns, width, features)
        cells = flat(features).index_select(0, pixels.view(-1))
        channels = torch.addmm(self._bias[:, None], self._weight, cells.t())
        factors = modulation(self._attend(text, channels.view(-1, text.shape[-1])), None).view(-1)
        # The grid has a multiple of hidden_dim cells, so all channels share the factor of a cell.
        return (channels * factors.repeat(rows * columns // len(factors))).t()

    def _attend(self, text: Tensor, tokens: Tensor) -> Tensor:
        """The attention's output averaged over the text tokens, 1 x 1 x hidden_dim."""
        width = text.shape[-1] // self._heads
        queries = torch.addmm(self._query_bias, text, self._query.t()) * width**-0.5
        parts = [slice(head * width, (head + 1) * width) for head in range(self._heads)]

        def weigh(part: slice) -> Tensor:
            scores = queries[:, part] @ (self._key[part] @ tokens.t())
            return scores.softmax(dim=-1).mean(dim=0)

        pooled = torch.stack(together(weigh, parts)) @ tokens
        values = [
            torch.addmv(self._value_bias[part], self._value[part], own) for part, own in zip(parts, pooled, strict=True)
        ]
        return torch.addmv(self._out_bias, self._out, torch.cat(values)).view(1, 1, -1)


def _nearest(out: int, size: int, like: Tensor) -> Tensor:
    """Source index of each of ``out`` positions under nearest interpolation from ``size``.

    Taken from the operator itself: its rounding of ``i * size / out`` decides at exact borders.
    """
    line = torch.arange(size, dtype=torch.float32, device=like.device).view(1, 1, 1, -1)
    return F.interpolate(line, (1, out), mode="nearest").view(-1).long()
