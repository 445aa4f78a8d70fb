"""``fusionbench text repair``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench_film.text.cli.shared import FOLDER


@click.command()
@click.argument("vlf", type=FOLDER)
def command(vlf: Path) -> None:
    """Save what can be read of the damaged text store of VLF; the damaged file is kept beside it.

    The same `fusionbench text describe` as before then computes, and pays for, only what was lost.
    """
    from fusionbench.locking import locked
    from fusionbench.salvage import salvage
    from fusionbench.types import DataError
    from fusionbench_film.text.store import FILENAME, LOCK, STORE_PLAN

    if not (vlf / FILENAME).is_file():
        raise DataError(f"{vlf}: has no store {FILENAME}.")
    with locked(vlf, LOCK):
        click.echo(str(salvage(vlf / FILENAME, STORE_PLAN)))
