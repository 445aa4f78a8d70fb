"""Publishing on a stand-in for the Hugging Face hub, by the command."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from safetensors.torch import load

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.results.exported import read_exported
from tests.helpers.film import tiny_film, write_official, write_weights
from tests.helpers.hub_server import Hub, hub_server
from tests.helpers.workshop import FUSES, Workshop, method

pytest.importorskip("huggingface_hub")
TOKEN = "hf_notToBeShownToAnybodyAtAll0123"
Push = Callable[..., Result]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run folder, and the plugin with its method; the method has a name that Markdown and YAML would obey."""
    place = tmp_path_factory.mktemp("run")
    settings = dict(Workshop(place)(method(FUSES), count=2, methods="[a|b]: *c*=mine"))
    fb.run(**settings | {"device": "cpu", "metrics": ["EN", "SD"]}, isolate=False)
    return place / "run", str(settings["plugins"][0])


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server(TOKEN) as server:
        yield server


@pytest.fixture
def push(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Push:
    """The command, with the hub's client led to the stand-in; ``HF_...`` set what the client reads at its import."""
    own = {"ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": True, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_TELEMETRY": True}
    own["HUGGINGFACE_CO_URL_TEMPLATE"] = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    places = {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_TOKEN_PATH": str(tmp_path / "token")}

    def call(*arguments: object, token: str = TOKEN, **more: object) -> Result:
        monkeypatch.setenv("HF_TOKEN", token)
        for name, value in {**own, **places, **more}.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        done = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
        assert TOKEN not in done.output
        return done

    return call


def facts(card: bytes) -> dict[str, Any]:
    """What the hub reads in a card."""
    found: dict[str, Any] = yaml.safe_load(card.decode().split("---\n")[1])
    return found


def test_a_run_is_published_with_what_a_leaderboard_reads(
    push: Push, hub: Hub, run: tuple[Path, str], tmp_path: Path
) -> None:
    folder, plugin = run
    done = push(
        "push", "run", folder, "me/results", "--images", "--licence", "cc-by-4.0", "--author", "Us", "-p", plugin
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/datasets/me/results"
    files = hub.files["datasets/me/results"]
    assert set(files) == {"README.md", "results.json", "results.zip", "table.md", "table.csv", "table.tex"}
    (tmp_path / "results.json").write_bytes(files["results.json"])
    exported = read_exported(tmp_path / "results.json")
    assert (exported.author, list(exported.datasets)) == ("Us", ["pairs"])
    names = zipfile.ZipFile(BytesIO(files["results.zip"])).namelist()
    assert len(names) == 2
    assert all(name.startswith("images/") for name in names)
    card = files["README.md"].decode()
    assert facts(files["README.md"])["license"] == "cc-by-4.0"
    assert facts(files["README.md"])["tags"] == ["image-fusion", "fusionbench", "IVF"]
    assert r"\[a\|b\]: \*c\*" in card
    assert "fusionbench 0" in card
    assert not hub.private
    # Nothing of this machine.
    shown = b"".join(files[name] for name in files if name != "results.zip").decode()
    assert str(folder.parent) not in shown
    assert os.uname().nodename not in card
    # Again: the card is one of ours.
    assert push("push", "run", folder, "me/results", "-p", plugin).exit_code == 0
    assert len(hub.commits) == 2


def test_weights_are_published_with_a_card_and_found_again(
    push: Push, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_weights(tmp_path / "mine.safetensors")
    done = push(
        "push",
        "weights",
        "film",
        source,
        "me/film",
        "--name",
        "IVF",
        "--licence",
        "mit",
        "--private",
        "--trained-on",
        "msrs",
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/me/film"
    files = hub.files["models/me/film"]
    assert set(files) == {"README.md", "IVF.safetensors"}
    assert files["IVF.safetensors"] == source.read_bytes()  # with the dimensions that it carries
    assert hub.private == {"models/me/film"}
    found = facts(files["README.md"])
    assert (found["license"], found["library_name"], found["pipeline_tag"]) == ("mit", "fusionbench", "image-to-image")
    card = files["README.md"].decode()
    assert "--weights film=hf:me/film:IVF.safetensors" in card
    assert "trained on: msrs" in card
    assert "@inproceedings{zhao2024image" in card
    # What the card says to do.
    done = push(
        "run",
        "-m",
        "film",
        "--weights",
        "film=hf:me/film:IVF.safetensors",
        "-d",
        "demo-ivf",
        "--option",
        "film.text=none",
        "--dry-run",
        "--limit",
        "1",
        "--out",
        tmp_path / "run",
    )
    assert done.exit_code == 0, done.stderr


def test_a_checkpoint_becomes_safetensors_and_a_run_stands_in_the_card(push: Push, hub: Hub, tmp_path: Path) -> None:
    source = write_official(tmp_path / "mine.pth", tiny_film())
    settings = {"methods": "tiny=film", "datasets": "demo-ivf", "limit": 2, "metrics": ["EN"], "device": "cpu"}
    run = push(
        "run",
        "-m",
        "tiny=film",
        "--weights",
        f"tiny={write_weights(tmp_path / 'w.safetensors')}",
        "--option",
        "tiny.text=none",
        "-d",
        "demo-ivf",
        "--limit",
        "2",
        "--metrics",
        "EN",
        "--out",
        tmp_path / "run",
    )
    assert run.exit_code == 0, run.stderr
    refused = push("push", "weights", "film", source, "me/film", "--name", "IVF", "--licence", "mit")
    assert refused.exit_code == 2  # a checkpoint does not say its dimensions, and these are not the released ones
    assert not hub.files
    source = write_weights(tmp_path / "mine.safetensors")
    done = push(
        "push", "weights", "film", source, "me/film", "--name", "IVF", "--licence", "mit", "--run", tmp_path / "run"
    )
    assert done.exit_code == 0, done.stderr
    card = hub.files["models/me/film"]["README.md"]
    (index,) = facts(card)["model-index"]
    (result,) = index["results"]
    frame = fb.load_run(tmp_path / "run").frame()
    assert result["metrics"][0]["value"] == pytest.approx(frame["value"].mean(), abs=1e-6)
    assert result["metrics"][0]["name"] == "EN (convention zhao)"
    assert "## Results" in card.decode()
    assert settings["limit"] == frame["sample"].nunique()


def test_a_card_that_somebody_wrote_is_not_written_over(push: Push, hub: Hub, run: tuple[Path, str]) -> None:
    folder, plugin = run
    hub.files["datasets/me/results"] = {"README.md": b"# My data"}
    done = push("push", "run", folder, "me/results", "-p", plugin)
    assert done.exit_code == 2
    assert "has a README.md that fusionbench did not write" in done.stderr
    assert hub.files["datasets/me/results"] == {"README.md": b"# My data"}
    assert push("push", "run", folder, "me/results", "-p", plugin, "--force").exit_code == 0


def test_a_dry_run_sends_nothing(push: Push, hub: Hub, run: tuple[Path, str]) -> None:
    folder, plugin = run
    done = push("push", "run", folder, "me/results", "-p", plugin, "--dry-run", token="")
    assert done.exit_code == 0, done.stderr
    assert "pretty_name: 'Image fusion: pairs'" in done.stdout
    assert "results.json: " in done.stdout
    assert hub.requests == []


def test_what_the_hub_refuses_is_told_without_the_token(push: Push, hub: Hub, run: tuple[Path, str]) -> None:
    folder, plugin = run
    hub.refusal = f"the token {TOKEN} may not write"
    done = push("push", "run", folder, "me/results", "-p", plugin)
    assert done.exit_code == 2
    assert "me/results: the Hugging Face hub did not take it" in done.stderr
    assert "right to write" in done.stderr
    for more, message in (
        ({"token": "hf_another"}, "did not take it"),
        ({"token": ""}, "nobody is logged in"),
        ({"HF_HUB_OFFLINE": True}, "Unset HF_HUB_OFFLINE"),
        ({"ENDPOINT": "http://127.0.0.1:9"}, "did not take it"),
    ):
        hub.refusal = ""
        done = push("push", "run", folder, "me/results", "-p", plugin, **more)
        assert done.exit_code == 2, more
        assert message in done.stderr
    assert not hub.commits


def test_which_of_several_weights_is_asked_for(push: Push, tmp_path: Path) -> None:
    said = push("push", "weights", "cddfuse", tmp_path / "file", "group/mine", "--licence", "mit").output
    assert "cddfuse has several weights: IVF, MIF" in said
    assert "--name" in said


@pytest.mark.parametrize("name", ["results", "me/", "me/a/b", "../x", "me/a b", "me/a--b", "me/x?token=1"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    from fusionbench.publishing.sending import check_repository
    from fusionbench.types import UsageError

    with pytest.raises(UsageError, match="is no repository"):
        check_repository(name)


def test_weights_that_their_authors_have_published_are_not_published_again_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.plugins import current_plugins
    from fusionbench.publishing.weights import weights_package
    from fusionbench.types import UsageError, WeightsError

    spec = current_plugins().methods["film-compact"]
    shipped = spec.weights[0].package_file
    assert shipped is not None
    facts: dict[str, Any] = {"licence": "apache-2.0", "name": "IVF"}
    with pytest.raises(UsageError, match="have published"):
        weights_package(spec, shipped, tmp_path, "me/x", **facts)
    package = weights_package(spec, shipped, tmp_path, "me/x", republish=True, **facts)
    assert load(package.files["film-compact-ivf.safetensors"].read_bytes())
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        weights_package(spec, tmp_path / "other.safetensors", tmp_path, "me/x", **facts)
    assert json.loads(json.dumps(package.title)) == "Weights of FILM-compact, weights IVF"
