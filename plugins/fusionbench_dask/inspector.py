"""The process beside a Dask worker that loads a run's plugins and compares what is there.

Plugins are foreign code, and those of two runs may differ: the Dask worker itself loads none.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from fusionbench.endings import ending
from fusionbench.importing import search_path
from fusionbench.runs.units import Unit
from fusionbench.runs.wire import unit_from_line, unit_to_line
from fusionbench.types import FusionBenchError, UsageError, described, raised_at

_LAST_BREATH = 5.0


class Inspector:
    """Asks the process; for one thread at a time.

    Args:
        folder: Holds ``config.yaml`` and ``premises.json``; what plugins print goes to ``inspector.log``.

    Raises:
        UsageError: This machine cannot take part in the run, and why.
    """

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "inspector.log").open("ab")
        path, _ = search_path()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        try:
            self.facts: Mapping[str, Any] = self._answer()
        except BaseException:
            self.close()
            raise

    def inspect(self, unit: Unit) -> dict[str, Any]:
        """``others``: results of the unit that would be of something else here; ``stamps``: its samples' files."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone, as reading its answer shows
            self._process.stdin.write(f"{unit_to_line(unit)}\n".encode())
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            how = f"the process that loads the plugins {ending(self._process.wait())}"
            raise UsageError(": ".join(filter(None, (how, self._last_line()))))
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise UsageError(answer["refused"])
        return answer

    def _last_line(self) -> str:
        """What it printed last, which tells why it ended."""
        lines = Path(self._log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_LAST_BREATH)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


def main(folder: Path) -> None:
    """Compare, answer, and then answer for one unit of work after the other until the input ends."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    commands = os.fdopen(os.dup(0), encoding="utf-8")
    # Whatever plugins read or print, it is none of this.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        inspection = _begin(folder, messages)
    except BaseException as error:
        _say(messages, {"refused": _reason(error)})
        return
    for line in commands:
        unit = unit_from_line(line)
        try:
            _say(messages, {"others": inspection.others(unit), "stamps": inspection.stamps(unit)})
        except BaseException as error:
            _say(messages, {"refused": _reason(error)})


def _begin(folder: Path, messages: IO[str]) -> Any:
    from fusionbench.plugins import load_plugins
    from fusionbench.runs.config import RunConfig
    from fusionbench_dask.inspection import Inspection, visible
    from fusionbench_dask.premises import Premises

    premises = Premises.from_json((folder / "premises.json").read_text(encoding="utf-8"))
    config = RunConfig.from_yaml(folder / "config.yaml")
    plugins = load_plugins(config.plugins)
    inspection = Inspection(RunConfig.from_yaml(folder / "config.yaml"), plugins)
    inspection.admit(premises)
    facts = {
        "device": inspection.device,
        "plugins": {name: origin.file for name, origin in plugins.origins.items() if origin.file},
        "shared": visible(premises),
    }
    _say(messages, facts)
    return inspection


def _say(messages: IO[str], answer: Mapping[str, Any]) -> None:
    messages.write(json.dumps(answer) + "\n")
    messages.flush()


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, FusionBenchError) else f"{described(error)}{raised_at(error)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
