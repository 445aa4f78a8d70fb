"""``--precision``: every learned method gives nearly its float32 result, every other one exactly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fusionbench.fusing import Fuser
from fusionbench.plugins import current_plugins
from fusionbench.types import MethodSpec, Task, resolve
from fusionbench_ddfm import method as ddfm
from fusionbench_ddfm.unet import UNetConfig
from tests.helpers.shared import shared_path

CPU = torch.device("cpu")
# One method of each network; FILM's other variants share theirs.
SPECS = current_plugins().methods
# These choose pixels: what is nearly a tie falls the other way, so that only published weights stay near.
CHOOSING = {"sesf_fuse": "SESF-Fuse", "stackmff_v2": "StackMFF-V2", "stackmff_v4": "StackMFF-V4"}
LEARNED = sorted(
    name
    for name, spec in SPECS.items()
    if spec.weights and spec.lowers_precision and not name.startswith("film") and name not in CHOOSING
)
FULL = sorted(name for name, spec in SPECS.items() if not spec.lowers_precision)
QUICK: dict[str, dict[str, Any]] = {"ddfm": {"steps": 2}}
REAL = {
    "gifnet": "GIFNet",
    "ifcnn": "IFCNN-MAX",
    "lrrnet": "LRRNet",
    "matr": "MATR",
    "murf": "MURF-RGB-IR-finetuning",
    "sdnet": "SDNet-IR_VIS",
    "tardal": "TarDAL-CT",
    "u2fusion": "U2Fusion",
}


@pytest.fixture(autouse=True)
def _small_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    small = UNetConfig(channels=32, multipliers=(1, 1, 1, 1, 1, 1), blocks=1, head_width=16)
    monkeypatch.setattr(ddfm, "UNetConfig", lambda: small)


def scene(smallest: int) -> tuple[Tensor, Tensor]:
    size = max(44, smallest), max(53, smallest)
    y, x = torch.meshgrid(*(torch.arange(float(side)) for side in size), indexing="ij")
    noise = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) / 10
    return 0.5 + 0.3 * torch.sin(x / 5) + noise[0], (0.4 + 0.3 * torch.cos(y / 7) + noise[1])


def fused(spec: MethodSpec, method: Any, precision: str) -> Tensor:
    sources = [source.clamp(0, 1) for source in scene(spec.min_size)]
    return Fuser(method, spec, CPU, precision=precision)(*sources, task=spec.tasks[0])


def made(spec: MethodSpec) -> Any:
    options = {name: option.default for name, option in spec.options.items() if not option.required}
    plain = {"output": "plain"} if "output" in spec.options else {}
    return resolve(spec.factory)(**options | plain | QUICK.get(spec.name, {}))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", LEARNED)
def test_learned_methods_stay_near(name: str, precision: str) -> None:
    spec = current_plugins().methods[name]
    torch.manual_seed(0)
    method = made(spec)
    method.load_untrained(CPU)
    if name == "defusion":
        nn.init.constant_(method.network.fusion_rule[0].bias, 0.3)  # random weights give black images
        method._place(method.network, CPU)  # its fast form has copies of the weights
    difference = (fused(spec, method, precision) - fused(spec, method, "float32")).abs()
    assert difference.mean() * 255 < (3 if precision == "bfloat16" else 0.5)
    assert difference.max() > 0


@pytest.mark.shared
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", REAL)
def test_published_weights_stay_near(name: str, precision: str) -> None:
    spec = current_plugins().methods[name]
    method = made(spec)
    method.load(CPU, shared_path("weights", name, f"{REAL[name]}.safetensors"))
    difference = (fused(spec, method, precision) - fused(spec, method, "float32")).abs()
    assert difference.mean() * 255 < (4 if precision == "bfloat16" else 0.6)


@pytest.mark.shared
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CHOOSING)
def test_published_weights_choose_nearly_the_same(name: str, precision: str) -> None:
    spec = current_plugins().methods[name]
    method = made(spec)
    method.load(CPU, shared_path("weights", name, f"{CHOOSING[name]}.safetensors"))
    difference = (fused(spec, method, precision) - fused(spec, method, "float32")).abs()
    assert (difference > 0).float().mean() < 0.3


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", [name for name in FULL if name != "precomputed"])
def test_what_is_not_lowered_computes_as_ever(name: str, precision: str) -> None:
    spec = current_plugins().methods[name]
    method = made(spec)
    if spec.weights:
        torch.manual_seed(0)
        method.load_untrained(CPU)
    else:
        method.load(CPU, None)
    assert torch.equal(fused(spec, method, precision), fused(spec, method, "float32"))


def test_an_example_of_the_family_film() -> None:
    import fusionbench as fb

    images = [source.clamp(0, 1) for source in scene(1)]
    exact, narrow = (
        fb.get_method("film-compact", task=Task.IVF, device="cpu", text="none", rescale="none", precision=p)(*images)
        for p in ("float32", "bfloat16")
    )
    assert 0 < (exact - narrow).abs().mean() * 255 < 3
