"""Standard output and error: nothing in a text is obeyed by the terminal, and no run ends for want of a reader.

The command line lays :class:`Guarded` over both streams, so that this holds for whatever is printed: by its commands,
by plugins, by the libraries below.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from fusionbench.printable import json_escape, printable
from fusionbench.types import FusionBenchError

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_ESCAPING = "fusionbench.escape"
_RED, _PLAIN = "\x1b[31;1m", "\x1b[0m"
_WIDTH_ELSEWHERE = 160  # columns of tables where no terminal says how many it has


class OutputError(FusionBenchError):
    """Standard output leads to a file that cannot be written, for instance because its disk is full."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(json_escape, error.object[error.start : error.end])), error.end


codecs.register_error(_ESCAPING, _escape)


class Guarded(io.TextIOBase):
    r"""A text stream whose reader sees every character and obeys none; characters it cannot encode are escaped.

    A reader that went away (``| head``, a closed terminal) is no error: what follows is dropped. No terminal to
    others, so that they send it no control sequences; the suite's own displays ask :func:`on_terminal`. A carriage
    return with which a text begins is kept: progress displays of libraries rewrite their line with it.

    Args:
        raw: The stream below, as ``sys.stdout``.
        patient: Drop what cannot be written for any other reason as well.
    """

    def __init__(self, raw: TextIO, *, patient: bool) -> None:
        self.raw = raw
        self._patient = patient

    @property
    def encoding(self) -> str:  # type: ignore[override]  # nobody sets it
        """Every character is taken."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # nobody sets it
        """There are none."""
        return "strict"

    @property
    def buffer(self) -> Any:
        """The stream of bytes below, for those who mean bytes."""
        return self.raw.buffer

    def write(self, text: str) -> int:
        """Print.

        Raises:
            OutputError: It cannot be written, although there is a reader.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        if not text:
            return 0  # Callers probe streams with it.
        start = "\r" if text[:1] == "\r" else ""
        self.write_raw(start + printable(text[len(start) :].replace("\r\n", "\n")))
        return len(text)

    def write_raw(self, text: str) -> None:
        """Print as it is: control sequences of the suite's own displays, round text that is made printable."""
        try:
            encoding = getattr(self.raw, "encoding", None) or "utf-8"
            self.raw.write(text.encode(encoding, _ESCAPING).decode(encoding))
            self.raw.flush()
        except BrokenPipeError:
            self._abandon()
        except (OSError, ValueError) as error:
            self._abandon()
            if not self._patient:
                reason = getattr(error, "strerror", None) or error
                raise OutputError(f"standard output cannot be written: {reason}.") from error

    def flush(self) -> None:
        """Every write is flushed."""

    def fileno(self) -> int:
        """As of the stream below."""
        return self.raw.fileno()

    def writable(self) -> bool:
        """It is."""
        return True

    def _abandon(self) -> None:
        """Send what follows to nowhere, also the flush at the end of the process, which would complain."""
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open, as streams do
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if (number := self.raw.fileno()) in (1, 2):
                os.dup2(nowhere.fileno(), number)
        self.raw = nowhere


class _Drawing:
    """What a display of rich draws on: control sequences pass, an absent reader is no error."""

    encoding = "utf-8"

    def __init__(self, stream: Guarded) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write_raw(text)
        return len(text)

    def flush(self) -> None:
        """Every write is flushed."""

    def isatty(self) -> bool:
        return on_terminal(self._stream)

    def fileno(self) -> int:
        return self._stream.fileno()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Lay :class:`Guarded` over standard output and error for as long as the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(sys.stdout, patient=False), _guard(sys.stderr, patient=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _guard(stream: TextIO | None, *, patient: bool) -> TextIO | Guarded | None:
    return stream if stream is None or isinstance(stream, Guarded) else Guarded(stream, patient=patient)


def on_terminal(stream: Any) -> bool:
    """Whether a person reads a stream, such as ``sys.stderr``, on a terminal."""
    try:
        return bool((stream.raw if isinstance(stream, Guarded) else stream).isatty())
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def complain(label: str, text: object) -> None:
    """A line on standard error that begins with a word, ``error:``, in red on a terminal."""
    stream = _guard(sys.stderr, patient=True)
    if isinstance(stream, Guarded):
        red = on_terminal(stream) and "NO_COLOR" not in os.environ
        stream.write_raw((f"{_RED}{label}{_PLAIN}" if red else label) + f" {printable(text)}\n")


def say(text: object) -> None:
    """A line on standard error. What cannot be written is dropped, also outside of the command line."""
    if (stream := _guard(sys.stderr, patient=True)) is not None:
        stream.write(f"{text}\n")


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What Python prints of a defect, with nothing in it that a terminal obeys; for ``sys.excepthook``."""
    import traceback

    say("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


def overwrite(line: str) -> None:
    """Put a line in the place of the last one on the terminal of standard error; a line of its own elsewhere."""
    stream = _guard(sys.stderr, patient=True)
    if isinstance(stream, Guarded) and on_terminal(stream):
        stream.write_raw(f"\r{printable(line)}   ")
    else:
        say(line)


def console(*, err: bool = False) -> Console:
    """A console of rich on standard output or error. Text for it is to be made printable by the caller."""
    from rich.console import Console

    stream = _guard(sys.stderr if err else sys.stdout, patient=err)
    if not isinstance(stream, Guarded):
        return Console(quiet=True)
    drawing: Any = _Drawing(stream)
    return Console(file=drawing, width=None if on_terminal(stream) else _WIDTH_ELSEWHERE)
