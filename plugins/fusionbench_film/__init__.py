"""FILM: image fusion via vision-language models, and the text side that feeds it."""

from fusionbench_film.text.hooks import fusionbench_captioners, fusionbench_commands, fusionbench_text_encoders

__all__ = ["fusionbench_captioners", "fusionbench_commands", "fusionbench_text_encoders"]
