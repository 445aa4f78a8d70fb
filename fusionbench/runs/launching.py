"""How a worker process is started: by its file's path, with the modules of this process, without the current folder.

A script's folder or the current one is taken out of the path that workers get (:mod:`fusionbench.importing`); the
plugins that a user names are looked for there, last of all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import fusionbench
from fusionbench.importing import search_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a worker process is told when it starts.

    Attributes:
        config: The run's configuration, a YAML file.
        folder: The run folder.
        package: Folder of the package ``fusionbench`` that this process uses.
        path: Its ``sys.path``.
        beside: Folders in which plugins that are named as modules may lie, too.
        plugins: File of each plugin, by name: a worker that finds another one must not compute.
        device: Where to compute.
        threads: With how many threads; 0 leaves that to torch.
        fork: Whether each unit of work gets a forked process; otherwise the worker ends with its first unit.
    """

    config: str
    folder: str
    package: str
    path: list[str]
    beside: list[str]
    plugins: dict[str, str]
    device: str
    threads: int
    fork: bool

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """As :func:`command_line` wrote them."""
        return cls(**json.loads(text))


def can_fork() -> bool:
    """Whether a process that has imported torch may be forked: on Linux; macOS's frameworks do not survive it."""
    return sys.platform.startswith("linux")


def command_line(config: Path, folder: Path, plugins: Mapping[str, str], *, device: str, threads: int = 0) -> list[str]:
    """The command that starts a worker process.

    Args:
        config: The run's configuration as YAML.
        folder: The run folder.
        plugins: File of each plugin by name.
        device: Where to compute.
        threads: With how many threads; 0 leaves that to torch.
    """
    path, beside = search_path()
    package = Path(fusionbench.__file__).resolve().parent
    facts = Facts(
        # A method may change the current folder.
        config=str(config.absolute()),
        folder=str(folder.absolute()),
        package=str(package),
        path=path,
        beside=beside,
        plugins=dict(plugins),
        device=device,
        threads=threads,
        fork=can_fork(),
    )
    flags = [
        flag
        for flag, given in (
            ("-I", sys.flags.isolated),
            ("-E", sys.flags.ignore_environment),
            ("-s", sys.flags.no_user_site),
        )
        if given
    ]
    return [sys.executable, "-P", *flags, str(package / "runs" / "worker.py"), json.dumps(asdict(facts))]
