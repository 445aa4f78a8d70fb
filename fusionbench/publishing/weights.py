"""Weights of a method as a model on the hub: safetensors with a model card, which ``weights=hf:...`` finds again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.extras import require
from fusionbench.images.hashing import file_sha256
from fusionbench.plugins import current_plugins
from fusionbench.printable import counted
from fusionbench.publishing.package import Package, card, code
from fusionbench.reports.citations import SUITE, bibliography
from fusionbench.reports.escape import markdown
from fusionbench.reports.from_runs import table_from_runs
from fusionbench.reports.run_view import ReportedRun, load_run
from fusionbench.reports.writing import printed
from fusionbench.types import MethodSpec, Task, UsageError, WeightSpec
from fusionbench.weights.finding import named_weights
from fusionbench.weights.hub import PREFIX
from fusionbench.weights.recognition import is_published, is_safetensors
from fusionbench.weights.store import check, convert

_PIPELINE = "image-to-image"


def weights_package(
    spec: MethodSpec,
    source: Path,
    place: Path,
    repository: str,
    *,
    licence: str,
    name: str | None = None,
    run: Path | None = None,
    trained_on: Sequence[str] = (),
    republish: bool = False,
) -> Package:
    """Make what is published of a file of weights.

    Args:
        spec: The method.
        source: The file, as of ``fusionbench weights add``; what is no safetensors is converted.
        place: An empty folder for the files.
        repository: Where it goes, for the instructions.
        licence: The hub's name of the licence of the weights.
        name: Which of the method's weights it is; not needed where there is one.
        run: A run folder whose results of the method stand in the card.
        trained_on: Names of the data sets that it was trained on.
        republish: Publish a file that its authors have published.

    Raises:
        WeightsError: The file cannot be read, or the network does not take it.
        UsageError: It is not said which of several weights it is, the method needs several files, the file is its
            authors' own, or the run has no results of the method.
        MissingExtraError: huggingface_hub is not installed.
    """
    if name is None and len(spec.weights) > 1:
        names = ", ".join(weight.name for weight in spec.weights)
        raise UsageError(
            f"{spec.name} has several weights: {names}.", hint="Say with --name which of them the file is."
        )
    weight = spec.weights[0] if name is None else named_weights(spec, name)
    if weight.beside:
        raise UsageError(f"weights {weight.name!r} of {spec.name} are several files, which is not supported.")
    check(spec, weight, source)
    if is_published(weight, source) and not republish:
        raise UsageError(
            f"{source} are the weights that the authors of {spec.title or spec.name} have published ({weight.page}).",
            hint="If their licence lets you publish them again: --republish.",
        )
    target = place / Path(weight.filename).with_suffix(".safetensors").name
    if is_safetensors(source):
        shutil.copyfile(source, target)
    else:
        convert(source, target)
    tasks = weight.tasks or spec.tasks
    title = f"{spec.title or spec.name}, weights {weight.name}" if len(spec.weights) > 1 else spec.title or spec.name
    loaded = None if run is None else load_run(run)
    results = [] if loaded is None else _results(loaded, spec)
    facts: dict[str, Any] = {
        "license": licence,
        "library_name": "fusionbench",
        "pipeline_tag": _PIPELINE,
        "tags": ["image-fusion", "fusionbench", *map(str, tasks)],
        "model_name": title,
        "eval_results": results,
    }
    papers = [paper for paper in (spec.paper, SUITE) if paper is not None]
    text = card(
        "model",
        facts,
        markdown(title),
        _described(spec, weight, target, trained_on),
        "## Use\n\n" + code(_use(spec, repository, target.name), "console"),
        _table(loaded, spec),
        "## Citation\n\n" + code(bibliography(papers)[1], "bibtex"),
    )
    return Package(kind="model", title=f"Weights of {title}", card=text, files={target.name: target})


def _described(spec: MethodSpec, weight: WeightSpec, file: Path, trained_on: Sequence[str]) -> str:
    tasks = ", ".join(f"{task.title} ({task})" for task in weight.tasks or spec.tasks)
    lines = [markdown(spec.summary), "", f"* task: {tasks}"]
    if trained_on:
        lines.append(f"* trained on: {markdown(', '.join(trained_on))}")
    origin = current_plugins().methods.origin(spec.name)
    lines.append(f"* method `{spec.name}`, version {markdown(spec.version)}, of plugin {markdown(origin.plugin)}")
    lines.append(f"* file `{file.name}`, {file.stat().st_size} bytes, SHA-256 `{file_sha256(file)}`")
    lines += [f"* option {markdown(key)}: {markdown(_either(values))}" for key, values in weight.when.items()]
    return "\n".join(lines)


def _either(values: tuple[Any, ...]) -> str:
    return " or ".join(map(str, values))


def _use(spec: MethodSpec, repository: str, file: str) -> str:
    weights = f"{spec.name}={PREFIX}{repository}:{file}"
    return f"pip install 'fusionbench[hub]'\nfusionbench run -m {spec.name} --weights {weights} -d DATASET=FOLDER"


def _results(run: ReportedRun, spec: MethodSpec) -> list[Any]:
    """Means of the method, as the hub keeps them; none of a data set of which samples have no value."""
    hub = require("huggingface_hub", extra="hub", purpose="a card for the Hugging Face hub")
    frame = run.frame()
    labels = _labels(run.info, spec)
    rows = frame[frame["method"].isin(labels)]
    if rows.empty:
        raise UsageError(f"{run.path} has no results of {spec.name}.")
    found = []
    for key, part in rows.groupby(["dataset", "task", "metric", "profile"], sort=False, observed=True):
        dataset, task, metric, profile = map(str, key)
        if (part["status"] == "ok").all() and len(labels) == 1 and part["value"].notna().all():
            found.append(
                hub.EvalResult(
                    task_type=_PIPELINE,
                    task_name=Task(task).title,
                    dataset_type=dataset,
                    dataset_name=f"{dataset}, {counted(len(part), 'sample')}",
                    metric_type=metric,
                    metric_name=f"{metric} (convention {profile})" if profile else metric,
                    metric_value=round(float(part["value"].mean()), 6),
                )
            )
    return found


def _labels(info: Mapping[str, Any], spec: MethodSpec) -> list[str]:
    return [label for label, entry in (info.get("methods") or {}).items() if entry.get("name") == spec.name]


def _table(run: ReportedRun | None, spec: MethodSpec) -> str:
    if run is None:
        return ""
    plugins = current_plugins()
    table = table_from_runs({run.path.name: run}, plugins, methods=_labels(run.info, spec))
    return "## Results\n\n" + printed(table, plugins.exporters["markdown"]).strip()
