"""A user's type checker: what is right passes, a misspelt or mistyped argument is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

GOOD = """\
from pathlib import Path

import torch

import fusionbench as fb


@fb.method("mine", tasks=["IVF"], takes="luma", multiple=8, overlap=32)
def fuse(infrared: torch.Tensor, visible: torch.Tensor, *, share: float = 0.5) -> torch.Tensor:
    return torch.lerp(infrared, visible, share)


@fb.method("network", tasks=[fb.Task.IVF], weights=(fb.WeightSpec(name="IVF", filename="network.pth"),))
class Network:
    def load(self, device: torch.device, weights: Path | None) -> None:
        pass

    def fuse(self, batch: fb.Batch) -> torch.Tensor:
        return batch.sources[0]


def main() -> None:
    method: fb.Method = Network()
    run = fb.run([fuse, "average", Network], "demo-ivf", out=Path("runs"), limit=2, profiles=["zhao", "vifb"], seed=1)
    fb.score("fused", "demo-ivf", name="other", metrics=["EN"], isolate=False)
    print(run.table(), fb.get_method("average", device="cpu")(torch.zeros(1, 8, 8), torch.ones(1, 8, 8)), method)
"""

BAD = """\
import fusionbench as fb

fb.run("average", "demo-ivf", limits=2)
fb.run("average", "demo-ivf", limit="2")
fb.run("average", "demo-ivf", precision="half")
fb.score("fused", "demo-ivf", profile="zhao")
fb.method("mine", tasks=["IVF"], multiples=8)
fb.method("mine", tasks=["IVF"], takes="gray")
fb.list_method()


class Forgets:
    def fuse(self, batch: fb.Batch) -> None: ...


method: fb.Method = Forgets()
"""


@pytest.mark.slow
def test_a_user_s_script_is_checked_against_the_types_that_are_shipped(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="the extra `test` is not installed")
    for name, text in (("good.py", GOOD), ("bad.py", BAD)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    # With the repository's settings, so that what `make lint` has read is not read again.
    scripts = [str(tmp_path / name) for name in ("good.py", "bad.py")]
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", *scripts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.findall(r"(good|bad)\.py:(\d+): error: (.*)", done.stdout)
    assert [line for file, line, _ in found if file == "good"] == [], done.stdout
    wrong = {int(line): message for _, line, message in found}
    expected = {
        3: 'Unexpected keyword argument "limits"',
        4: 'Argument "limit" to "run" has incompatible type "str"',
        5: 'Argument "precision" to "run" has incompatible type',
        6: 'Unexpected keyword argument "profile"',
        7: 'Unexpected keyword argument "multiples"',
        8: 'Argument "takes" to "method" has incompatible type',
        9: 'has no attribute "list_method"',
        16: 'Incompatible types in assignment (expression has type "Forgets", variable has type "Method")',
    }
    assert {*wrong} == {*expected}, done.stdout
    for line, message in expected.items():
        assert message in wrong[line]
