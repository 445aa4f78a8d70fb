"""What a metric is, in words: composed from its definitions and the documentation of their functions."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence

from fusionbench.metrics.selection import attribute_name
from fusionbench.types import DEFAULT_PROFILE, FusionBenchError, MetricSpec, resolve

_REFERENCE = re.compile(r":func:`(\w+)`")
_WIDTH = 100


def by_name(specs: Iterable[MetricSpec]) -> dict[str, tuple[MetricSpec, ...]]:
    """The definitions of each metric, one for each profile."""
    found: dict[str, list[MetricSpec]] = {}
    for spec in specs:
        found.setdefault(spec.name, []).append(spec)
    return {name: tuple(definitions) for name, definitions in found.items()}


def default_profile(definitions: Sequence[MetricSpec]) -> str | None:
    """The profile meant where none is said; None for a metric that several others than the default define."""
    profiles = [spec.profile for spec in definitions]
    if DEFAULT_PROFILE in profiles or "" in profiles:
        return DEFAULT_PROFILE
    return profiles[0] if len(profiles) == 1 else None


def formula(spec: MetricSpec) -> list[tuple[str, str]]:
    """The documentation of a metric's function, then of those of its module that it refers to: names and words.

    Raises:
        FusionBenchError: The function cannot be imported.
    """
    function = resolve(spec.function, owner=f"metric {spec.key}")
    names = [getattr(function, "__name__", "")]
    found = []
    for place, name in enumerate(names):
        words = inspect.getdoc(function if place == 0 else getattr(sys.modules.get(function.__module__), name, None))
        if words:
            names += [other for other in _REFERENCE.findall(words) if other not in names]
            found.append((name, _REFERENCE.sub(r"\1", words).replace("``", "")))
    return found


def function_documentation(definitions: Sequence[MetricSpec]) -> str:
    """The docstring of a metric as a function."""
    return "\n\n".join(
        (*_head(definitions), _arguments(definitions), _RETURNS, _raises(definitions), _function_example(definitions))
    )


def class_documentation(definitions: Sequence[MetricSpec]) -> str:
    """The docstring of a metric as a class."""
    sections = [_section("Args", (_profile_words(definitions), _DTYPE))]
    if any(spec.profile for spec in definitions):
        sections.append(_section("Raises", [_UNKNOWN]))
    return "\n\n".join((*_head(definitions), *sections, _class_example(definitions)))


_FUSED = "fused: N x C x H x W (also C x H x W, H x W), C = 1 or 3; uint8, or float in [0, 1]."
_SOURCES = "sources: Two or more images like ``fused``, in the data set's order (infrared, visible; over, under; ...)."
_SOURCES_F = "sources: May be left out; some profiles choose the channels of a colour F by those of its sources."
_SOURCES_GT = "sources: Not read."
_REFERENCE_WORDS = "reference: The ground truth, like ``fused``."
_DTYPE = "dtype: Working precision: ``float64``, as the originals, or ``float32``."
_RETURNS = "Returns:\n    N float64 values on the device of ``fused``, NaN where the definition gives none."
_UNKNOWN = "UnknownNameError: The profile does not exist or does not define the metric."
_UNUSABLE = "MetricError: An operand is missing or unusable."


def _head(definitions: Sequence[MetricSpec]) -> list[str]:
    first = definitions[0]
    direction = {True: "Higher is better.", False: "Lower is better.", None: ""}[first.higher_is_better]
    papers = list(dict.fromkeys(spec.paper for spec in definitions if spec.paper))
    cited = [f"{p.authors}, {p.title}, {p.venue}, {p.year}{f', doi:{p.doi}' if p.doi else ''}." for p in papers]
    grouped: dict[tuple[object, ...], list[MetricSpec]] = {}
    for spec in definitions:
        facts = (spec.function, spec.range, spec.unit, spec.max_sources, spec.differentiable)
        grouped.setdefault(facts, []).append(spec)
    return [
        _filled(first.summary),
        *([direction] if direction else []),
        *map(_filled, cited),
        *(_definition(group) for group in grouped.values()),
    ]


def _definition(group: Sequence[MetricSpec]) -> str:
    """What some profiles share: the title says their names and facts, the words below what is computed."""
    spec = group[0]
    facts = [
        *({"": [], "any": ["any range"]}.get(spec.range, [f"range {spec.range}"])),
        *([spec.unit] if spec.unit else []),
        *([f"at most {spec.max_sources} sources"] if spec.max_sources else []),
        "with gradients" if spec.differentiable else "no gradients",
    ]
    title = f"{', '.join(s.profile for s in group)}" if spec.profile else "In every profile"
    words: list[str] = []
    try:
        found = formula(spec)
    except FusionBenchError as error:  # of a plugin; the metric itself says so when it is called
        found = [("", f"Not available: {error.message}")]
    for place, (name, text) in enumerate(found):
        paragraphs = (f"{name}: {text}" if place else text).split("\n\n")
        words += [_filled(paragraph, 4) for paragraph in paragraphs]
    return f"{title} ({', '.join(facts)}):\n" + "\n\n".join(words)


def _arguments(definitions: Sequence[MetricSpec]) -> str:
    by_operands = {"F": (_FUSED, _SOURCES_F), "F|A,B": (_FUSED, _SOURCES)}
    operands = by_operands.get(definitions[0].operands, (_FUSED, _SOURCES_GT, _REFERENCE_WORDS))
    return _section("Args", (*operands, _profile_words(definitions), _DTYPE))


def _profile_words(definitions: Sequence[MetricSpec]) -> str:
    profiles = [spec.profile for spec in definitions if spec.profile]
    if not profiles:
        return "profile: Makes no difference: the definition belongs to all."
    default = default_profile(definitions)
    named = ", ".join(f"``{profile}``{' (default)' if profile == default else ''}" for profile in profiles)
    return f"profile: The convention: {named}, or one that a plugin adds."


def _raises(definitions: Sequence[MetricSpec]) -> str:
    of_a_profile = any(spec.profile for spec in definitions)
    return _section("Raises", (_UNUSABLE, *([_UNKNOWN] if of_a_profile else [])))


def _section(title: str, entries: Iterable[str]) -> str:
    hanging = (_filled(entry, 4, hanging=8) for entry in entries)
    return "\n".join((f"{title}:", *hanging))


def _filled(text: str, indent: int = 0, *, hanging: int | None = None) -> str:
    """One paragraph in lines of the house's width."""
    return textwrap.fill(
        " ".join(text.split()),
        width=_WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hanging is None else hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _operands(definitions: Sequence[MetricSpec], reference: str) -> str:
    return {"F": "fused", "F|A,B": "fused, [infrared, visible]"}.get(definitions[0].operands, reference)


def _images_lines() -> list[str]:
    return [
        "    >>> import fusionbench as fb, torch",
        "    >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs",
        "    >>> fused = (infrared + visible) / 2",
    ]


def _profile_shown(definitions: Sequence[MetricSpec]) -> str:
    return f'profile="{definitions[0].profile}"' if definitions[0].profile else ""


def _function_example(definitions: Sequence[MetricSpec]) -> str:
    name = attribute_name(definitions[0].name).lower()
    arguments = [_operands(definitions, "fused, reference=visible"), _profile_shown(definitions)]
    return "\n".join(
        [
            "Examples:",
            *_images_lines(),
            f"    >>> values = fb.metrics.functional.{name}({', '.join(filter(None, arguments))})",
            "    >>> values.shape, bool(values.isfinite().all())",
            "    (torch.Size([3]), True)",
        ]
    )


def _class_example(definitions: Sequence[MetricSpec]) -> str:
    name = attribute_name(definitions[0].name)
    return "\n".join(
        [
            "Examples:",
            *_images_lines(),
            f"    >>> metric = fb.metrics.{name}({_profile_shown(definitions)})",
            f"    >>> metric.update({_operands(definitions, 'fused, reference=visible')})",
            "    >>> len(metric.values), bool(metric.compute().isfinite())",
            "    (3, True)",
        ]
    )
