"""Runs on a cluster: the executor ``dask`` hands the work of a run to Dask workers, which a batch queue may start."""

from __future__ import annotations

from pathlib import Path

from fusionbench.types import ExecutorSpec, Option

_OPTIONS = {
    "address": Option(type=str, help="scheduler of a running Dask cluster, such as tcp://host:8786"),
    "scheduler_file": Option(type=Path, help="file in which a running scheduler has written its address"),
    "cluster": Option(
        default="local",
        choices=("local", "slurm", "pbs", "lsf", "sge"),
        help="what is made for the run, and given back after it, where there is no address",
    ),
    "workers": Option(default=1, help="processes, in a batch queue jobs, of a cluster that is made for the run"),
    "cores": Option(type=int, help="cores of each of them"),
    "memory": Option(type=str, help="memory of each job, such as 8GB"),
    "walltime": Option(type=str, help="time limit of each job, as the queue writes it"),
    "queue": Option(type=str, help="queue or partition"),
    "account": Option(type=str, help="account or project that pays"),
    "interface": Option(
        type=str, help="network interface by which nodes and this machine reach each other, such as ib0"
    ),
    "directives": Option(default=(), help="further directives of the job script, such as --gres=gpu:1"),
    "prologue": Option(default=(), help="commands of the job script before the worker, such as 'module load cuda'"),
    "python": Option(type=str, help="the Python of the nodes, where it is another than this one"),
    "wait": Option(default=0.0, help="seconds without any worker after which the run gives up; 0 waits for ever"),
    "pictures": Option(
        default="auto",
        choices=("auto", "shared", "returned"),
        help="whether workers write into the run folder or send pictures back; auto looks whether they see it",
    ),
}


def fusionbench_executors() -> list[ExecutorSpec]:
    """Workers of Dask on this machine, on others, or in a batch queue."""
    return [
        ExecutorSpec(
            name="dask",
            factory="fusionbench_dask.executor:DaskExecutor",
            options=_OPTIONS,
            summary="workers of a Dask cluster, or jobs of SLURM, PBS, LSF or SGE",
        )
    ]
