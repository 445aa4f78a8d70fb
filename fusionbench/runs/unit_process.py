"""What happens in the process of one unit of work: plugins, data set and method are loaded and executed here."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import fusionbench.runs.session  # noqa: F401 - with torch: processes that are forked later share it
from fusionbench.plugins import Plugins, load_plugins
from fusionbench.plugins.sources import look_beside
from fusionbench.runs.config import RunConfig
from fusionbench.runs.environment import prepare_process
from fusionbench.runs.events import Broken, Done, Message
from fusionbench.runs.launching import Facts
from fusionbench.runs.wire import message_to_line, unit_from_line
from fusionbench.runs.work import work_of
from fusionbench.types import FusionBenchError, PluginError, described, raised_at

# Seconds for a finished process to end: its own threads and exit handlers may take that long.
_LAST_BREATH = 5


class Channel:
    """The way of messages to the supervising process. A process that a method forks has no part in it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave)

    def _leave(self) -> None:
        if self._owner != os.getpid():
            self._owner = 0
            # Otherwise the supervisor would wait for this process, too, when the other one is gone.
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    def send(self, message: Message) -> None:
        """Write one message; a copy of this process that got here by a method's fork ends instead.

        Raises:
            OSError: The channel is closed, by the method or at the other end.
        """
        if os.getpid() != self._owner:
            os._exit(0)
        # Begins a line of its own: a process that was killed may have left half of one.
        waiting = memoryview(f"\n{message_to_line(message)}\n".encode())
        while waiting:
            try:
                waiting = waiting[os.write(self._descriptor, waiting) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])


def execute(line: str, facts: Facts, channel: Channel) -> NoReturn:
    """Execute a unit of work, report its events, and end this process."""
    try:
        look_beside(facts.beside)
        config = dataclasses.replace(RunConfig.from_yaml(Path(facts.config)), device=facts.device)
        plugins = load_plugins(config.plugins)
        _check_same(plugins, facts)
        prepare_process(config, threads=facts.threads, device=facts.device)
        unit = unit_from_line(line)
        for event in work_of(unit, config, plugins, Path(facts.folder)).execute(unit):
            channel.send(event)
        channel.send(Done())
    except BaseException as error:
        # Whatever it is: the supervisor has to know the reason, and only the guilty sample may suffer.
        _report(error, channel)
        os._exit(1)
    _end()


def _end() -> NoReturn:
    """End this process as the interpreter would, threads and exit handlers included, but for taking everything down.

    A forked process would copy all of its memory for that.
    """
    if hasattr(signal, "alarm"):
        # A method's thread that never ends, or a handler of its own, must not keep the run waiting.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.alarm(_LAST_BREATH)
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # as processes of multiprocessing end
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(0)


def _check_same(plugins: Plugins, facts: Facts) -> None:
    """Refuse to compute with other code than the one that the results are recorded for."""
    for name, file in facts.plugins.items():
        here = plugins.origins[name].file if name in plugins.origins else file
        if os.path.realpath(here) != os.path.realpath(file):
            raise PluginError(
                f"plugin {name} is {here} in the worker process, but {file} where the run was planned.",
                hint="Name it by its path (-p path/to/file.py), or put its folder into PYTHONPATH.",
            )


def _report(error: BaseException, channel: Channel) -> None:
    reason = str(error) if isinstance(error, FusionBenchError) else f"{described(error)}{raised_at(error)}"
    # The method may have closed it, or put something else in its place.
    with contextlib.suppress(Exception):
        traceback.print_exception(error, file=sys.__stderr__)
        if sys.__stderr__ is not None:
            sys.__stderr__.flush()
    try:
        channel.send(Broken(reason))
    except OSError as closed:
        said = f"\nthe channel to the run was closed, most likely by the method ({closed.strerror}).\n"
        with contextlib.suppress(OSError):
            os.write(2, said.encode())
