"""Weights recognised by their digests: published ones, conversions, changed ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import fusionbench as fb
from fusionbench import MethodSpec, Task, WeightSpec
from fusionbench.images import file_sha256
from fusionbench.plugins import current_plugins
from fusionbench.types import WeightsError
from fusionbench.weights.checkpoints import read_state_dict
from fusionbench.weights.recognition import CONTENT_KEY, examine, numbers_sha256, recognise, weights_digest
from fusionbench.weights.store import convert
from tests.helpers.shared import available, shared_path

PUBLISHED = [
    (name, weight.name)
    for name, spec in sorted(current_plugins().methods.items())
    for weight in spec.weights
    if weight.content_sha256
]


def changed(path: Path, target: Path) -> Path:
    """The file with one bit of its last number changed."""
    contents = bytearray(path.read_bytes())
    contents[-3] ^= 1
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(contents)
    return target


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2, 3)}, tmp_path / "net.pth")
    return tmp_path / "net.pth"


def spec_of(path: Path, **facts: object) -> MethodSpec:
    weight = WeightSpec(
        name="mif",
        filename="net-mif.safetensors",
        official=(path.name,),
        tasks=(Task.MIF,),
        sha256=(file_sha256(path),),
        size=path.stat().st_size,
        **facts,
    )
    return MethodSpec(name="net", tasks=tuple(Task), factory="nowhere:Net", weights=(weight,))


def test_published_files_and_their_conversions_are_recognised(published: Path, tmp_path: Path) -> None:
    spec = spec_of(published)
    convert(published, tmp_path / "any.safetensors")
    for path in (published, tmp_path / "any.safetensors"):
        assert recognise(spec, path) is spec.weights[0]
        assert examine(spec, path, Task.MIF) == ("", "")
        assert examine(spec, path, None) == ("", "")
        remark, mark = examine(spec, path, Task.IVF)
        assert "the published weights mif, made for MIF, used on IVF" in remark
        assert mark == "weights mif, made for MIF"


def test_published_weights_of_another_option_are_told(published: Path) -> None:
    spec = spec_of(published, when={"rule": ("auto", "max")})
    assert examine(spec, published, Task.MIF, {"rule": "max"}) == ("", "")
    remark, mark = examine(spec, published, Task.MIF, {"rule": "sum"})
    assert "made for rule=auto/max, used with rule=sum" in remark
    assert mark == "weights mif, made for rule=auto/max"


@pytest.mark.parametrize(("name", "what"), [("net.pth", "name"), ("mine.pth", "size")])
def test_what_looks_like_published_weights_and_is_not_is_told(
    published: Path, tmp_path: Path, name: str, what: str
) -> None:
    other = changed(published, tmp_path / "other" / name)
    remark, mark = examine(spec_of(published), other, Task.MIF)
    assert f"has the {what} of the published weights 'mif' but another SHA-256" in remark
    assert not mark


def test_own_weights_are_nobody_s_business(published: Path, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(100)}, tmp_path / "mine.pth")
    assert examine(spec_of(published), tmp_path / "mine.pth", Task.IVF) == ("", "")


def test_a_changed_conversion_is_refused(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        assert file.metadata()[CONTENT_KEY] == numbers_sha256(tmp_path / "net.safetensors")
    assert torch.equal(read_state_dict(tmp_path / "net.safetensors")["a"], torch.arange(6.0))
    other = changed(tmp_path / "net.safetensors", tmp_path / "changed.safetensors")
    with pytest.raises(WeightsError, match="its numbers are not those that were written"):
        read_state_dict(other)


def test_a_conversion_by_other_means_is_known_by_its_numbers(published: Path, tmp_path: Path) -> None:
    save_file(torch.load(published, weights_only=True), tmp_path / "net-mif.safetensors", metadata={"format": "pt"})
    spec = spec_of(published, content_sha256=numbers_sha256(tmp_path / "net-mif.safetensors"))
    assert recognise(spec, tmp_path / "net-mif.safetensors") is spec.weights[0]
    other = changed(tmp_path / "net-mif.safetensors", tmp_path / "other" / "net-mif.safetensors")
    assert recognise(spec, other) is None
    assert "but another SHA-256" in examine(spec, other, Task.MIF)[0]


def test_shipped_weights_that_changed_are_refused(published: Path, tmp_path: Path) -> None:
    other = changed(published, tmp_path / "other" / "net.pth")
    spec = spec_of(published)
    spec = dataclasses.replace(spec, weights=(dataclasses.replace(spec.weights[0], package_file=other),))
    with pytest.raises(WeightsError, match=r"(?s)not the file that was shipped.*install the package again"):
        examine(spec, other, Task.MIF)


@pytest.mark.parametrize(
    "contents", [b"", b"\xff" * 7 + b"\0{", b"\x02\0\0\0\0\0\0\0{}", b"\x09\0\0\0\0\0\0\0{" + b"[" * 8]
)
def test_damaged_files_are_not_recognised(published: Path, tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "net-mif.safetensors").write_bytes(contents)
    spec = spec_of(published, content_sha256="0" * 64)
    assert recognise(spec, tmp_path / "net-mif.safetensors") is None


def test_what_is_read_beside_a_file_belongs_to_its_identity(published: Path) -> None:
    spec = spec_of(published, beside=("second.pth",))
    alone = weights_digest(spec, published)
    assert alone == file_sha256(published)
    digests = {alone}
    for contents in (b"a", b"bc"):
        published.with_name("second.pth").write_bytes(contents)
        digests.add(weights_digest(spec, published))
    assert len(digests) == 3


@pytest.mark.shared
@pytest.mark.parametrize(("method", "name"), PUBLISHED)
def test_every_registered_digest_of_numbers_is_right(method: str, name: str, tmp_path: Path) -> None:
    spec = current_plugins().methods[method]
    weight = next(weight for weight in spec.weights if weight.name == name)
    stored = shared_path("weights", method)
    paths = [stored / weight.filename] if available("weights", method, weight.filename) else []
    if method == "tardal":
        paths = [stored / f"TarDAL-{name.removesuffix('-v0')}.safetensors"]
    for path in paths:
        assert recognise(spec, path) is weight
        again = tmp_path / path.name
        save_file(load_file(path), again)
        assert recognise(spec, again) is weight
        assert recognise(spec, changed(path, tmp_path / "other" / path.name)) is None


@pytest.mark.shared
def test_python_warns_of_weights_for_another_task() -> None:
    path = shared_path("weights", "sdnet", "SDNet-Medical.safetensors")
    with pytest.warns(UserWarning, match="Medical, made for MIF, used on IVF"):
        fb.get_method("sdnet", task="IVF", weights=path, device="cpu")
