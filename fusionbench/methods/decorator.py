"""``@fb.method``: turning a plain function or class into a registered fusion method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from fusionbench.methods.facts import MethodFacts
from fusionbench.plugins.registration import SPEC_ATTRIBUTE
from fusionbench.types import Batch, MethodSpec, Option, PluginError, Task

if TYPE_CHECKING:
    import torch
    from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class FunctionMethod:
    """A function ``f(*sources, **options) -> fused`` seen as a :class:`fusionbench.Method`."""

    function: Callable[..., Any]
    options: dict[str, Any]

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Nothing to load."""

    def fuse(self, batch: Batch) -> Tensor:
        """Call the function with the sources, N x C x H x W each, in canonical order."""
        return self.function(*batch.sources, **self.options)


def method(name: str, *, tasks: Sequence[Task | str], **facts: Unpack[MethodFacts]) -> Callable[[F], F]:
    """Register the decorated function or class as a fusion method.

    A function receives one tensor per source, N x C x H x W float32 in [0, 1] with C = 1 (or 3 with
    ``takes="rgb"``), in the task's canonical order, and returns the fused N x C x H x W. Its
    keyword-only parameters with defaults become options; ``*sources`` means any number of sources.
    A class is the factory of a :class:`fusionbench.Method`: its constructor's parameters with
    defaults become options.

    Args:
        name: Identifier used on the command line.
        tasks: Tasks it is meant for.
        **facts: Further fields of :class:`fusionbench.MethodSpec`; :class:`~fusionbench.methods.facts.MethodFacts`
            types them.

    Raises:
        PluginError: A task or fact does not exist, or the function takes fewer than two sources.
    """

    def decorate(target: F) -> F:
        try:
            known_tasks = tuple(Task(task) for task in tasks)
        except ValueError as error:
            raise PluginError(f"method {name!r}: {error}; tasks are {', '.join(Task)}.") from None
        parameters = inspect.signature(target).parameters.values()
        is_class = inspect.isclass(target)
        option_kinds = (inspect.Parameter.KEYWORD_ONLY,) + (
            (inspect.Parameter.POSITIONAL_OR_KEYWORD,) if is_class else ()
        )
        options = {p.name: Option(default=p.default) for p in parameters if p.kind in option_kinds}
        facts.setdefault("options", options)
        facts.setdefault("summary", (inspect.getdoc(target) or "").partition("\n")[0])
        if is_class:
            factory: Callable[..., Any] = target
        else:
            facts.setdefault("sources", _source_count(name, list(parameters)))

            def factory(**options: Any) -> FunctionMethod:
                return FunctionMethod(target, options)

        try:
            spec = MethodSpec(name=name, tasks=known_tasks, factory=factory, **facts)
        except TypeError as error:
            raise PluginError(f"method {name!r}: {error}") from None
        for fact, choices in (("takes", ("luma", "rgb")), ("text", ("none", "optional", "required"))):
            if getattr(spec, fact) not in choices:
                raise PluginError(
                    f"method {name!r}: {fact} must be one of {', '.join(choices)}, got {getattr(spec, fact)!r}."
                )
        setattr(target, SPEC_ATTRIBUTE, spec)
        return target

    return decorate


def _source_count(name: str, parameters: list[inspect.Parameter]) -> tuple[int, int | None]:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    fixed = sum(p.kind in positional for p in parameters)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return max(fixed, 2), None
    if fixed < 2:
        raise PluginError(f"method {name!r}: a fusion function takes two or more sources, this one takes {fixed}.")
    return fixed, fixed
