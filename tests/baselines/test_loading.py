"""What holds for every learned baseline, on random weights saved here: loading, shapes, batches, refusals."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fusionbench import Batch, MethodSpec, Task, get_dataset
from fusionbench.fusing import FusedImage, decode_sample, load_fuser
from fusionbench.methods.learned import LearnedMethod
from fusionbench.plugins import current_plugins
from fusionbench.types import WeightsError, resolve
from fusionbench.weights import store as weights_store
from fusionbench.weights.finding import installed_file
from tests.helpers.shared import available, shared_path

PARAMETERS = {
    "datfuse": 10760,
    "gesenet": 240587,
    "gifnet": 822780,
    "ifcnn": 83587,
    "lrrnet": 49204,
    "matr": 13422,
    "mefnet": 26461,
    "mufusion": 554721,
    "murf": 26265,
    "refusion": 59856,
    "sage": 135617,
    "sdnet": 67091,
    "seafusion": 166883,
    "sesf_fuse": 74803,
    "stackmff_v2": 51524,
    "stackmff_v4": 938416,
    "textfusion": 73859,
    "u2fusion": 659217,
    "ydtr": 217770,
}
METHODS = tuple(PARAMETERS)
# Options that keep the tests short.
OPTIONS = {"mufusion": {"double": False}, "murf": {"square": 48}, "textfusion": {"fitted": True}}
# These choose pixels: a small difference of features flips some.
CHOOSING = ("sesf_fuse", "stackmff_v2", "stackmff_v4")


def spec_of(name: str) -> MethodSpec:
    return current_plugins().methods[name]


def made(name: str, **options: object) -> LearnedMethod:
    return resolve(spec_of(name).factory)(**OPTIONS.get(name, {}) | options)


def outputs_of(spec: MethodSpec) -> list[dict[str, str]]:
    option = spec.options.get("output")
    return [{"output": choice} for choice in option.choices] if option else [{}]


def usual_size(spec: MethodSpec) -> tuple[int, int]:
    sides = (max(37, spec.min_size), max(42, spec.min_size + 5))
    return tuple(side - side % spec.multiple for side in sides)  # the harness pads


def batch_of(spec: MethodSpec, task: Task, count: int = 2, size: tuple[int, int] | None = None) -> Batch:
    channels, size = 1 if spec.takes == "luma" else 3, size or usual_size(spec)
    sources = torch.rand(2, count, channels, *size, generator=torch.Generator().manual_seed(1)).unbind()
    return Batch(sources=sources, task=task)


def finished(method: LearnedMethod, batch: Batch) -> Tensor:
    """What a method makes of a batch until it is written."""
    fused = method.fuse(batch)
    if hasattr(method, "finish"):
        fused = method.finish(fused, batch)
    save = getattr(method, "save", None)
    return fused if save is None else save(fused, batch.sources, batch.task)


@pytest.fixture
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A method's network with random weights, in the form that training scripts leave behind."""
    torch.manual_seed(0)
    network = made(request.getfixturevalue("name")).build()
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 1, "state_dict": {f"module.{n}": t for n, t in network.state_dict().items()}}, path)
    return path


@pytest.mark.parametrize("name", METHODS)
def test_loads_fuses_and_treats_images_of_a_batch_alike(name: str, saved: Path) -> None:
    spec = spec_of(name)
    for task, output in itertools.product(spec.tasks, outputs_of(spec)):
        method = made(name, **output)
        method.load(torch.device("cpu"), saved)
        batch = batch_of(spec, task)
        fused = finished(method, batch)
        assert fused.shape[0] == 2
        assert fused.shape[1] in ((1,) if spec.takes == "luma" else (1, 3))
        assert fused.shape[2:] == usual_size(spec)
        assert fused.isfinite().all()
        for index in range(2):
            single = Batch(sources=tuple(s[index : index + 1] for s in batch.sources), task=task)
            alone = finished(method, single)
            # Where the script truncates, a rounding error may move a pixel by one grey level.
            torch.testing.assert_close(fused[index : index + 1], alone, atol=1.01 / 255, rtol=0)
            assert ((fused[index : index + 1] - alone).abs() > 1e-4).float().mean() < 0.01


