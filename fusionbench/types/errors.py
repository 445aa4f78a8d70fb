"""Errors a user can meet: each says what is wrong, where, and what to do next."""

from __future__ import annotations


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
