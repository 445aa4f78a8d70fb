"""Regular files only: nothing is waited for that never comes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from fusionbench.configuration.documents import read_yaml
from fusionbench.data import read_features
from fusionbench.data.lists import read_list
from fusionbench.files import open_regular, read_regular, read_regular_text
from fusionbench.images import content_sha256, file_sha256, probe_image, read_image
from fusionbench.images.brightness import mean_luma
from fusionbench.reconcile.published import read_table
from fusionbench.reports.published import read_published
from fusionbench.types import DataError, FusionBenchError, PublishedSpec, Task
from fusionbench.weights.checkpoints import read_checkpoint
from fusionbench.weights.tensorflow_bundle import read_bundle
from fusionbench_film.text.prompts import read_prompt


def test_regular_files_and_links_to_them(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    for name in ("x", "link"):
        assert read_regular(tmp_path / name) == b"abc"
    with pytest.raises(FileNotFoundError), open_regular(tmp_path / "none"):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize(
    "read", [read_image, probe_image, mean_luma, content_sha256, file_sha256, read_features, read_list]
)
def test_pipes_sockets_devices_and_folders_are_refused_at_once(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # The name of a socket may have 100 bytes only.
        try:
            listener.bind("socket.png")
        finally:
            os.chdir(here)
        for path, kind in (
            (tmp_path / "pipe.png", "a pipe"),
            (tmp_path / "socket.png", "a socket"),
            (tmp_path, "a folder"),
            (Path("/dev/zero"), "a device"),
        ):
            with pytest.raises(DataError, match=f"not a regular file but {kind}"):
                read(path)


def test_text_is_read_as_open_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_regular_text(path, encoding="utf-8-sig") == "a\nb"
    assert read_regular_text(path, encoding="utf-8-sig", newline="") == "a\r\nb"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("kind", ["weights", "bundle", "configuration", "table", "published", "prompt"])
def test_no_reader_of_files_from_outside_waits_for_a_pipe(kind: str, tmp_path: Path) -> None:
    readers = {
        "weights": ("pipe.pth", read_checkpoint),
        "bundle": ("pipe.index", read_bundle),
        "configuration": ("pipe.yaml", read_yaml),
        "table": ("pipe.csv", read_table),
        "published": ("pipe.csv", lambda path: read_published(PublishedSpec(name="paper", path=path))),
        "prompt": ("pipe.txt", lambda path: read_prompt(Task.IVF, path=path)),
    }
    name, read = readers[kind]
    os.mkfifo(tmp_path / name)
    with pytest.raises(FusionBenchError, match=f"{name}.*not a regular file but a pipe"):
        read(tmp_path / name)
