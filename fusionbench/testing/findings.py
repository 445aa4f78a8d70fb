"""How a contract is held against a plugin: checks one after the other, and what each of them found."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from fusionbench.types import FusionBenchError, described, raised_at

Outcome = Literal["pass", "fail", "skip"]
S = TypeVar("S")


class ContractError(AssertionError):
    """A plugin breaks its contract; the message has every check that failed and what to do."""


class Broken(Exception):
    """Raised by a check: what is wrong, and the remedy."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


class NotApplicable(Exception):
    """Raised by a check that says nothing of this plugin, with the reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: Its name.
        outcome: ``skip`` where it does not apply here; ``detail`` has the reason.
        detail: What was found: of a failure what is wrong, else what is worth knowing.
        remedy: What to do about a failure.
    """

    check: str
    outcome: Outcome
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """One clause of a contract.

    Attributes:
        name: As the table calls it.
        function: Returns what is worth knowing, or raises :class:`Broken` or :class:`NotApplicable`. Whatever else it
            raises is a failure, too.
        vital: Whether the checks after it say nothing once it failed.
        remedy: What to do where ``function`` did not say.
    """

    name: str
    function: Callable[[S], str]
    vital: bool = False
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found about one plugin.

    Attributes:
        kind: ``method``, ``data set``, ``metric``, ``table format``.
        name: As it is registered.
        findings: In the order of the checks.
    """

    kind: str
    name: str
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(finding for finding in self.findings if finding.outcome == "fail")

    def raise_for_failures(self) -> None:
        """Turn failures into one error.

        Raises:
            ContractError: A check failed.
        """
        if self.failures:
            lines = [f"{f.check}: {f.detail}" + (f" {f.remedy}" if f.remedy else "") for f in self.failures]
            raise ContractError(f"{self.kind} {self.name} breaks its contract:\n  " + "\n  ".join(lines))

    def as_dict(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        fields = ("check", "outcome", "detail", "remedy")
        rows = [{field: getattr(finding, field) for field in fields} for finding in self.findings]
        return {"kind": self.kind, "name": self.name, "findings": rows}


def examined(kind: str, name: str, subject: S, checks: Sequence[Check[S]]) -> Report:
    """Carry out the checks; nothing that a plugin raises gets through, but an interruption."""
    return Report(kind, name, tuple(_findings(subject, checks)))


def _findings(subject: S, checks: Sequence[Check[S]]) -> Iterator[Finding]:
    stopped = ""
    for check in checks:
        if stopped:
            yield Finding(check.name, "skip", f"{stopped} failed")
            continue
        finding = _finding(subject, check)
        if check.vital and finding.outcome == "fail":
            stopped = check.name
        yield finding


def _finding(subject: S, check: Check[S]) -> Finding:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the report is printed to standard output
            return Finding(check.name, "pass", check.function(subject))
    except KeyboardInterrupt:
        raise
    except NotApplicable as reason:
        return Finding(check.name, "skip", str(reason))
    except Broken as fault:
        return Finding(check.name, "fail", str(fault), fault.remedy or check.remedy)
    except FusionBenchError as error:
        return Finding(check.name, "fail", str(error), check.remedy)
    except BaseException as error:  # foreign code may even end the process
        return Finding(check.name, "fail", f"raised {described(error)}{raised_at(error)}", check.remedy)