WRAPPED: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "compiled": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    "Lightning": lambda state: {"state_dict": {f"net.{n}": t for n, t in state.items()}, "epoch": 3, "callbacks": {}},
    "averaged": lambda state: {"n_averaged": torch.tensor(3), **{f"module.{n}": t for n, t in state.items()}},
    "GAN": lambda state: {"netG": state, "netD": {"a": torch.zeros(3)}},
    "BasicSR": lambda state: {"params_ema": state},
    "half": lambda state: {name: tensor.half() for name, tensor in state.items()},
    "double": lambda state: {name: tensor.double() for name, tensor in state.items()},
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("name", METHODS)
def test_what_training_wraps_around_weights_does_not_matter(name: str, wrapped: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = made(name).build()
    torch.save(WRAPPED[wrapped](dict(network.state_dict())), tmp_path / "weights.pth")
    method = made(name)
    method.load(torch.device("cpu"), tmp_path / "weights.pth")
    found = method.network.state_dict()
    assert all(tensor.dtype == found[key].dtype for key, tensor in network.state_dict().items())
    tolerance = 1e-3 if wrapped == "half" else 0
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(found[key], tensor, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in CHOOSING])
def test_half_precision_stays_near(name: str, saved: Path) -> None:
    spec = spec_of(name)
    method = made(name, **outputs_of(spec)[-1])
    method.load(torch.device("cpu"), saved)
    batch = batch_of(spec, spec.tasks[0], 1)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = method.fuse(batch)
    torch.testing.assert_close(narrow.float(), method.fuse(batch), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", METHODS)
def test_smallest_size(name: str, saved: Path) -> None:
    spec = spec_of(name)
    method = made(name, **({"square": 16} if name == "murf" else {}))
    method.load(torch.device("cpu"), saved)
    shortest = -(-spec.min_size // spec.multiple) * spec.multiple  # the harness pads
    size = shortest, shortest + spec.multiple
    for task in spec.tasks:
        batch = batch_of(spec, task, 1, size)
        assert finished(method, batch).shape[2:] == size


@pytest.mark.parametrize("name", METHODS)
def test_number_of_parameters(name: str) -> None:
    assert sum(parameter.numel() for parameter in made(name).build().parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", METHODS)
def test_no_weights_and_weights_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    method = made(name)
    with pytest.raises(WeightsError):
        method.load(torch.device("cpu"), None)
    save_file({"conv.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        method.load(torch.device("cpu"), tmp_path / "other.safetensors")
    assert not hasattr(method, "network")


@pytest.mark.parametrize("name", METHODS)
def test_registered_weights_are_complete(name: str) -> None:
    for weight in spec_of(name).weights:
        assert weight.page.startswith("https://github.com/")
        assert weight.official
        assert weight.sha256
        assert all(len(digest) == 64 for digest in weight.sha256)
        assert weight.filename.endswith(".safetensors")


def official_files(name: str) -> list[Path]:
    return [path for path in shared_path("weights", name, "official").rglob("*") if path.is_file()]


@pytest.mark.shared
@pytest.mark.parametrize("name", METHODS)
def test_registered_digests_and_sizes_are_those_of_the_official_files(name: str) -> None:
    known = {digest: weight for weight in spec_of(name).weights for digest in weight.sha256}
    for path in official_files(name):
        weight = known[hashlib.sha256(path.read_bytes()).hexdigest()]
        assert path.name in [Path(official).name for official in weight.official]
        if path.name == Path(weight.official[0]).name:
            assert path.stat().st_size == weight.size


@pytest.mark.shared
@pytest.mark.parametrize("name", METHODS)
def test_official_files_load_as_they_are(name: str) -> None:
    for path in official_files(name):
        made(name).load(torch.device("cpu"), path)


@pytest.mark.shared
@pytest.mark.parametrize("name", METHODS)
def test_weights_folder_layout_of_published_conversions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(shared_path("weights")))
    for weight in spec_of(name).weights:
        if available("weights", name, weight.filename):
            path = installed_file(spec_of(name), weight)
            assert path is not None
            made(name).load(torch.device("cpu"), path)


@pytest.mark.parametrize("name", ["gesenet", "sage", "seafusion"])
def test_small_weights_under_a_free_licence_ship_with_its_text(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    (weight,) = spec_of(name).weights
    path = installed_file(spec_of(name), weight)
    assert path is not None
    assert path.stat().st_size < 1_000_000
    verdict = weights_store.verify(spec_of(name), weight, path)
    assert (verdict.origin, verdict.problem) == ("official", "")
    notice = path.with_suffix(".md").read_text()
    assert "Permission is hereby granted" in notice
    assert weight.sha256[0] in notice


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "dataset", "folder"),
    [
        ("mefnet", "exposure-stacks", "IFCNN_MEDataset"),
        ("stackmff_v2", "lytro-triple", "Lytro"),
        ("stackmff_v4", "lytro-triple", "Lytro"),
    ],
)
def test_real_stacks_pass_through_the_harness(
    name: str, dataset: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(shared_path("weights")))
    sample = get_dataset(dataset, root=shared_path("data", folder)).samples[0]
    assert len(sample.sources) >= 3
    fuser = load_fuser(spec_of(name), device=torch.device("cpu"), task=sample.task)
    (fused,) = fuser.fuse_samples([decode_sample(sample)])
    assert isinstance(fused, FusedImage), fused
    assert fused.pixels.shape[0] == 3
