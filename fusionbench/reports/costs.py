"""The efficiency table: what methods cost, as Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from fusionbench.reports import escape
from fusionbench.reports.standalone import standalone


class MeasuredCost(Protocol):
    """What :class:`fusionbench.fusing.cost.Cost` holds."""

    @property
    def method(self) -> str:
        """Label."""

    @property
    def parameters(self) -> int:
        """Of the network, 0 without one."""

    @property
    def flops(self) -> int:
        """Of one image."""

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators that are not in ``flops``."""

    @property
    def median(self) -> float:
        """Seconds for one batch."""

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the seconds."""

    @property
    def throughput(self) -> float:
        """Images per second."""

    @property
    def memory(self) -> int | None:
        """Bytes; None where it cannot be read."""

    @property
    def untrained(self) -> bool:
        """Whether weights were random."""

    @property
    def float32(self) -> bool:
        """Whether it computed in float32 although asked otherwise."""

    @property
    def error(self) -> str:
        """Why there are no numbers; empty if there are."""


_HEADER = ("Method", "Params (M)", "GFLOPs", "Latency (ms)", "IQR (ms)", "Images/s", "Memory (MiB)")


def caption(conditions: Mapping[str, Any]) -> str:
    """One paragraph that says what was measured, on what.

    Args:
        conditions: ``height, width, batch_size, repeats, precision, machine, device, threads, version``, and
            ``text`` (tokens, width) if a method reads text.
    """
    c = conditions
    text = f" Text features of {c['text'][0]}x{c['text'][1]}." if c.get("text") else ""
    return (
        f"Cost of fusing {c['width']}x{c['height']} (width x height) images, batch size {c['batch_size']}, "
        f"{c['precision']}, on {c['device']} ({c['machine']}, {c['threads']} threads; torch {c['version']}). "
        f"Latency of one batch without decoding and saving: median and interquartile range of {c['repeats']} runs. "
        "Memory: most in use while fusing beyond what was in use before. FLOPs: two per multiply-accumulate of one "
        f"image's convolutions, matrix products and attention, counted as executed.{text}"
    )


def notes(costs: Sequence[MeasuredCost]) -> list[str]:
    """What the table's numbers leave out, and methods that could not be measured."""
    found = []
    uncounted = sorted({name for cost in costs for name in cost.uncounted})
    if uncounted:
        found.append(f"Operators not counted as FLOPs: {', '.join(uncounted)}.")
    untrained = [cost.method for cost in costs if cost.untrained]
    if untrained:
        found.append(f"Measured with random weights, which cost the same: {', '.join(untrained)}.")
    exact = [cost.method for cost in costs if cost.float32]
    if exact:
        found.append(f"Computed in float32, whatever the precision: {', '.join(exact)}.")
    found += [f"{cost.method}: not measured: {cost.error}" for cost in costs if cost.error]
    return found


def markdown(costs: Sequence[MeasuredCost], conditions: Mapping[str, Any]) -> str:
    """A pipe table with caption and notes."""
    rows = _rows(costs, escape.markdown)
    lines = [f"| {' | '.join(_HEADER)} |", "|---|" + "---:|" * (len(_HEADER) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    paragraphs = [caption(conditions), *notes(costs)]
    return "\n".join([*lines, "", *("\n\n".join(escape.markdown(p) for p in paragraphs).splitlines()), ""])


def latex(costs: Sequence[MeasuredCost], conditions: Mapping[str, Any]) -> str:
    """A booktabs table, ASCII; compiles by itself and within a paper that loads ``booktabs``."""
    sentences = " ".join(escape.latex(text) for text in [caption(conditions), *notes(costs)])
    header = " & ".join(escape.latex(name) for name in _HEADER)
    body = [
        r"\begin{table}[tbp]",
        r"\centering",
        r"\setlength{\belowcaptionskip}{6pt}",
        rf"\caption{{{sentences}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(_HEADER) - 1)}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *(rf"{' & '.join(row)} \\" for row in _rows(costs, escape.latex)),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return standalone(["Table by fusionbench."], ["booktabs"], body)


def _rows(costs: Sequence[MeasuredCost], escaped: Callable[[str], str]) -> list[list[str]]:
    rows = []
    for cost in costs:
        if cost.error:
            rows.append([escaped(cost.method), *["-"] * (len(_HEADER) - 1)])
            continue
        low, high = cost.quartiles
        rows.append(
            [
                escaped(cost.method),
                f"{cost.parameters / 1e6:.3f}",
                f"{cost.flops / 1e9:.2f}",
                f"{cost.median * 1e3:.1f}",
                f"{(high - low) * 1e3:.1f}",
                f"{cost.throughput:.2f}",
                "-" if cost.memory is None else f"{cost.memory / 2**20:.0f}",
            ]
        )
    return rows
