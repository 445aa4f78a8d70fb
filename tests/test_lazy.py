"""Names that are loaded at first use: stated once, in stubs as they were written, and all there."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fusionbench import stubs


@pytest.mark.parametrize("package", [*stubs.PACKAGES, "fusionbench.metrics"])
def test_every_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError) as caught:
        module.no_such_name  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("no_such_name", module)  # what Python makes its offers of


@pytest.mark.parametrize("package", stubs.PACKAGES)
def test_stubs_are_as_written(package: str) -> None:
    assert stubs.place(package).read_text(encoding="utf-8") == stubs.stub(package), "run python -m fusionbench.stubs"


def test_nothing_is_loaded_before_its_first_use() -> None:
    code = (
        "import sys, fusionbench, fusionbench.data, fusionbench.metrics, fusionbench.training;"
        "print(*(name for name in sys.modules if name.startswith(('fusionbench.', 'numpy', 'torch'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {f"fusionbench.{name}" for name in ("lazy", "data", "metrics", "training")}
