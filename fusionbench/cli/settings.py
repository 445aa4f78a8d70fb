"""From command-line options to a :class:`fusionbench.runs.RunConfig`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fusionbench.runs import RunConfig

F = TypeVar("F", bound=Callable[..., Any])


def _comma_list(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(part.strip() for part in value.split(",") if part.strip())


_OPTIONS = [
    click.option("--data-root", metavar="DIR", help="Folder in which data sets are looked for by name."),
    click.option("--metrics", metavar="A,B,...", callback=_comma_list, help="Metrics; 'all' for all of the profile."),
    click.option(
        "--profile",
        "profiles",
        metavar="A,B,...",
        callback=_comma_list,
        help="Metric conventions: zhao (default), vifb, mefb, tang, ...",
    ),
    click.option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to compute."),
    click.option("--batch-size", type=int, metavar="N", help="Samples of equal size fused at once."),
    click.option("--workers", type=int, metavar="N", help="Threads that decode images."),
    click.option("--limit", type=int, metavar="N", help="Only the first N samples of each data set."),
    click.option("--precision", metavar="float32|bfloat16|float16", help="Autocast precision of networks."),
    click.option("--compile", is_flag=True, default=None, help="torch.compile the networks."),
    click.option("--colour", metavar="restore|gray", help="Whether results of luma methods get their colour back."),
    click.option("--text-features", metavar="DIR", help="Text features as DIR/DATASET/SAMPLE.npy."),
    click.option(
        "--allow-other-tasks", is_flag=True, default=None, help="Run methods on tasks they were not made for."
    ),
    click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for fusing one batch; 0: no limit."),
    click.option("--seed", type=int, metavar="N", help="Seed of every random choice."),
    click.option("--fail-fast", is_flag=True, default=None, help="Stop at the first sample that fails."),
    click.option("--out", metavar="DIR", help="The run folder; the same folder again computes what is missing."),
]


def run_options(function: F) -> F:
    """Options that ``run`` and ``score`` share; each is None where it was not given."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def build_config(
    given: dict[str, Any],
    *,
    base: Path | None = None,
    methods: Sequence[str] = (),
    datasets: Sequence[str] = (),
    options: Sequence[str] = (),
    weights: Sequence[str] = (),
) -> RunConfig:
    """The configuration of a command: a YAML file's settings, overridden by what was given.

    Raises:
        UsageError: Something cannot be understood.
    """
    from fusionbench.api import dataset_request, method_request
    from fusionbench.runs import RunConfig
    from fusionbench.runs.config import split_assignments
    from fusionbench.types import UsageError

    config = RunConfig.from_yaml(base) if base is not None else RunConfig()
    settings = {name: value for name, value in given.items() if value not in (None, ())}
    method_requests = [method_request(text) for text in methods] or list(config.methods)
    dataset_requests = [dataset_request(text) for text in datasets] or list(config.datasets)
    assigned = split_assignments(options, "--option")
    files = {}
    for entry in weights:
        name, equals, path = entry.partition("=")
        if not equals:
            raise UsageError(f"--weights {entry!r} is not of the form METHOD=PATH.")
        files[name] = path
    used: set[str] = set()

    def with_options(request: Any) -> Any:
        extra = {key: value for name in {request.key, request.name} for key, value in assigned.get(name, {}).items()}
        used.update({request.key, request.name})
        return dataclasses.replace(request, options={**request.options, **extra}) if extra else request

    method_requests = [with_options(request) for request in method_requests]
    dataset_requests = [with_options(request) for request in dataset_requests]
    method_requests = [
        dataclasses.replace(request, weights=files.get(request.key, files.get(request.name, request.weights)))
        for request in method_requests
    ]
    for name in sorted({*assigned, *files} - used):
        raise UsageError(f"--option or --weights names {name!r}, which is no method or data set of this run.")
    return dataclasses.replace(config, methods=tuple(method_requests), datasets=tuple(dataset_requests), **settings)
