"""The command line: one file per command, no logic of its own."""

from fusionbench.cli.main import main

__all__ = ["main"]
