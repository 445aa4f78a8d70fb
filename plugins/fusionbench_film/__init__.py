"""FILM: image fusion via vision-language models (Zhao et al., ICML 2024), and the text side that feeds it."""

from fusionbench.hookspecs import hookimpl
from fusionbench.types import CommandSpec
from fusionbench_film.specs import PREPARE_VLF, fusionbench_datasets, fusionbench_methods, fusionbench_text_features
from fusionbench_film.text import hooks as text
from fusionbench_film.text.hooks import fusionbench_addhooks, fusionbench_captioners, fusionbench_text_encoders

__all__ = [
    "fusionbench_addhooks",
    "fusionbench_captioners",
    "fusionbench_commands",
    "fusionbench_datasets",
    "fusionbench_methods",
    "fusionbench_text_encoders",
    "fusionbench_text_features",
]


@hookimpl
def fusionbench_commands() -> list[CommandSpec]:
    """``fusionbench text`` and ``fusionbench data prepare-vlf``."""
    return [*text.fusionbench_commands(), PREPARE_VLF]
