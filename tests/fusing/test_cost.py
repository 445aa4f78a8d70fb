"""What methods cost: counts that can be worked out by hand, and the table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import nn

from fusionbench import MethodSpec, Task, WeightSpec
from fusionbench.cli import main
from fusionbench.fusing.cost import Cost, count_flops, measure_cost
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn import native
from fusionbench.nn.restormer import RestormerBlock
from fusionbench.nn.streaming import StreamedRestormer
from fusionbench.plugins import current_plugins
from fusionbench.reports import costs
from fusionbench.types import Batch, UsageError
from tests.helpers.machine import pdflatex


class Tiny(LearnedMethod):
    name = "tiny"

    def build(self, state: object = None) -> nn.Module:
        return nn.Conv2d(2, 1, 3, padding=1)

    def fuse(self, batch: Batch) -> torch.Tensor:
        return torch.sigmoid(self.network(torch.cat(batch.sources, 1)))


def spec(**facts: object) -> MethodSpec:
    return MethodSpec(
        name="tiny", tasks=(Task.IVF,), factory=Tiny, weights=(WeightSpec(name="w", filename="w.pth"),), **facts
    )


@pytest.mark.parametrize(
    ("run", "flops"),
    [
        (lambda: F.conv2d(torch.zeros(1, 3, 10, 12), torch.zeros(5, 3, 3, 3), padding=1), 2 * 5 * 3 * 9 * 120),
        (lambda: F.conv2d(torch.zeros(1, 4, 8, 8), torch.zeros(4, 1, 3, 3), padding=1, groups=4), 2 * 4 * 9 * 64),
        (lambda: torch.zeros(7, 5) @ torch.zeros(5, 3), 2 * 7 * 5 * 3),
        (lambda: F.linear(torch.zeros(2, 7, 5), torch.zeros(3, 5), torch.zeros(3)), 2 * 14 * 5 * 3),
        (
            lambda: F.scaled_dot_product_attention(*torch.zeros(3, 1, 2, 16, 8).unbind()),
            2 * 2 * 2 * 16 * 16 * 8,
        ),
    ],
)
@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_arithmetic_of_single_operators(run, flops: int, mode) -> None:
    with mode():
        assert count_flops(run)[0] == flops


def test_operators_left_out_are_named() -> None:
    flops, uncounted = count_flops(lambda: F.gelu(torch.zeros(1, 1, 4, 4).permute(0, 1, 3, 2)).exp_())
    assert flops == 0
    assert uncounted == ("exp_", "gelu")


def test_what_the_native_kernel_would_do_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch does it for the count; afterwards the kernel is what it was."""
    network = StreamedRestormer(RestormerBlock(16, heads=2, expansion=2))

    def flops() -> int:
        return count_flops(lambda: network(torch.zeros(8, 8, 16)))[0]

    before, found = native.NATIVE.kernel(), flops()
    assert native.NATIVE.kernel() is before
    products = (3 + 2 + 4 + 2) * 16 * 16  # of the 1x1 convolutions and the attention
    assert found > 2 * 64 * products
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    assert flops() == found


def test_a_method_without_weights_is_measured_with_random_ones(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    cost = measure_cost(spec(multiple=8), size=(30, 41), device=torch.device("cpu"), batch_size=2, repeats=4)
    assert cost.untrained
    assert cost.parameters == 19
    assert cost.flops == 2 * 18 * 32 * 48  # padded to the multiple, one image
    assert cost.uncounted == ("sigmoid",)
    assert cost.quartiles[0] <= cost.median <= cost.quartiles[1]
    assert cost.throughput == pytest.approx(2 / cost.median)
    assert cost.memory is None or cost.memory >= 0


def test_a_classical_method_is_not_called_measured_in_half_precision() -> None:
    average = current_plugins().methods["average"]
    cost = measure_cost(average, size=(32, 32), device=torch.device("cpu"), precision="bfloat16", repeats=1)
    assert cost.float32
    assert "Computed in float32, whatever the precision: average." in costs.markdown([cost], CONDITIONS)


@pytest.mark.parametrize(("facts", "settings"), [({"min_size": 64}, {}), ({"batched": False}, {"batch_size": 2})])
def test_what_a_method_does_not_take(facts: dict, settings: dict) -> None:
    with pytest.raises(UsageError):
        measure_cost(spec(**facts), size=(32, 32), device=torch.device("cpu"), **settings)


CONDITIONS = {
    "height": 480,
    "width": 640,
    "batch_size": 1,
    "repeats": 10,
    "precision": "float32",
    "device": "cpu",
    "machine": "Fast & Co_CPU, 2 cores",
    "threads": 2,
    "version": "2.6",
}
COSTS = [
    Cost("sd_net", 67091, 17_600_000_000, ("tanh",), 0.25, (0.2, 0.3), 4.0, 3 << 20),
    Cost("broken", error="out of memory", median=math.nan),
]


def test_markdown() -> None:
    text = costs.markdown(COSTS, CONDITIONS)
    assert r"| sd\_net | 0.067 | 17.60 | 250.0 | 100.0 | 4.00 | 3 |" in text
    assert "| broken | - | - | - | - | - | - |" in text
    assert "640x480 (width x height)" in text
    assert "two per multiply-accumulate" in text
    assert "not counted as FLOPs: tanh" in text
    assert "broken: not measured: out of memory" in text


def test_latex_escapes_and_is_ascii() -> None:
    text = costs.latex(COSTS, CONDITIONS)
    assert text.isascii()
    assert r"sd\_net & 0.067 & 17.60 & 250.0 & 100.0 & 4.00 & 3 \\" in text
    assert r"Fast \& Co\_CPU" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 3


def test_latex_compiles_by_itself(tmp_path: Path) -> None:
    text = costs.latex(COSTS, CONDITIONS)
    lines = text.splitlines()
    document = [lines.index(line) for line in (r"\documentclass{article}", r"\begin{document}", r"\begin{table}[tbp]")]
    assert document == sorted(document)
    assert lines[-1] == r"\csname fusionbenchend\endcsname"
    assert r"\usepackage{booktabs}" in lines
    (tmp_path / "cost.tex").write_text(text, encoding="ascii")
    assert "Output written" in pdflatex(tmp_path, "cost")


@pytest.mark.slow
def test_command_measures_each_method_in_its_own_process(tmp_path) -> None:
    target = tmp_path / "table.md"
    arguments = ["cost", "-m", "average", "-m", "other=sdnet", "--size", "48x64", "--repeats", "2", "-o", str(target)]
    result = CliRunner().invoke(main, arguments, env={"FUSIONBENCH_WEIGHTS": str(tmp_path)})
    assert result.exit_code == 0, result.output
    text = target.read_text()
    assert "| average | 0.000 | 0.00 |" in text
    assert "| other | 0.067 |" in text
    assert "random weights" in text


@pytest.mark.parametrize("arguments", [("-m", "average", "--size", "big"), ("-m", "avrage"), ()])
def test_command_explains_wrong_use(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["cost", *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
