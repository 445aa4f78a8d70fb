"""Ablation I of the paper: FILM without text."""

from __future__ import annotations

from typing import Any

from fusionbench_film.method import FilmMethod


class FilmWithoutText(FilmMethod):
    """Visual features only; extra Restormer blocks keep the number of parameters close to FILM's."""

    default_preset = "no-text"

    def __init__(self, **options: Any) -> None:
        super().__init__(text="none", **options)
