"""``fusionbench weights``, from a downloaded file to an installed one."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from fusionbench.cli import main
from tests.weights.bundles import write_bundle

PLUGIN = """
from torch import nn

import fusionbench as fb
from fusionbench.methods.learned import LearnedMethod


class Tiny(LearnedMethod):
    name = "tiny"

    def build(self, state=None):
        return nn.Sequential(nn.Conv2d(2, 1, 3, padding=1), nn.Flatten(0, 0))


def weight(name, digest=""):
    official = (f"{name}.data-00000-of-00001", f"{name}.index")
    return fb.WeightSpec(
        name=name, filename=f"{name}.safetensors", page="https://example.org", official=official, licence="MIT",
        sha256=(digest,) if digest else (), size=76,
    )


def fusionbench_methods():
    return [
        fb.MethodSpec(name="tiny", tasks=("IVF",), factory=Tiny, weights=(weight("a", "DIGEST"), weight("b"))),
        fb.MethodSpec(name="free", tasks=("IVF",), factory=Tiny),
    ]


NAMES = ("factor", "offset")


def scale(device, weights):
    factor = float(weights["factor"].read_text()) + float(weights["offset"].read_text())
    return lambda planes: factor * planes.fused.mean((-2, -1))


def fusionbench_metrics():
    files = tuple(
        fb.WeightSpec(name=name, filename=f"{name}.txt", page="https://example.org/scale") for name in NAMES
    )
    shared = {"name": "Scale", "operands": "F", "higher_is_better": True, "function": scale}
    return [
        fb.MetricSpec(profile="zhao", weights=files, **shared),
        fb.MetricSpec(profile="vifb", weights=files, **shared),
        fb.MetricSpec(profile="zhao", weights=files[:1], **(shared | {"name": "Torn"})),
        fb.MetricSpec(profile="vifb", weights=files[1:], **(shared | {"name": "Torn"})),
    ]
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    kernel, bias = torch.rand(3, 3, 2, 1), torch.rand(1)
    return write_bundle(tmp_path / "model-3", {"0/weight": kernel.numpy(), "0/bias": bias.numpy()})


