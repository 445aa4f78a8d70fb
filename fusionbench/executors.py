"""The executor that the harness itself brings, through the same hook as everybody's."""

from __future__ import annotations

from fusionbench.types import ExecutorSpec


def fusionbench_executors() -> list[ExecutorSpec]:
    """The devices of this machine."""
    return [
        ExecutorSpec(
            name="local",
            factory="fusionbench.runs.local:LocalExecutor",
            summary="one supervised process for each of --device on this machine",
        )
    ]
