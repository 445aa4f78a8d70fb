"""Data sets described in Croissant."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fusionbench.cli import main
from fusionbench.data import open_dataset
from fusionbench.plugins import current_plugins
from fusionbench.publishing.croissant import CONFORMS_TO, croissant
from fusionbench.types import UsageError
from tests.helpers.scenes import write_pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "data", 3)
    return tmp_path / "data"


def export(folder: Path, output: Path, *more: str) -> Result:
    arguments = ["data", "export", f"folder={folder}", "--option", "folder.task=IVF", "-o", str(output), *more]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def described(folder: Path, *more: str) -> dict[str, Any]:
    output = folder / "croissant.json"
    result = export(folder, output, "--croissant", *more)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return found


def test_every_file_is_there_with_its_digest_and_the_records_say_which_belong_together(folder: Path) -> None:
    found = described(folder)
    assert (found["@type"], found["conformsTo"], found["name"]) == ("sc:Dataset", CONFORMS_TO, "data")
    files = {file["@id"]: file for file in found["distribution"]}
    on_disk = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
    assert set(files) == set(on_disk)
    for name, path in on_disk.items():
        assert files[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[name]["contentUrl"] == name
        assert files[name]["contentSize"] == f"{path.stat().st_size} B"
        assert files[name]["encodingFormat"] == "image/png"
    (records,) = found["recordSet"]
    samples = open_dataset(f"folder={folder}", options={"task": "IVF"}).samples
    assert [record["samples/id"] for record in records["data"]] == [sample.id for sample in samples]
    for record, sample in zip(records["data"], samples, strict=True):
        for column, source in zip(("infrared", "visible"), sample.sources, strict=True):
            assert isinstance(source, Path)
            assert record[f"samples/{column}"] == source.relative_to(folder).as_posix()
            assert record[f"samples/{column}_sha256"] == files[record[f"samples/{column}"]]["sha256"]
    # A record has a value for each field, and no other.
    assert all(set(record) == {field["@id"] for field in records["field"]} for record in records["data"])
    # Each name with a prefix is one that the context knows.
    prefixes = {value.partition(":")[0] for value in _types(found)}
    assert prefixes <= set(found["@context"])


def _types(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["@type"]] if isinstance(value.get("@type"), str) and ":" in value["@type"] else []
        return own + [kind for key, inner in value.items() if key != "@context" for kind in _types(inner)]
    return [kind for inner in value for kind in _types(inner)] if isinstance(value, list) else []


def test_addresses_of_what_is_published(folder: Path) -> None:
    (folder / "ir" / "000.png").rename(folder / "ir" / "a b%.png")
    (folder / "vi" / "000.png").rename(folder / "vi" / "a b%.png")
    found = described(folder, "--url", "https://example.org/data/")
    urls = {file["contentUrl"] for file in found["distribution"]}
    assert "https://example.org/data/ir/a%20b%25.png" in urls
    assert all(url.startswith("https://example.org/data/ir/") or "/vi/" in url for url in urls)


def test_planes_beyond_the_second_and_ground_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path))
    dataset = open_dataset("demo-mff")
    (base,) = {source.parents[2] for sample in dataset.samples for source in sample.sources if isinstance(source, Path)}
    found = croissant(dataset, current_plugins().datasets["demo-mff"], base)
    records = found["recordSet"][0]["data"]
    counts = {sum(record[f"samples/{name}"] != "" for name in ("near", "far", "source_3")) for record in records}
    assert all(set(record) == {field["@id"] for field in found["recordSet"][0]["field"]} for record in records)
    assert counts == {2, 3}
    assert all("samples/reference_sha256" in record for record in records)


def test_what_cannot_be_described(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    result = export(folder, tmp_path / "elsewhere" / "x.json", "--croissant")
    assert result.exit_code == 2
    assert "lies outside of" in result.stderr
    result = export(folder, folder / "x.json")
    assert result.exit_code == 2
    assert "--croissant" in result.stderr
    assert not (folder / "x.json").exists()
    with pytest.raises(UsageError):
        croissant(
            open_dataset(f"folder={folder}", options={"task": "IVF"}),
            current_plugins().datasets["folder"],
            tmp_path / "elsewhere",
        )


def test_licence_page_and_paper_of_a_registered_data_set(folder: Path) -> None:
    spec = current_plugins().datasets["msrs"]
    found = croissant(open_dataset(f"folder={folder}", options={"task": "IVF"}), spec, folder)
    assert found["url"] == spec.page
    assert spec.paper is not None
    assert spec.paper.title.split()[0] in found["citeAs"]
    assert {person["@type"] for person in found["creator"]} == {"sc:Person"}
