"""The contract of a table format, held against tables that are hard to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from fusionbench.printable import is_unprintable
from fusionbench.reports.model import LAYOUTS, Table, TableInfo
from fusionbench.reports.tables import build_table
from fusionbench.testing.findings import Broken, Check, NotApplicable
from fusionbench.testing.methods import NAME
from fusionbench.testing.state import unchanged_process
from fusionbench.types import ExporterSpec, MetricSpec, MissingExtraError, resolve

_COLUMNS = ("method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds")
_HOSTILE = (
    '<script>alert("1")</script>',
    r"\input{/etc/passwd} & % $ # _ ^ ~",
    "=1+1|`a`\n\x1b[31mred",
    "名前 ünï",
    "",
)
# What must not come through, by the suffix of the format.
_RAW = {".html": ("<script>alert",), ".tex": (r"\input{/etc",), ".md": ("<script>alert",)}


@dataclass(frozen=True)
class ExporterTrial:
    """A table format under examination."""

    spec: ExporterSpec

    def render(self, table: Table) -> str | bytes:
        """What it makes of a table.

        Raises:
            NotApplicable: It needs a package that is not installed.
        """
        try:
            return resolve(self.spec.render, owner=f"table format {self.spec.name}")(table)
        except MissingExtraError as error:
            raise NotApplicable(str(error)) from error


def table(layout: str = "side-by-side", *, hostile: bool = False) -> Table:
    """Two data sets, three methods, one of which failed on a sample and is absent from the other data set."""
    names = [f"m{number} {text}" for number, text in enumerate(_HOSTILE)] if hostile else ["first", "second", "third"]
    rows: list[tuple[Any, ...]] = []
    for number, name in enumerate(names):
        for dataset in ("one", "two")[: 1 if number == 2 else 2]:
            for sample in range(3):
                for metric in ("EN", "MSE"):
                    failed = number == 1 and sample == 2
                    value = float("nan") if failed else 1.0 / 3 + number + sample + len(dataset)
                    status, error = ("failed", "it broke") if failed else ("ok", "")
                    rows.append((name, dataset, "IVF", f"s{sample}", metric, value, "zhao", status, error, 0.1))
    specs = [
        MetricSpec(name=name, profile="zhao", operands="F", higher_is_better=better, function="x:y")
        for name, better in (("EN", True), ("MSE", False))
    ]
    info = TableInfo(
        version="1.2.3",
        metrics={spec.key: spec for spec in specs},
        methods={name: name for name in names},
        datasets={"one": _HOSTILE[1] if hostile else "One"},
        command=_HOSTILE[0] if hostile else "fusionbench table",
    )
    settings: dict[str, Any] = {"layout": layout}
    return build_table(pd.DataFrame(rows, columns=list(_COLUMNS)), info=info, **settings)


def _facts(trial: ExporterTrial) -> str:
    spec = trial.spec
    if not NAME.fullmatch(spec.name):
        raise Broken(f"the name {spec.name!r} is not of lower-case letters, digits and . _ -")
    if not (spec.suffix.startswith(".") and len(spec.suffix) > 1):
        raise Broken(f"the suffix is {spec.suffix!r}.", "It begins with a dot: .txt")
    return spec.suffix


def _layouts(trial: ExporterTrial) -> str:
    for layout in LAYOUTS:
        found = trial.render(table(layout))
        if not isinstance(found, str | bytes):
            raise Broken(f"render returns {type(found).__name__}.", "Return the text, or the bytes of a binary file.")
        if not found:
            raise Broken(f"a table of layout {layout} comes out empty.")
    return ", ".join(LAYOUTS)


def _complete(trial: ExporterTrial) -> str:
    found = trial.render(table())
    if isinstance(found, bytes):
        raise NotApplicable("it is a binary format")
    missing = [name for name in ("first", "second", "third", "EN", "MSE") if name not in found]
    if missing:
        raise Broken(f"{', '.join(missing)} of the table is not in the text.")
    return ""


def _hostile(trial: ExporterTrial) -> str:
    found = trial.render(table(hostile=True))
    if isinstance(found, bytes):
        return "rendered"
    raw = [text for text in _RAW.get(trial.spec.suffix, ()) if text in found]
    if raw:
        raise Broken(
            f"{raw[0]!r} of a name comes through as it is.", "Escape every name: see fusionbench.reports.escape."
        )
    odd = [character for character in found if character not in "\n\t\r" and is_unprintable(character)]
    if odd:
        raise Broken(f"a name's control character {odd[0]!r} comes through.", "Escape it: fusionbench.printable.")
    found.encode("utf-8")
    return "escaped"


def _determinism(trial: ExporterTrial) -> str:
    if trial.render(table()) != trial.render(table()):
        raise Broken("the same table gives another text the second time.", "No times and no random identifiers.")
    return ""


def _state(trial: ExporterTrial) -> str:
    given = table()
    with unchanged_process():
        trial.render(given)
    return ""


CHECKS: tuple[Check[ExporterTrial], ...] = (
    Check("facts", _facts, vital=True),
    Check("process unchanged", _state),
    Check("layouts", _layouts, vital=True),
    Check("complete", _complete),
    Check("hostile names", _hostile),
    Check("determinism", _determinism),
)
