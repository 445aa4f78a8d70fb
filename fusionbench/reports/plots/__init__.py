"""Figures of papers, drawn with matplotlib (extra ``plot``)."""

from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["grid", "box", "violin", "radar", "cost", "cd", "agreement"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What ``fusionbench figure`` draws."""
