"""``fusionbench repair``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("repair")
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Save what can be read of the damaged journal in the folder RUN.

    Writes a new journal with every row that can be read and that a run may have written; the damaged file is kept
    beside it. The same `fusionbench run` as before then computes what was lost. A journal that is whole stays as it is.
    """
    from fusionbench.runs.repairing import repair_run

    saved = repair_run(run)
    click.echo(str(saved))
    if saved.kept is not None:
        click.echo("the same command that made the run computes what was lost")
