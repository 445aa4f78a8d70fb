"""Cores that a process may use: as the machine and its control groups say."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from fusionbench.cores import _quota, usable_cores


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000", "cpu.max": "800000 100000"}, 2),
        ("0::/../a\n", {}, math.inf),
        (
            "4:memory:/x\n3:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "0"}, math.inf),
        ("nonsense\n", {"cpu.max": "words"}, math.inf),
    ],
)
def test_limits_of_control_groups(tmp_path: Path, own: str, files: dict[str, str], expected: float) -> None:
    system = write(tmp_path / "system", files)
    (tmp_path / "own").write_text(own)
    assert _quota(system, tmp_path / "own") == expected


def test_there_is_a_core_and_not_more_than_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr("fusionbench.cores._quota", lambda system, own: 0.2)
    assert usable_cores() == 1
