"""The profile of pyiqa: with the library where it is installed, and against one that keeps its contract where not."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.metrics import evaluate
from fusionbench.plugins import current_plugins
from fusionbench.types import WeightsError
from fusionbench_perceptual import library
from tests.metrics.tester import scenes

SPECS = {spec.name: spec for spec in current_plugins().metrics.values() if spec.profile == "pyiqa"}
# What pyiqa 0.1 does to find its files and to read them.
PACKAGE = {
    "__init__.py": """
        import urllib.request
        import torch
        from pyiqa.utils.download_util import load_file_from_url

        BASE = "https://example.org/"

        class Gain(torch.nn.Module):
            def __init__(self, name, device):
                super().__init__()
                print("Loading pretrained model", name)
                if name == "brisque":
                    gain, _ = torch.load(load_file_from_url(BASE + "brisque_svm_weights.pth"), weights_only=False)
                elif name == "musiq":
                    torch.hub.load_state_dict_from_url(BASE + "another.pth")
                elif name == "clipiqa":
                    urllib.request.urlopen(BASE + "RN50.pt")
                elif name == "lpips":
                    gain = torch.hub.load_state_dict_from_url(BASE + "alexnet-owt-7be5be79.pth")["gain"]
                else:
                    gain = torch.randn(1)
                self.gain = gain.to(device)

            def forward(self, image, other=None):
                SEEN.append(torch.backends.cudnn.deterministic)
                return (self.gain * (image if other is None else image - other).mean()).reshape(1, 1)

        SEEN = []

        class InferenceModel(torch.nn.Module):
            def __init__(self, net):
                super().__init__()
                self.net = net.eval()

            def forward(self, target, ref=None):
                with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
                    return self.net(target, ref)

        def create_metric(name, device=None):
            return InferenceModel(Gain(name, device))
    """,
    "utils/__init__.py": "",
    "utils/download_util.py": """
        import os
        from urllib.parse import urlparse
        from torch.hub import download_url_to_file, get_dir

        DEFAULT_CACHE_DIR = os.path.join(get_dir(), "pyiqa")

        def load_file_from_url(url):
            cached = os.path.join(DEFAULT_CACHE_DIR, os.path.basename(urlparse(url).path))
            if not os.path.exists(cached):
                download_url_to_file(url, cached, hash_prefix=None, progress=True)
            return cached
    """,
}


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that finds and reads its files as pyiqa does; the weights folder."""
    for name, text in PACKAGE.items():
        path = tmp_path / "packages" / "pyiqa" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "pyiqa"}
    monkeypatch.syspath_prepend(tmp_path / "packages")
    weights = tmp_path / "weights"
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(weights))
    library._without_weights.cache_clear()
    yield weights
    library._without_weights.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyiqa"]:
        del sys.modules[name]
    sys.modules.update(kept)


def score(name: str) -> float:
    fused, a, b = scenes(1, 40, 44)
    return float(evaluate(fused, [a, b], metrics=name, profile="pyiqa").iloc[0, 0])


def saved(folder: Path, metric: str, name: str, content: object) -> Path:
    path = folder / metric / name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def test_what_is_registered() -> None:
    assert set(SPECS) >= {"NIQE", "BRISQUE", "PIQE", "MUSIQ", "CLIPIQA", "LPIPS", "DISTS", "FSIM", "GMSD", "VSI"}
    for name, spec in SPECS.items():
        assert spec.operands == ("F|A,B" if name in {"LPIPS", "DISTS", "FSIM", "GMSD", "VSI"} else "F")
        assert spec.colour == "rgb"
        assert spec.packages == ("pyiqa",)
        assert not spec.default
        assert spec.paper is not None
        assert all(weight.page.startswith("https://") for weight in spec.weights)


def test_a_run_without_the_library_stops_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fusionbench.metrics.versions.importlib.util.find_spec", lambda name: None if name == "pyiqa" else object()
    )
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)
    arguments = ["run", "-m", "average", "-d", "demo-ivf", "--limit", "1", "--out", str(tmp_path / "run")]
    named = CliRunner().invoke(main, [*arguments, "--metrics", "EN,NIQE@pyiqa"])
    assert named.exit_code == 2
    assert "metric NIQE@pyiqa needs pyiqa, which is not installed." in named.output
    assert "pip install 'fusionbench[pyiqa]'" in named.output
    assert not (tmp_path / "run").exists()
    whole = CliRunner().invoke(main, [*arguments, "--profile", "zhao,pyiqa", "--dry-run"])
    assert whole.exit_code == 0, whole.output
    assert "skipped: metric LPIPS@pyiqa needs pyiqa" in whole.output


