"""Regular files only: nothing is waited for that never comes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from fusionbench.data import read_features
from fusionbench.data.lists import read_list
from fusionbench.files import open_regular, read_regular
from fusionbench.images import content_sha256, file_sha256, probe_image, read_image
from fusionbench.images.brightness import mean_luma
from fusionbench.types import DataError


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
