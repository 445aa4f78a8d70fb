"""``fusionbench downstream detection`` and ``segmentation``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fusionbench.cli.main import FusionBenchGroup
from fusionbench.cli.options import (
    DATASET,
    EXECUTOR_OPTIONS,
    WholeRange,
    data_root_option,
    names_option,
    options_option,
    plugin_option,
)

if TYPE_CHECKING:
    from fusionbench_downstream.settings import Kind, Settings

_DESCRIPTION = """{what}

    RUN folders give their methods and fused images; what is missing is fused. Each source alone and the naive average
    are always rows.

    \b
    Examples:
      {example}
      fusionbench downstream {kind} -m laplacian -m gff {data} --seeds 0,1,2
      fusionbench downstream {kind} {data} --protocol frozen --model {model}

    The same command again computes only what is missing. `fusionbench table`, `compare` and `report` read the results
    as of any run, with seeds in the place of samples. Exit status: 0 all done, 1 some cells failed, 2 wrong use.
    """

_OPTIONS = [
    click.argument("runs", nargs=-1, type=click.Path(path_type=Path)),
    click.option("-m", "--method", "methods", multiple=True, metavar="NAME|LABEL=NAME", help="A method. Repeatable."),
    click.option(
        "-d",
        "--dataset",
        "datasets",
        multiple=True,
        metavar=DATASET,
        help="A labelled data set: its splits train and test, or one split that is divided. Repeatable.",
    ),
    options_option("Set an option of a method or data set, by its name or label."),
    click.option("--weights", multiple=True, metavar="METHOD=PATH", help="Weights file of a method. Repeatable."),
    data_root_option,
    click.option(
        "--protocol",
        type=click.Choice(["retrain", "frozen"], case_sensitive=False),
        default="retrain",
        show_default=True,
        help="Train the model anew on each method's images, or test one that was trained elsewhere.",
    ),
    click.option(
        "--model",
        default="small",
        show_default=True,
        metavar="small|scratch:TYPE|FOLDER|HUB_ID",
        help="The detector or segmenter; small needs no weights and learns on a CPU.",
    ),
    click.option(
        "--epochs",
        type=WholeRange(1),
        default=None,
        help="Passes over the training part.  [default: 40; 20 with --demo]",
    ),
    click.option("--batch-size", type=WholeRange(1), default=8, show_default=True, help="Pictures per step."),
    click.option("--learning-rate", type=float, help="Of AdamW at its highest; the model's usual one by default."),
    names_option("--seeds", metavar="N,N,...", help_text="One training each.  [default: 0,1,2]"),
    click.option("--image-size", metavar="WxH", help="Resize pictures to this; by default the size of most of them."),
    click.option(
        "--test-part", type=float, default=0.25, show_default=True, help="Of a split that is divided, for testing."
    ),
    click.option(
        "--division", type=click.Path(path_type=Path, dir_okay=False), help="CSV file with id and part (train, test)."
    ),
    click.option(
        "--class",
        "classes",
        multiple=True,
        metavar="MODEL=DATASET",
        help="A class of a frozen model is called otherwise in the data set. Repeatable.",
    ),
    click.option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N",
        help="Where to compute; cpu:N, cuda:all or several with commas: a cell at a time on each.",
    ),
    *EXECUTOR_OPTIONS,
    click.option("--workers", type=WholeRange(1), metavar="N", help="Threads that decode images."),
    click.option("--limit", type=WholeRange(1), metavar="N", help="Only the first N samples of each part."),
    click.option("--out", metavar="DIR", help="Folder of results; the same folder again computes what is missing."),
    click.option("--demo", is_flag=True, help="Show on generated scenes when fusion helps, and when it does not."),
    plugin_option,
]


@click.group(cls=FusionBenchGroup, path="downstream")
def command() -> None:
    """Detection and segmentation on fused images: mAP and mIoU of each method."""


def _add(kind: Kind, what: str, data: str, model: str) -> None:
    def carry_out(**given: Any) -> None:
        _carry_out(kind, **given)

    example = f"fusionbench downstream {kind} --demo"
    carry_out.__doc__ = _DESCRIPTION.format(what=what, kind=kind, data=data, model=model, example=example)
    function: Any = carry_out
    for option in reversed(_OPTIONS):
        function = option(function)
    command.add_command(click.command(kind)(function))


_add(
    "detection",
    "Train and test a detector on each method's images: COCO mAP.",
    "-d m3fd@detection=/data/M3FD",
    "PekingU/rtdetr_r18vd",
)
_add(
    "segmentation",
    "Train and test a segmenter on each method's images: mIoU.",
    "-d msrs=/data/MSRS",
    "runs/mine/cells/average/msrs/seed-0",
)


def _carry_out(kind: Kind, *, demo: bool, **given: Any) -> None:
    from fusionbench import terminal
    from fusionbench.cli.progress import watching
    from fusionbench.plugins import current_plugins
    from fusionbench.printable import command_line, counted
    from fusionbench_downstream.demo import demonstration, verdicts
    from fusionbench_downstream.evaluating import evaluate
    from fusionbench_downstream.showing import shown_table

    settings = _settings(kind, given)
    if demo:
        settings = demonstration(settings, epochs_given=given["epochs"] is not None)
    settings.check()
    try:
        run = evaluate(settings, current_plugins(), say=terminal.say, watching=watching)
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command continues in {settings.folder}", err=True)
        sys.exit(130)
    shown_table(run, settings)
    if demo:
        for line in verdicts(run.frame()):
            click.echo(line)
    if run.failed:
        click.echo(f"{counted(run.failed, 'cell')} failed; frame().error says why.", err=True)
    spread = [] if settings.spread == "none" else ["--spread", settings.spread]
    shown = command_line("fusionbench", "table", run.path, *spread, "--decimals", "3")
    click.echo(f"results: {run.path}   all classes: {shown}", err=True)
    sys.exit(0 if run.failed == 0 else 1)


def _settings(kind: Kind, given: dict[str, Any]) -> Settings:
    """What was given on a command line, checked.

    Raises:
        UsageError: Something cannot be understood.
    """
    from fusionbench.configuration.assignments import assignments
    from fusionbench.runs.building import build_config
    from fusionbench.types import UsageError
    from fusionbench_downstream.settings import DEFAULT_EPOCHS, DEFAULT_SEEDS, Settings

    idle = [name for name in ("epochs", "learning_rate", "seeds") if given[name] is not None]
    if given["protocol"] == "frozen" and idle:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UsageError(f"--protocol frozen trains nothing, and so has no use for {options}.")
    data_root = given["data_root"]
    running = {
        "data_root": None if data_root is None else str(data_root),
        "plugins": given["plugins"],
        **{name: given[name] for name in ("device", "executor", "executor_options", "workers", "limit")},
    }
    fusing = build_config(
        running,
        methods=given["methods"],
        datasets=given["datasets"],
        options=given["options"],
        weights=given["weights"],
    )
    return Settings(
        kind=kind,
        fusing=fusing,
        runs=given["runs"],
        protocol=given["protocol"],
        model=given["model"],
        epochs=given["epochs"] or DEFAULT_EPOCHS,
        batch_size=given["batch_size"],
        learning_rate=given["learning_rate"],
        seeds=DEFAULT_SEEDS if given["seeds"] is None else _seeds(given["seeds"]),
        image_size=_size(given["image_size"]),
        test_part=given["test_part"],
        division=given["division"],
        classes=assignments(given["classes"], "--class", form="MODEL=DATASET"),
        out=given["out"] or "",
    )


def _seeds(texts: tuple[str, ...]) -> tuple[int, ...]:
    from fusionbench.types import UsageError

    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        raise UsageError(f"--seeds takes whole numbers with commas between them, got {','.join(texts)!r}.")
    return tuple(int(text) for text in texts)


def _size(text: str | None) -> tuple[int, int] | None:
    from fusionbench.types import UsageError

    if text is None:
        return None
    width, x, height = text.lower().partition("x")
    if not x or not all(side.isascii() and side.isdigit() and len(side) < 6 for side in (width, height)):
        raise UsageError(f"--image-size {text}: expected WxH such as 640x480.")
    return int(width), int(height)