def test_weights_that_are_absent_are_named_and_not_downloaded(stand_in: Path) -> None:
    with pytest.raises(WeightsError, match=r"brisque_svm_weights\.pth' are not installed[\s\S]*weights add BRISQUE"):
        score("BRISQUE")


def test_the_user_s_weights_are_used(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fused, *_ = scenes(1, 40, 44)
    saved(stand_in, "BRISQUE", "brisque_svm_weights.pth", (torch.tensor(3.0), torch.tensor(1.0)))
    state, hub, load = torch.get_rng_state(), torch.hub.get_dir(), torch.load
    assert score("BRISQUE") == pytest.approx(3 * float(fused.double().mean()) / 255, rel=1e-5)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.hub.get_dir() == hub
    assert torch.load is load
    assert capsys.readouterr().out == ""
    # Other threads compute with cuDNN at the same time.
    assert sys.modules["pyiqa"].SEEN == [False]


def test_weights_in_the_library_s_own_cache_are_found(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (spec,) = [spec for spec in sys.modules["fusionbench_perceptual"].fusionbench_metrics() if spec.name == "BRISQUE"]
    path = saved(tmp_path / "torch" / "hub", "pyiqa", "brisque_svm_weights.pth", (torch.tensor(2.0), torch.tensor(1)))
    assert spec.weights[0].elsewhere == (path,)
    fused, a, b = scenes(1, 40, 44)
    scorer = fb.metrics.Scorer.of_specs([spec])
    found = scorer.score(fused, [a, b])["BRISQUE@pyiqa"]
    assert found == pytest.approx([2 * float(fused.double().mean()) / 255], rel=1e-5)


def test_what_would_be_downloaded_is_refused(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_check", lambda *_: None)
    saved(stand_in, "MUSIQ", "musiq_koniq_ckpt-e95806b9.pth", {})
    with pytest.raises(WeightsError, match=r"musiq wants another\.pth, which is not here, and nothing is downloaded"):
        score("MUSIQ")
    saved(stand_in, "CLIPIQA", "RN50.pt", {})
    with pytest.raises(WeightsError, match=r"clipiqa wants RN50\.pt"):
        score("CLIPIQA")


def test_a_file_that_would_run_code_is_refused(stand_in: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "harmed",)

    saved(stand_in, "BRISQUE", "brisque_svm_weights.pth", Harm())
    with pytest.raises(WeightsError, match="pyiqa cannot make its metric brisque"):
        score("BRISQUE")
    assert not (tmp_path / "harmed").exists()


def test_a_file_has_the_digest_that_its_name_says(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = saved(stand_in, "LPIPS", "LPIPS_v0.1_alex-df73285e.pth", {"gain": torch.tensor(1.0)})
    saved(stand_in, "LPIPS", "alexnet-owt-7be5be79.pth", {"gain": torch.tensor(5.0)})
    digest = hashlib.sha256(linear.read_bytes()).hexdigest()[:8]
    with pytest.raises(WeightsError, match=f"begins with {digest}, not with df73285e"):
        score("LPIPS")
    monkeypatch.setattr(library, "_check", lambda *_: None)
    fused, a, b = (image.double().mean() / 255 for image in scenes(1, 40, 44))
    assert score("LPIPS") == pytest.approx(float(5 * (fused - (a + b) / 2)), abs=1e-5)


@pytest.mark.parametrize("name", ["PIQE", "FSIM", "GMSD", "VSI"])
def test_the_library_s_own_values(name: str) -> None:
    pyiqa = pytest.importorskip("pyiqa")
    fused, a, b = scenes(1, 48, 56, channels=3)
    metric = pyiqa.create_metric(name.lower(), device=torch.device("cpu"))
    image, *others = (x.float() / 255 for x in (fused, a, b))
    expected = [float(metric(image, other)) for other in others] if name != "PIQE" else [float(metric(image))]
    value = float(evaluate(fused, [a, b], metrics=name, profile="pyiqa").iloc[0, 0])
    assert value == pytest.approx(sum(expected) / len(expected), rel=1e-6)
