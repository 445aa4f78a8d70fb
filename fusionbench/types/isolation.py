"""A method in an environment of its own: what its plugin says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusionbench.types.errors import PluginError
from fusionbench.types.option import Option

PYTHON = Option(
    type=Path, help="interpreter that has all it needs, in place of the environment that is made for the method"
)
"""The option ``python`` of every isolated method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """An environment of its own, for a method whose dependencies clash with those of fusionbench.

    The method's code is executed there, in a process without fusionbench and torch, and gets NumPy arrays; see the page
    "A method in its own environment". One of ``requirements`` and ``python`` is needed.

    Attributes:
        requirements: A requirements file of pip, absolute; NumPy is among what it installs. The environment is made
            from it when it is first needed, and once for all methods with the same requirements.
        python: Interpreter to make it with, by name (``python3.9``) or path; the one that runs fusionbench if empty.
            Without ``requirements``, an interpreter that has all that is needed, such as that of a virtual environment.
        timeout: Seconds that fusing an image may take before the process is ended and the image is failed (a minute
            more for getting the method ready); None for no limit but the run's.

    Raises:
        PluginError: Neither requirements nor an interpreter is given, the file's path is relative, or the time is none.
    """

    requirements: Path | None = None
    python: str | Path = ""
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.requirements is None and not str(self.python):
            raise PluginError("Isolated needs requirements=PATH or python=INTERPRETER.")
        if self.requirements is not None and not Path(self.requirements).is_absolute():
            raise PluginError(
                f"Isolated: the path {self.requirements} is relative.",
                hint='Write requirements=Path(__file__).with_name("requirements.txt").',
            )
        if self.timeout is not None and not self.timeout > 0:
            raise PluginError(f"Isolated: timeout must be positive, got {self.timeout}.")

    def __str__(self) -> str:
        parts = [f"requirements {self.requirements}"] if self.requirements is not None else []
        parts += [f"interpreter {self.python}"] if str(self.python) else []
        parts += [f"{self.timeout:g} s for an image"] if self.timeout is not None else []
        return ", ".join(parts)
