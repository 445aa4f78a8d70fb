"""The worker process. It is executed as a file, by the command of :func:`fusionbench.runs.launching.command_line`.

It imports what every unit of work needs, reads one unit per line from standard input, and executes each in a process
forked from itself: what a method does to its process, from resource limits to patched modules, ends with its unit.
When that process is gone, everything that it started is killed. The worker runs no foreign code and has one thread, so
that it can always be asked to stop: it ends when its input ends, also in the middle of a unit, and does not outlive
the process that started it.

Messages go to the pipe that was standard output; whatever a method prints goes to standard error. Where processes
cannot be forked the worker executes one unit itself and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusionbench.runs.launching import Facts

END_OF_UNIT = b"\x1e\n"
"""Written to standard error when a unit's process is gone: all that it printed was written before."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
# Seconds for killed processes to be gone; one that hangs in the kernel is left to it.
_GONE = 5.0
# Above the descriptors that programs count through when they close or write to what they did not open.
_HIGH = 200


def main(facts: Facts) -> None:
    """Serve units of work until the input ends."""
    commands, messages = _take_standard_streams()
    import faulthandler

    import fusionbench.runs.unit_process as unit_process
    from fusionbench.runs.events import Ended
    from fusionbench.runs.unit_process import Channel

    faulthandler.enable()
    channel = Channel(messages)
    if not facts.fork:
        line = next(_lines_of(commands), "")
        threading.Thread(target=_end_with, args=(commands,), daemon=True).start()
        if line:
            unit_process.execute(line, facts, channel)
        return
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # What is there now is shared by all units' processes; a collection would copy it.
    gc.freeze()
    for line in _lines_of(commands):
        own = os.getpid()
        for_child = _high_copy(messages)
        child = os.fork()
        if child == 0:
            # A session of its own: no signal to its group reaches the worker, and it holds no terminal.
            os.setsid()
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != own:
                os._exit(1)
            os.close(commands)
            unit_process.execute(line, facts, Channel(for_child))
        os.close(for_child)
        status = _wait(child, commands)
        _kill_children()
        if status is None:
            break
        with contextlib.suppress(OSError):
            os.write(2, END_OF_UNIT)
        channel.send(Ended(status))
    os._exit(0)


def _take_standard_streams() -> tuple[int, int]:
    """Move input and output to other descriptors; what is read and printed here means neither of them."""
    commands, messages = _high_copy(0), _high_copy(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - not to be closed
    sys.stdout = sys.stderr
    return commands, messages


def _high_copy(descriptor: int) -> int:
    try:
        import fcntl

        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except (ImportError, OSError):  # Windows; a low limit of descriptors
        return os.dup(descriptor)


def _lines_of(commands: int) -> Iterator[str]:
    """Lines of the input, without reading past the end of one that was asked for."""
    waiting = b""
    while True:
        line, newline, rest = waiting.partition(b"\n")
        if newline:
            waiting = rest
            yield line.decode()
            continue
        more = os.read(commands, 1 << 16)
        if not more:
            return
        waiting += more


def _wait(child: int, commands: int) -> int | None:
    """Exit status of a unit's process, negative for a signal; None if the input ended before."""
    try:
        watched = os.pidfd_open(child)
    except (AttributeError, OSError):
        watched = None
    try:
        while True:
            looked_at, pause = ([commands, watched], None) if watched is not None else ([commands], 0.05)
            ready, _, _ = select.select(looked_at, [], [], pause)
            found, status = os.waitpid(child, os.WNOHANG)
            if found == child:
                return os.waitstatus_to_exitcode(status)
            if commands in ready:
                # Nothing is sent before a unit is finished: this is the end.
                return None
    finally:
        if watched is not None:
            os.close(watched)


def _kill_children() -> None:
    """Kill a unit's process and whatever it left running; as a subreaper this process is parent of the orphans."""
    give_up = time.monotonic() + _GONE
    while time.monotonic() < give_up:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for child in _children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def _children() -> Iterator[int]:
    own = str(os.getpid())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # "pid (name) state parent ...", and the name may hold blanks and brackets.
                if (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                    yield int(entry.name)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_with(commands: int) -> None:
    """End this process when its input ends, even while a method hangs."""
    while os.read(commands, 1 << 16):
        pass
    os._exit(1)


def _load_package(folder: Path, path: list[str]) -> None:
    """Import the very package that the starting process uses, whichever ``sys.path`` would lead to."""
    sys.path[:] = path
    spec = importlib.util.spec_from_file_location(
        "fusionbench", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is no package.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fusionbench"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    plain = json.loads(sys.argv[1])
    _load_package(Path(plain["package"]), plain["path"])
    from fusionbench.runs import worker
    from fusionbench.runs.launching import Facts

    told = Facts.from_json(sys.argv.pop(1))
    worker.main(told)
