"""``fusionbench train``: train a method that brings a trainer."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench import terminal
from fusionbench.cli.options import options_option, plugin_option
from fusionbench.extras import require
from fusionbench.types import FusionBenchError

if TYPE_CHECKING:
    from fusionbench.training.loop import Progress


@click.command("train")
@click.argument("method")
@click.option("--config", required=True, metavar="FILE.yaml|NAME", help="Settings; a file or one the method brings.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the training; default: trainings/METHOD.")
@click.option("--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting. Repeatable.")
@options_option("Set an option of a data set that the configuration names, by its name or label.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train in N processes of this machine, one per GPU; without a launcher.",
)
@click.option("--fresh", is_flag=True, help="Start again instead of going on from the last checkpoint.")
@click.option("--show", is_flag=True, help="Print the configuration with all changes and stop.")
@plugin_option
def command(
    method: str,
    config: str,
    out: Path | None,
    changes: tuple[str, ...],
    options: tuple[str, ...],
    processes: int | None,
    fresh: bool,
    show: bool,
    plugins: tuple[str, ...],
) -> None:
    """Train METHOD. The same command again goes on where it was interrupted, with the same result.

    \b
    fusionbench train film --config released --set data.root=VLFDataset
    fusionbench train film --config released --set data.root=VLFDataset --processes 2
    fusionbench run -m film --weights trainings/film/weights.safetensors -d roadscene
    """
    from fusionbench.configuration.assignments import OwnedOptions
    from fusionbench.configuration.documents import yaml_text
    from fusionbench.plugins import current_plugins
    from fusionbench.training import launching
    from fusionbench.training.configured import read_config, train_configured
    from fusionbench.training.processes import ElsewhereError

    spec = current_plugins().methods[method]
    settings = read_config(config, spec, changes, OwnedOptions.read(options))
    if show:
        click.echo(yaml_text(settings), nl=False)
        return
    require("accelerate", extra="train", purpose="training")
    if not launching.launched():
        wanted = processes or launching.processes_asked()
        if wanted > 1:
            sys.exit(launching.start_processes(wanted))
    folder = out or Path("trainings") / method
    started = time.time()
    try:
        result = train_configured(spec, settings, out=folder, fresh=fresh, progress=_show)
    except KeyboardInterrupt:
        _say_interrupted(folder, not_before=started if fresh else 0.0)
        sys.exit(130)
    except ElsewhereError as error:
        launching.leave(together=True, failure=error)
        sys.exit(2)  # The process that failed, or the main one for all, says what is wrong.
    except FusionBenchError as error:
        launching.leave(together=False, failure=error)
        raise
    launching.leave(together=True)
    if launching.rank():
        return
    click.echo(err=True)
    for name, value in result.scores.items():
        click.echo(f"{name}: {value:.4f}")
    click.echo(f"weights: {result.weights}")
    if result.best is not None:
        click.echo(f"best: {result.best}")


def _say_interrupted(folder: Path, *, not_before: float) -> None:
    from fusionbench.training import checkpoint, launching

    if launching.rank():
        # Of the processes that a launcher started, one speaks.
        return
    last = checkpoint.latest(folder / checkpoint.FOLDER, not_before=not_before)
    if last is None:
        where = (
            " before the first checkpoint; the same command starts again (training.checkpoint_steps makes more of them)"
        )
    else:
        where = f"; the last checkpoint is {last}, and the same command without --fresh goes on from it"
    click.echo(f"\ninterrupted{where}.", err=True)


def _show(progress: Progress) -> None:
    remaining = (progress.steps - progress.step) * progress.seconds_per_step
    line = (
        f"epoch {progress.epoch + 1}/{progress.epochs} step {progress.step}/{progress.steps} "
        f"loss {progress.losses['loss/total']:.4f}, {remaining / 3600:.1f} h left"
    )
    terminal.overwrite(line)
