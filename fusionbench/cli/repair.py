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
    for name, (kept, dropped) in saved.rows.items():
        left = f", {dropped} left out" if dropped else ""
        part = "; a part of the table could not be read" if name in saved.broken else ""
        click.echo(f"{name}: {kept} rows{left}{part}")
    for reason in saved.reasons:
        click.echo(f"  {reason}")
    if saved.kept is None:
        click.echo("nothing is damaged; nothing was changed")
    else:
        click.echo(f"the damaged journal is kept as {saved.kept}")
        click.echo("run the same command as before in this folder: it computes what was lost")
