"""What a FILM network is made of, as data: dimensions, presets, and their check."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusionbench.types import UsageError
from fusionbench.types.values import Misfit, convert


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmConfig:
    """Dimensions of a FILM network (Zhao et al., ICML 2024). The defaults are those of the released code.

    Attributes:
        dim: Channels of the features of each source; the first decoder block has twice as many.
        heads: Heads of the channel attention; divides ``dim``.
        expansion: Hidden width of the feed-forwards over their channels.
        stages: Text-guided stages, M in the paper.
        decoder_blocks: Restormer blocks of the decoder, N in the paper.
        encoder_blocks: Restormer blocks of each source in each stage. The official names exist for
            the first; further ones serve the ablation without text.
        text: Whether text guides the stages. False is ablation I of the paper.
        text_dim: Width of the text features.
        hidden_dim: Width of the cross-attention.
        cross_heads: Heads of the cross-attention; divides ``hidden_dim``.
        token_dim: Channels of the map that is cut into image tokens.
        grid: Rows and columns to which that map is brought before; a multiple of ``hidden_dim``
            cells. A property of the whole image, whatever its size.
        shrink: The features are those of blocks of so many by so many pixels: each source enters with
            its square in channels at a fraction of its size. 1 in the paper; more needs ``levels``.
        levels: Band-pass levels of the Laplacian pyramids that the decoder blends, see
            :mod:`fusionbench_film.blending`; 0: it makes the pixels itself, as in the paper.
        gain: By how much of itself a band-pass value is changed at most where pyramids are blended.
        additive: There a change is added instead: at most a tenth of the range, where the sources have nothing, too.
        preference: How hard the more active source is preferred there before training; trained weights have their own.
    """

    dim: int = 32
    heads: int = 8
    expansion: float = 4.0
    stages: int = 3
    decoder_blocks: int = 3
    encoder_blocks: int = 1
    text: bool = True
    text_dim: int = 768
    hidden_dim: int = 256
    cross_heads: int = 8
    token_dim: int = 32
    grid: tuple[int, int] = (288, 384)
    shrink: int = 1
    levels: int = 0
    gain: float = 0.5
    additive: bool = False
    preference: float = 15.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", tuple(self.grid))
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            for value in values if isinstance(values, tuple) else (values,):
                if field.name == "levels" and value == 0:
                    continue
                if not isinstance(value, bool) and not value > 0:
                    raise UsageError(f"FILM: {field.name} must be positive, it is {values}.")
        if self.shrink > 1 and not self.levels:
            raise UsageError(f"FILM: shrink {self.shrink} leaves no pixels to be made of features; set levels as well.")
        if len(self.grid) != 2:
            raise UsageError(f"FILM: grid must be two numbers (rows, columns), it is {self.grid}.")
        if self.dim % self.heads:
            raise UsageError(f"FILM: dim {self.dim} is not divisible by its {self.heads} heads.")
        if self.hidden_dim % self.cross_heads:
            raise UsageError(f"FILM: hidden_dim {self.hidden_dim} is not divisible by its {self.cross_heads} heads.")
        if self.text and (self.grid[0] * self.grid[1]) % self.hidden_dim:
            raise UsageError(
                f"FILM: the {self.grid[0]}x{self.grid[1]} token grid does not divide into tokens of {self.hidden_dim}."
            )

    def to_json(self) -> str:
        """One line of JSON, as stored beside trained weights."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, base: FilmConfig | None = None) -> FilmConfig:
        """``base`` (the released dimensions) with ``values`` in place of its own.

        Raises:
            UsageError: A name that does not exist, or dimensions that do not fit each other.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            raise UsageError(f"FILM has no dimension called {', '.join(unknown)}.", hint=f"Known: {known}.")
        hints = typing.get_type_hints(cls)
        read = {}
        for name, value in values.items():
            try:
                read[name] = convert(value, hints[name])
            except Misfit as error:
                raise UsageError(f"FILM: {name}: expected {error.expected}, got {value!r}.", hint=error.hint) from None
        return dataclasses.replace(base or cls(), **read)


# Blocks per source and stage with which the network without text has about as many parameters
# (2.06 million) as the released one (2.07 million), whose cross-attentions alone hold 1.58 million.
_BLOCKS_WITHOUT_TEXT = 16

PRESETS: Mapping[str, FilmConfig] = {
    "released": FilmConfig(),
    "paper": FilmConfig(dim=64, stages=2, decoder_blocks=3),
    "compact": FilmConfig(
        dim=16, heads=4, expansion=2.0, stages=2, decoder_blocks=2, text_dim=384, hidden_dim=64, cross_heads=4,
        token_dim=8, grid=(72, 96),
    ),
    "compact-pyramid": FilmConfig(
        dim=16, heads=4, expansion=2.0, stages=2, decoder_blocks=2, text_dim=384, hidden_dim=64, cross_heads=4,
        token_dim=8, grid=(24, 32), shrink=4, levels=5,
    ),
    "no-text": FilmConfig(text=False, encoder_blocks=_BLOCKS_WITHOUT_TEXT),
}  # fmt: skip
