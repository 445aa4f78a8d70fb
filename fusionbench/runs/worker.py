"""The worker process: ``python -m fusionbench.runs.worker CONFIG.yaml FOLDER``.

Reads one unit of work per line from standard input, writes one event per line to standard output
and an empty line after each unit. Whatever a method prints goes to standard error. The worker ends
when its input ends, also in the middle of a unit: it does not outlive the process that started it.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path
from typing import TextIO


def _take_stdout() -> TextIO:
    """Keep the real standard output for events; send everything else printed here to standard error."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return events


def _read_input(lines: queue.Queue[str | None]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)
    # The parent is gone or wants no more; a method that hangs must not keep this process alive.
    if not _finished.wait(timeout=1.0):
        os._exit(1)


_finished = threading.Event()


def main() -> None:
    """Serve units of work until the input ends."""
    events = _take_stdout()
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read_input, args=(lines,), daemon=True).start()

    from fusionbench.plugins import load_plugins
    from fusionbench.runs.config import RunConfig
    from fusionbench.runs.environment import prepare_process
    from fusionbench.runs.session import Session
    from fusionbench.runs.wire import event_to_line, unit_from_line

    config = RunConfig.from_yaml(Path(sys.argv[1]))
    prepare_process(config)
    session = Session(config, load_plugins(config.plugins), Path(sys.argv[2]))
    while (line := lines.get()) is not None:
        for event in session.execute(unit_from_line(line)):
            print(event_to_line(event), file=events, flush=True)
        print(file=events, flush=True)
    _finished.set()


if __name__ == "__main__":
    main()