@pytest.fixture
def call(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    digest = hashlib.sha256((tmp_path / "model-3.data-00000-of-00001").read_bytes()).hexdigest()
    plugin = tmp_path / "tiny_plugin.py"
    plugin.write_text(PLUGIN.replace("DIGEST", digest))

    def invoke(command: str, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["weights", command, *map(str, arguments), "-p", str(plugin)])

    return invoke


def test_from_download_to_use(call, tmp_path: Path, bundle: Path) -> None:
    stored = tmp_path / "weights" / "tiny" / "a.safetensors"
    before = call("list", "tiny")
    assert before.exit_code == 0
    assert before.output.count("not installed") == 2
    assert "https://example.org" in before.output
    assert "licence: MIT" in before.output
    assert call("where", "tiny").exit_code == 1

    added = call("add", "tiny", tmp_path / "model-3")  # recognised by the digest of its data
    assert added.exit_code == 0, added.output
    assert str(stored) in added.output
    kernel = load_file(stored)["0.weight"]
    assert kernel.shape == (1, 2, 3, 3)
    assert str(stored) in call("list", "tiny").output

    verified = call("verify", "tiny")
    assert verified.exit_code == 0
    assert "a: loads; as published" in verified.output

    again = call("add", "tiny", bundle)
    assert again.exit_code == 2
    assert "--force" in again.output
    assert call("add", "tiny", bundle, "--force").exit_code == 0


def test_weights_of_metrics_like_those_of_methods(call, tmp_path: Path) -> None:
    before = call("list", "scale")  # names of metrics in any case, once for the conventions that share them
    assert before.exit_code == 0, before.output
    assert before.output.count("Scale factor (metric): not installed") == 1
    assert "Scale offset" in call("list").output
    missing = call("where", "Scale@vifb")
    assert missing.exit_code == 1
    assert "fusionbench weights add Scale FILE" in missing.output

    (tmp_path / "downloaded").write_text("2")
    unnamed = call("add", "Scale", tmp_path / "downloaded")
    assert unnamed.exit_code == 2
    assert "--name" in unnamed.output
    stored = tmp_path / "weights" / "Scale" / "factor.txt"
    assert str(stored) in call("add", "Scale", tmp_path / "downloaded", "--name", "factor").output
    (tmp_path / "downloaded").write_text("two")  # both are there now, and are tried
    wrong = call("add", "Scale", tmp_path / "downloaded", "--name", "offset")
    assert wrong.exit_code == 2
    assert "could not convert string to float: 'two'" in wrong.output
    (tmp_path / "downloaded").write_text("0.5")
    assert call("add", "Scale", tmp_path / "downloaded", "--name", "offset").exit_code == 0
    assert call("where", "Scale").output.splitlines()[0] == str(stored)
    verified = call("verify")
    assert verified.exit_code == 0, verified.output
    assert "Scale factor: loads; no digest is published" in verified.output
    stored.write_text("two")
    assert "FAILED: Scale:" in call("verify", "Scale").output


def test_a_conversion_is_recognised_as_its_source(call, tmp_path: Path, bundle: Path) -> None:
    target = tmp_path / "out.safetensors"
    assert call("convert", "tiny", bundle, "-o", target).exit_code == 0
    added = call("add", "tiny", target)
    assert added.exit_code == 0, added.output
    assert "tiny a:" in added.output


def test_unknown_files_need_a_name_and_force(call, tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    torch.save({"0.weight": torch.zeros(1, 2, 3, 3), "0.bias": torch.zeros(1)}, own)
    unnamed = call("add", "tiny", own)
    assert unnamed.exit_code == 2
    assert "--name" in unnamed.output
    wrong = call("add", "tiny", own, "--name", "a")
    assert wrong.exit_code == 2
    assert "SHA-256" in wrong.output
    assert call("add", "tiny", own, "--name", "a", "--force").exit_code == 0
    assert "not a published file" in call("verify", "tiny").output
    assert call("add", "tiny", own, "--name", "b").exit_code == 0  # nothing published to compare with
    assert "no digest is published" in call("verify", "tiny").output


def test_what_does_not_fit_is_not_stored(call, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"1.weight": torch.zeros(1)}, other)
    result = call("add", "tiny", other, "--name", "b")
    assert result.exit_code == 2
    assert "missing: 0.weight" in result.output
    assert not (tmp_path / "weights" / "tiny" / "b.safetensors").exists()


def test_what_cannot_be_read_is_told_before_anything_else(call, tmp_path: Path) -> None:
    packed = tmp_path / "weights.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("out/a.pth", b"x")
    result = call("add", "tiny", packed)
    assert result.exit_code == 2
    assert "is a zip archive that holds out/a.pth" in result.output
    assert "Unpack it" in result.output


def test_verify_fails_on_damage(call, tmp_path: Path, bundle: Path) -> None:
    call("add", "tiny", bundle)
    stored = tmp_path / "weights" / "tiny" / "a.safetensors"
    stored.write_bytes(stored.read_bytes()[:-8])
    result = call("verify", "tiny")
    assert result.exit_code == 1
    assert "FAILED" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "free", "x"), "needs no weights"),
        (("add", "tiny", "absent.pth"), "no such file"),
        (("list", "tyni"), "tiny"),
        (("list", "EN"), "metric EN needs no weights"),
        (("list", "Torn"), "Torn@zhao, Torn@vifb"),
        (("add", "Scale@zhao", "x", "--name", "gain"), "no such file"),
        (("fetch", "Scale"), "do not publish them on the hub"),
        (("fetch", "tiny"), "do not publish them on the hub"),
    ],
)
def test_wrong_use(call, arguments: tuple[str, ...], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_where_without_a_method_is_the_folder(call, tmp_path: Path) -> None:
    assert call("where").output.strip() == str(tmp_path / "weights")


def test_a_checkpoint_that_holds_a_tensor_under_two_names_is_converted(tmp_path: Path, call) -> None:
    shared = torch.rand(2, 3)
    torch.save({"a.weight": shared, "a.conv.weight": shared, "b": shared.t()}, tmp_path / "tied.pth")
    result = call("convert", "tiny", tmp_path / "tied.pth", "-o", tmp_path / "tied.safetensors")
    assert result.exit_code == 0, result.output
    stored = load_file(tmp_path / "tied.safetensors")
    assert torch.equal(stored["a.weight"], shared)
    assert torch.equal(stored["a.conv.weight"], shared)
    assert torch.equal(stored["b"], shared.t())


def test_weights_that_ship_need_no_fetching() -> None:
    result = CliRunner().invoke(main, ["weights", "fetch", "film-compact", "--name", "IVF"])
    assert result.exit_code == 0, result.output
    assert Path(result.output.strip()).is_file()
