"""HDF5 from outside: values that the file itself holds, or a refusal from what it declares."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.data import check_dataset, open_hdf5, read_features
from fusionbench.images import read_image
from fusionbench.types import DataError
from tests.helpers.memory import memory_below

h5py = pytest.importorskip("h5py")

SECRET = np.random.default_rng(7).random((1, 24, 32), dtype=np.float32)
PLAIN = np.random.default_rng(8).random((1, 24, 32), dtype=np.float32)
MOST = 1 << 20


def external_storage(file: Any, folder: Path) -> None:
    (folder / "other.raw").write_bytes(SECRET.tobytes())
    file.create_dataset("g/s", SECRET.shape, "f4", external=[(str(folder / "other.raw"), 0, h5py.h5f.UNLIMITED)])


def external_group(file: Any, folder: Path) -> None:
    file["g"] = h5py.ExternalLink(str(folder / "other.h5"), "/g")


def external_member(file: Any, folder: Path) -> None:
    file.create_group("g")["s"] = h5py.ExternalLink(str(folder / "other.h5"), "/g/s")


def soft_link(file: Any, folder: Path) -> None:
    file["other"] = h5py.ExternalLink(str(folder / "other.h5"), "/g/s")
    file.create_group("g")["s"] = h5py.SoftLink("/other")


def virtual(file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout(SECRET.shape, "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "/g/s", SECRET.shape)
    file.create_group("g").create_virtual_dataset("s", layout)


ELSEWHERE = {
    external_storage: "external storage",
    external_group: "link",
    external_member: "link",
    soft_link: "link",
    virtual: "virtual",
}


def made(path: Path, make: Callable[[Any, Path], None]) -> Path:
    with h5py.File(path.parent / "other.h5", "w") as file:
        file["g/s"] = SECRET
    with h5py.File(path, "w") as file:
        make(file, path.parent)
    return path


@pytest.mark.parametrize("make", ELSEWHERE)
def test_what_lies_in_other_files_is_never_read(tmp_path: Path, make: Callable[[Any, Path], None]) -> None:
    path = made(tmp_path / "x.h5", make)
    with open_hdf5(path) as file:
        for look in (file.declared, file.read):
            with pytest.raises(DataError, match=rf"x\.h5:g.*{ELSEWHERE[make]}"):
                look("g/s", most=MOST)
    with pytest.raises(DataError, match=r"x\.h5"):
        read_features(path)


def test_what_lies_in_other_files_is_not_even_opened(tmp_path: Path) -> None:
    def printf_style(file: Any, folder: Path) -> None:
        # Its shape depends on the sources, so that asking for the shape opens them.
        layout = h5py.VirtualLayout((1, 24, 32), "f4", maxshape=(None, 24, 32))
        source = h5py.VirtualSource(str(folder / "other.h5"), "/g/s", (1, 24, 32), maxshape=(None, 24, 32))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        file.create_group("g").create_virtual_dataset("s", layout)

    path = made(tmp_path / "x.h5", printf_style)
    with open_hdf5(path) as file, pytest.raises(DataError, match="virtual"):
        file.declared("g/s", most=MOST)


def integer_group(file: Any) -> None:
    file["imageA"] = 3


def text_type(file: Any) -> None:
    file.create_dataset("g/s", data=["a", "b"])


def compound(file: Any) -> None:
    file["g/s"] = np.zeros((1, 24, 32), [("a", "f4"), ("b", "f4")])


def booleans(file: Any) -> None:
    file["g/s"] = np.zeros((1, 24, 32), bool)


def null(file: Any) -> None:
    file["g/s"] = h5py.Empty("f4")


def scalar(file: Any) -> None:
    file["g/s"] = 1.0


def named_type(file: Any) -> None:
    file["g/s"] = np.dtype("f4")


def group(file: Any) -> None:
    file.create_group("g/s")


def huge(file: Any) -> None:
    file.create_dataset("g/s", (1, 100_000, 100_000), "f4")


def huge_chunk(file: Any) -> None:
    file.create_dataset("g/s", (1, 24, 32), "f4", chunks=(1, 10_000, 10_000), maxshape=(1, None, None))


def unwritten(file: Any) -> None:
    file.create_dataset("g/s", (1, 24, 32), "f4", fillvalue=0.5)


def half_written(file: Any) -> None:
    file.create_dataset("g/s", (1, 24, 32), "f4", chunks=(1, 12, 32))[:, :12] = 1


def other_filter(file: Any) -> None:
    file.create_dataset("g/s", data=PLAIN, scaleoffset=3)


def twice_packed(file: Any) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((1, 24, 32))
    plan.set_deflate(9)
    plan.set_deflate(9)
    space = h5py.h5s.create_simple(PLAIN.shape)
    h5py.h5d.create(file.create_group("g").id, b"s", h5py.h5t.IEEE_F32LE, space, plan).write(
        h5py.h5s.ALL, h5py.h5s.ALL, PLAIN
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (text_type, "not numbers"),
        (compound, "compound values, not numbers"),
        (booleans, "not numbers"),
        (null, "null"),
        (scalar, "single value"),
        (named_type, "a named type"),
        (group, "expected an array, found a group"),
        (integer_group, "nothing of this name"),
        (huge, "more than 1048576 values"),
        (huge_chunk, r"chunks of \(1, 10000, 10000\)"),
        (unwritten, "never written"),
        (half_written, "1 of its 2 chunks"),
        (other_filter, "scaleoffset"),
        (twice_packed, "several times"),
    ],
)
def test_what_cannot_be_meant_is_refused_from_its_declaration(
    tmp_path: Path, make: Callable[[Any], None], words: str
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        make(file)
    with memory_below(1_000_000), open_hdf5(tmp_path / "x.h5") as file, pytest.raises(DataError, match=words):
        file.declared("g/s", most=MOST)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (1, 10, 10)},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"fletcher32": True},
    ],
)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2", "u1", "i2", ">u4"])
def test_plain_and_packed_arrays_come_back(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    values = (PLAIN * 200).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("g/s", data=values, **options)
    with open_hdf5(tmp_path / "x.h5") as file:
        assert file.names() == ["g"]
        assert list(file.arrays()) == ["g/s"]
        declared = file.declared("g/s", most=MOST)
        assert (declared.shape, declared.dtype) == (values.shape, values.dtype)
        found = file.read("g/s", most=MOST)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_a_chunk_that_unpacks_to_more_than_it_declares(tmp_path: Path) -> None:
    import zlib

    with h5py.File(tmp_path / "x.h5", "w") as file:
        array = file.create_dataset("g/s", (1, 24, 32), "f4", chunks=(1, 24, 32), compression="gzip")
        array.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(3_000_000), 9))
    with open_hdf5(tmp_path / "x.h5") as file, pytest.raises(DataError, match="more bytes than its 3072"):
        file.read("g/s", most=MOST)


def test_a_file_that_is_being_written_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    writer = "import h5py, sys; f = h5py.File(sys.argv[1], 'w'); f['a'] = 1; f.flush(); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DataError, match=r"x\.h5: another program has it open.*\n.*HDF5_USE_FILE_LOCKING"):
            open_hdf5(path).__enter__()
        process.communicate(b"\n")
    with open_hdf5(path) as file:
        assert file.names() == ["a"]
    with h5py.File(path, "w", libver="latest") as file:
        file["a"] = 1
        file.flush()
        # As a writer that died leaves it.
        (tmp_path / "y.h5").write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"writer died.*\n.*h5clear -s"):
        open_hdf5(tmp_path / "y.h5").__enter__()


def test_other_reasons_not_to_open(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "text.h5").write_text("text")
    for name, words in (
        ("none.h5", "does not exist"),
        (".", "not a regular file but a folder"),
        ("pipe.h5", "not a regular file but a pipe"),
        ("empty.h5", "not an HDF5 file"),
        ("text.h5", "not an HDF5 file"),
    ):
        with pytest.raises(DataError, match=words):
            open_hdf5(tmp_path / name).__enter__()


def test_random_damage_never_escapes_as_another_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("imageA/s", data=PLAIN, compression="gzip")
        file.create_dataset("text/s", data=PLAIN[0])
    data = (tmp_path / "x.h5").read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(150):
        changed = bytearray(data)
        for position in rng.integers(0, len(data) // 2, 4):
            changed[position] = rng.integers(0, 256)
        (tmp_path / "y.h5").write_bytes(changed)
        with contextlib.suppress(DataError), open_hdf5(tmp_path / "y.h5") as file:
            for path in list(file.arrays()):
                file.read(path, most=MOST)


# --- the VLF data


def vlf(path: Path, names: list[str]) -> Path:
    with h5py.File(path, "w") as file:
        for name in names:
            for side in ("imageA", "imageB"):
                file[f"{side}/{name}"] = PLAIN
            file[f"text/{name}"] = np.ones((1, 3, 4), np.float32)
    return path


def test_samples_come_in_natural_order(tmp_path: Path) -> None:
    path = vlf(tmp_path / "x.h5", ["img10", "img1", "img2"])
    dataset = fb.get_dataset("vlf-ivf", root=path)
    assert [sample.id for sample in dataset.samples] == ["img1", "img2", "img10"]


def test_one_bad_member_concerns_its_own_sample(tmp_path: Path) -> None:
    path = vlf(tmp_path / "x.h5", [f"s{index}" for index in range(8)])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["g/s"] = SECRET
    with h5py.File(path, "a") as file:
        for name in ("imageA/s1", "imageB/s2", "imageA/s3", "imageB/s4", "imageB/s5", "text/s6"):
            del file[name]
        file["imageA/s1"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/g/s")
        file.create_group("imageB/s2")
        file["imageA/s3"] = (PLAIN * 255).astype(np.uint8)
        file.create_dataset("imageB/s4", (1, 100_000, 100_000), "f4")
        file["text/s6"] = h5py.Empty("f4")
        file["imageB/lonely"] = PLAIN
    dataset = fb.get_dataset("vlf-ivf", root=path)
    assert [sample.id for sample in dataset.samples] == ["s0", "s6", "s7"]
    said = {problem.sample: problem.message for problem in dataset.problems if problem.sample}
    assert "link" in said["s1"]
    assert "found a group" in said["s2"]
    assert "type uint8" in said["s3"]
    assert "more than" in said["s4"]
    lonely = [problem.message for problem in dataset.problems if problem.kind == "unpaired"]
    assert [any(f"{name} is in {side}" in message for message in lonely) for name, side in
            (("s5", "imageA"), ("lonely", "imageB"))] == [True, True]  # fmt: skip
    # A text that cannot be read is no fault of the pair.
    read_image(dataset.samples[1].sources[0])
    report = check_dataset(dataset)
    assert report.usable == ("s0", "s7")
    assert any("null" in problem.message for problem in report.fatal)


def test_sizes_are_known_without_reading(tmp_path: Path) -> None:
    dataset = fb.get_dataset("vlf-ivf", root=vlf(tmp_path / "x.h5", ["s"]))
    assert all(source.shape == (24, 32) for source in dataset.samples[0].sources)
