"""From command-line options to a :class:`fusionbench.runs.RunConfig`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fusionbench.cli.options import Whole, names_option

if TYPE_CHECKING:
    from fusionbench.runs import RunConfig
    from fusionbench.types.complaints import Complaints

F = TypeVar("F", bound=Callable[..., Any])


_OPTIONS = [
    click.option("--data-root", metavar="DIR", help="Folder in which data sets are looked for by name."),
    names_option("--metrics", help_text="Metrics; 'all' for all of the profile."),
    names_option("--profile", "profiles", help_text="Metric conventions: zhao (default), vifb, mefb, tang, ..."),
    click.option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N",
        help="Where to compute; cpu:N, cuda:all or several with commas: a process on each.",
    ),
    click.option("--executor", metavar="NAME", help="Who carries out the work (`fusionbench list executors`)."),
    click.option(
        "--executor-option", "executor_options", multiple=True, metavar="KEY=VALUE", help="Set an option of it."
    ),
    click.option("--batch-size", type=Whole(), metavar="N", help="Samples of equal size fused at once."),
    click.option("--workers", type=Whole(), metavar="N", help="Threads that decode images."),
    click.option("--limit", type=Whole(), metavar="N", help="Only the first N samples of each data set."),
    click.option("--shard", metavar="I/N", help="Every N-th sample from the I-th; `fusionbench merge` joins the runs."),
    click.option("--precision", metavar="float32|bfloat16|float16", help="Autocast precision of networks."),
    click.option("--scoring", metavar="float64|float32", help="Precision of the scores."),
    click.option("--compile", is_flag=True, default=None, help="torch.compile the networks."),
    click.option("--colour", metavar="restore|gray", help="Whether results of luma methods get their colour back."),
    click.option("--text-features", metavar="DIR", help="Text features as DIR/DATASET/SAMPLE.npy."),
    click.option(
        "--allow-other-tasks", is_flag=True, default=None, help="Run methods on tasks they were not made for."
    ),
    click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for fusing one batch; 0: no limit."),
    click.option("--seed", type=Whole(), metavar="N", help="Seed of every random choice."),
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
    base: RunConfig | None = None,
    methods: Sequence[str] = (),
    datasets: Sequence[str] = (),
    options: Sequence[str] = (),
    weights: Sequence[str] = (),
    complaints: Complaints | None = None,
) -> RunConfig:
    """The configuration of a command: the settings of a YAML file, overridden by what was given.

    Args:
        given: Settings by name; None and () where they were not given.
        base: Settings to start from.
        methods, datasets: ``[LABEL=]NAME`` and ``[LABEL=]NAME[@SPLIT][=ROOT]``.
        options: ``NAME.KEY=VALUE``, for a method or data set by its name or label.
        weights: ``METHOD=PATH``.
        complaints: Where to note what is wrong but does not keep a configuration from being made, so that it is told
            together with what is found out later; None to raise it here.

    Raises:
        UsageError: Something cannot be understood; all of it is told.
    """
    from fusionbench.configuration.assignments import OwnedOptions, assignments
    from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig
    from fusionbench.types import UsageError
    from fusionbench.types.complaints import Complaints

    config = base or RunConfig()
    settings = {name: value for name, value in given.items() if value not in (None, ())}
    forms = Complaints()
    assigned, files = OwnedOptions("--option"), dict[str, str]()
    method_requests: list[Any] = []
    dataset_requests: list[Any] = []
    for texts, request, found in (
        (methods, MethodRequest.parse, method_requests),
        (datasets, DatasetRequest.parse, dataset_requests),
    ):
        for text in texts:
            with forms.gathered():
                found.append(request(text))
    with forms.gathered():
        assigned = OwnedOptions.read(options)
    with forms.gathered():
        files = assignments(weights, "--weights", form="METHOD=PATH")
    with forms.gathered():
        if "executor_options" in settings:
            settings["executor_options"] = assignments(settings["executor_options"], "--executor-option")
        dataclasses.replace(RunConfig(), **settings)
    forms.raise_all()

    def with_options(request: Any) -> Any:
        extra = assigned.of(request.name, request.key)
        return dataclasses.replace(request, options={**request.options, **extra}) if extra else request

    method_requests = [with_options(request) for request in method_requests or config.methods]
    dataset_requests = [with_options(request) for request in dataset_requests or config.datasets]
    names = [name for request in (*method_requests, *dataset_requests) for name in (request.name, request.key)]
    labels = [name for request in method_requests for name in (request.name, request.key)]
    later = Complaints() if complaints is None else complaints
    for what, kind, strangers, known in (
        ("--option", "no method or data set", assigned.strangers(names), names),
        ("--weights", "no method", [name for name in files if name not in labels], labels),
    ):
        hint = f"In this run: {', '.join(dict.fromkeys(known))}." if known else ""
        for name in strangers:
            later.add(UsageError(f"{what} names {name!r}, which is {kind} of this run.", hint=hint))
    if complaints is None:
        later.raise_all()
    method_requests = [
        dataclasses.replace(request, weights=files.get(request.key, files.get(request.name, request.weights)))
        for request in method_requests
    ]
    return dataclasses.replace(config, methods=tuple(method_requests), datasets=tuple(dataset_requests), **settings)
