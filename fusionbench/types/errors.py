"""Errors a user can meet: each says what is wrong, where, and what to do next."""

from __future__ import annotations

from fusionbench.printable import printable


def first_line(error: BaseException, *, limit: int = 500) -> str:
    """The first line of what an error says, as records and terminals can hold it: printable, never empty.

    An error that says nothing, or fails while it is asked, is called by its type.
    """
    return _printable(next(iter(_lines(error)), type(error).__name__), limit)


def on_one_line(error: BaseException, *, limit: int = 1000) -> str:
    """All that an error says on one line, otherwise as :func:`first_line`."""
    return _printable(" ".join(_lines(error)) or type(error).__name__, limit)


def described(error: BaseException) -> str:
    """``ValueError: first line of what it says``; the bare type for an error that says nothing."""
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line}"


def raised_at(error: BaseException) -> str:
    """`` (FILE, line N)`` of the code that raised an error; empty for one that was not raised."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({_printable(trace.tb_frame.f_code.co_filename, 1000)}, line {trace.tb_lineno})"


def _lines(error: BaseException) -> list[str]:
    try:
        text = str(error)
    except Exception:
        # The class of the error is foreign code, too.
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _printable(text: str, limit: int) -> str:
    return printable(text if len(text) <= limit else text[: limit - 1] + "…")


class FusionBenchError(Exception):
    """Base of every error that is the outside world's fault and not a defect of the harness.

    The command line prints ``str(error)`` without a traceback, so the text has to stand alone:
    what is wrong, in which file or field, and the remedy.

    Args:
        message: What is wrong and where.
        hint: What to do next; printed on a line of its own.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message}\n  {hint}")
        self.message = message
        self.hint = hint


class UsageError(FusionBenchError):
    """A command, configuration or argument that cannot be carried out (exit status 2)."""


class UnknownNameError(UsageError):
    """A method, data set, metric or exporter that nobody registered."""


class PluginError(FusionBenchError):
    """A plugin that fails to import, breaks a hook's contract or claims a name twice."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DataError(FusionBenchError):
    """A file, folder, list or array from outside is missing, damaged or ambiguous."""


class ImageError(DataError):
    """An image that cannot be decoded safely and exactly."""


class WeightsError(FusionBenchError):
    """Weights that are missing, damaged, unsafe to read or made for another network."""


class MethodError(FusionBenchError):
    """A fusion method that broke its contract: wrong shape, NaN, an exception, a time-out."""


class MetricError(FusionBenchError):
    """A metric asked for something it does not define, or given unusable operands."""
