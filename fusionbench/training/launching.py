"""How the processes of a training come to be: torchrun's, accelerate's, or our own."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import traceback
import uuid
from pathlib import Path, PurePath

from fusionbench.extras import require
from fusionbench.types import UsageError

# What launchers that start every process tell each of them: torchrun and accelerate, and three kinds of MPI.
_WORLD = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")

_REMEDY = "Use fusionbench train --processes N, or torchrun --nproc_per_node N --no_python fusionbench train ..."


def launched() -> bool:
    """Whether a launcher started this process and says among how many."""
    return any(os.environ.get(name) for name in _WORLD)


def rank() -> int:
    """The number of this process among those of its launcher; 0 for one that is alone."""
    return int(os.environ.get("RANK") or 0)


def processes_asked() -> int:
    """How many processes the user asked ``accelerate launch`` for, where it started this one only; otherwise 1.

    On CPUs it always starts a single process, whatever ``--num_processes`` says, unless MPI is named. The only trace
    is an address to meet at, and its command line.

    Raises:
        UsageError: Several were asked for, and how many cannot be known, or they are of several machines.
    """
    told = os.environ
    if launched() or "ACCELERATE_MIXED_PRECISION" not in told or "MASTER_PORT" not in told:
        return 1
    count, machines = _asked_of_launcher()
    if count is None or machines > 1:
        raise UsageError("accelerate launch was asked for several processes and started this one only.", hint=_REMEDY)
    return count


def refuse_missing_processes() -> None:
    """Refuse to train in one process where several were asked for.

    Raises:
        UsageError: ``accelerate launch`` started one of several.
    """
    count = processes_asked()
    if count > 1:
        raise UsageError(f"accelerate launch was asked for {count} processes and started this one only.", hint=_REMEDY)


def _asked_of_launcher() -> tuple[int | None, int]:
    """``--num_processes`` and ``--num_machines`` of the launcher above us, of its command line or its configuration."""
    psutil = require("psutil", extra="train", purpose="finding out what accelerate launch was asked for")
    from accelerate.commands.config.config_args import default_config_file, load_config_from_file

    try:
        words = psutil.Process(os.getppid()).cmdline()
    except psutil.Error:
        return None, 1
    if not any(PurePath(word).name.startswith("accelerate") for word in words[:3]):
        return None, 1
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--num_processes", "--num-processes", type=int)
    parser.add_argument("--num_machines", "--num-machines", type=int)
    parser.add_argument("--config_file", "--config-file")
    try:
        given, _ = parser.parse_known_args(words)
        config = None
        if given.config_file or Path(default_config_file).is_file():
            config = load_config_from_file(given.config_file)
    except (argparse.ArgumentError, OSError, ValueError):
        return None, 1
    machines = given.num_machines or getattr(config, "num_machines", None) or 1
    return given.num_processes or getattr(config, "num_processes", None), machines


def start_processes(count: int) -> int:
    """Start the command of this process ``count`` times on this machine, as torchrun does, and wait for all.

    When one fails, the others are ended.

    Returns:
        The exit status: of the process that failed first, 130 when interrupted, otherwise 0.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    how = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # The processes speak for themselves.
    try:
        elastic_launch(how, sys.executable)(*sys.orig_argv[1:])
    except ChildFailedError as error:
        status = error.get_first_failure()[1].exitcode
        return status if status > 0 else 128 - status
    except SignalException as error:
        return 128 + error.sigval
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def leave(*, together: bool, failure: BaseException | None = None) -> None:
    """Leave the group of processes before this one ends; threads of the group would abort it otherwise.

    Args:
        together: Whether all leave now. NCCL waits for the others, so that one that fails alone must not.
        failure: What ended the training. Its frames hold the network and with it the group, so they are emptied.
    """
    while failure is not None:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__
    gc.collect()  # networks refer to themselves
    from torch import distributed

    if (
        distributed.is_available()
        and distributed.is_initialized()
        and (together or distributed.get_backend() == "gloo")
    ):
        distributed.destroy_process_group()
