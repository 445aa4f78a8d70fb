"""What a user does with the learned baselines: put an official file somewhere, name the method, fuse.

The files here are made in the form of the official ones, with random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fusionbench.fusing import Fuser, load_fuser
from fusionbench.plugins import current_plugins
from fusionbench.types import MethodSpec, Task, UsageError, WeightsError
from fusionbench_cddfuse.method import PARTS
from fusionbench_cddfuse.network import CDDFuseNet
from fusionbench_ddfm import method as ddfm
from fusionbench_ddfm.unet import UNet, UNetConfig
from fusionbench_defusion.network import DeFusionNet
from fusionbench_metafusion.network import FusionNet as MetaFusionNet
from fusionbench_segmif.network import SegMIFNet
from fusionbench_tardal.network import Generator

CPU = torch.device("cpu")
SMALL_UNET = UNetConfig(channels=32, multipliers=(1, 1, 1, 1, 1, 1), blocks=1, head_width=16)


def _cddfuse(folder: Path) -> nn.Module:
    network = CDDFuseNet()
    for task in ("IVF", "MIF"):
        parts = {
            part: {f"module.{name}": tensor for name, tensor in network.get_submodule(part).state_dict().items()}
            for part in PARTS
        }
        torch.save(parts, folder / f"CDDFuse_{task}.pth")
    return network


def _tardal(folder: Path) -> nn.Module:
    network = Generator()
    torch.save({"fuse": network.state_dict() | {"use_eval": True}}, folder / "tardal-dt.pth")
    return network


def _defusion(folder: Path) -> nn.Module:
    network = DeFusionNet()
    nn.init.constant_(network.fusion_rule[0].bias, 0.3)  # random weights give black images
    torch.save({"state_dict": network.state_dict(), "optimizers": [], "epoch": 1}, folder / "defusion.pth")
    return network


def _metafusion(folder: Path) -> nn.Module:
    network = MetaFusionNet()
    torch.save(network.state_dict(), folder / "model_weight.pth")
    return network


def _segmif(folder: Path) -> nn.Module:
    network = SegMIFNet()
    torch.save(network.fusion.state_dict(), folder / "modelfusion-final2.pth")
    torch.save(network.segmentation.state_dict(), folder / "model-fusion_add_final2.pth")
    return network


def _ddfm(folder: Path) -> nn.Module:
    network = UNet(SMALL_UNET)
    torch.save(network.state_dict(), folder / "256x256_diffusion_uncond.pt")
    return network


# Makers of the official files, and options that keep the test short.
METHODS: dict[str, tuple[Callable[[Path], nn.Module], dict[str, object]]] = {
    "cddfuse": (_cddfuse, {}),
    "tardal": (_tardal, {}),
    "defusion": (_defusion, {}),
    "metafusion": (_metafusion, {}),
    "segmif": (_segmif, {}),
    "ddfm": (_ddfm, {"steps": 2}),
}


@pytest.fixture(autouse=True)
def _small_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ddfm, "UNetConfig", lambda: SMALL_UNET)


def _spec(name: str) -> MethodSpec:
    return current_plugins().methods[name]


def _fuser(name: str, task: Task, weights: Path | None, **options: object) -> Fuser:
    return load_fuser(_spec(name), device=CPU, task=task, weights=weights, options=METHODS[name][1] | options)


@pytest.mark.parametrize("name", METHODS)
def test_a_folder_with_the_official_files_is_all_it_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    folder = tmp_path / name
    folder.mkdir()
    saved = METHODS[name][0](folder).state_dict()
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    sources = torch.rand(2, 1, 3, 37, 45)
    for task in _spec(name).tasks:
        fuser = _fuser(name, task, None)
        loaded = fuser.network.state_dict()
        assert all(torch.equal(tensor, loaded[key]) for key, tensor in saved.items())
        fused = fuser(*sources, task=task)
        assert fused.shape == (1, 3, 37, 45)
        assert torch.isfinite(fused).all()
        assert torch.equal(fused, _fuser(name, task, folder)(*sources, task=task))


def _converted(entry: object, kind: torch.dtype) -> object:
    if isinstance(entry, Tensor):
        return entry.to(kind) if entry.is_floating_point() else entry
    return {key: _converted(value, kind) for key, value in entry.items()} if isinstance(entry, dict) else entry


@pytest.mark.parametrize("kind", [torch.float16, torch.float64])
@pytest.mark.parametrize("name", METHODS)
def test_files_of_another_precision_load_and_fuse(name: str, kind: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    METHODS[name][0](tmp_path)
    gray = torch.rand(2, 1, 1, 40, 40)
    expected = _fuser(name, Task.IVF, tmp_path)(*gray)
    for path in tmp_path.iterdir():
        torch.save(_converted(torch.load(path, weights_only=True), kind), path)
    found = _fuser(name, Task.IVF, tmp_path)(*gray)
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() * 255 < (2 if kind == torch.float16 else 0.01)


@pytest.mark.parametrize("name", METHODS)
def test_compiled_networks_load(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = METHODS[name][0](tmp_path)
    path = next(iter(sorted(tmp_path.iterdir(), reverse=True)))
    part = network.fusion if name == "segmif" else network
    torch.save({f"module._orig_mod.{key}": tensor for key, tensor in part.state_dict().items()}, path)
    fuser = load_fuser(_spec(name), device=CPU, task=Task.IVF, weights=path, options=METHODS[name][1])
    loaded = fuser.network.state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", [name for name in METHODS if name != "tardal"])
def test_the_official_output_can_be_switched_off(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    METHODS[name][0](tmp_path)
    gray = torch.rand(2, 1, 1, 40, 40)
    official, plain = (_fuser(name, Task.IVF, tmp_path, output=how)(*gray) for how in ("official", "plain"))
    assert not torch.equal(official, plain)
    assert _is_eight_bit(official)
    assert not _is_eight_bit(plain)


def _is_eight_bit(image: Tensor) -> bool:
    return bool(((image * 255) - (image * 255).round()).abs().max() < 1e-3)


@pytest.mark.parametrize("name", METHODS)
def test_without_weights_it_says_where_they_come_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=rf"(?s){name}: .*not installed.*https://.*{tmp_path}"):
        _fuser(name, Task.IVF, None)


@pytest.mark.parametrize("name", METHODS)
def test_the_spec_is_complete(name: str) -> None:
    spec = _spec(name)
    assert spec.paper is not None
    assert spec.page.startswith("https://")
    assert spec.licence
    assert all(weight.page.startswith("https://") and weight.filename for weight in spec.weights)
    assert all(option.help for option in spec.options.values())


def test_unknown_output_is_refused(tmp_path: Path) -> None:
    METHODS["metafusion"][0](tmp_path)
    with pytest.raises(UsageError, match=r"metafusion\.output: 'raw' is not one of official, plain"):
        _fuser("metafusion", Task.IVF, tmp_path, output="raw")
