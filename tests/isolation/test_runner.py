"""Frames, and the process that executes an isolated method: as the protocol says, with nothing of fusionbench."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusionbench.isolation import runner
from fusionbench.isolation.runner import ProtocolError, as_array, read_frame, write_frame

FILE = Path(runner.__file__)


@given(st.lists(st.lists(st.integers(0, 3), max_size=4)), st.dictionaries(st.text(), st.text()))
def test_a_frame_is_read_as_it_was_written(shapes: list[list[int]], header: dict[str, str]) -> None:
    header.pop("arrays", None)
    arrays = [np.random.default_rng(0).random(shape, dtype=np.float32) for shape in shapes]
    stream = io.BytesIO()
    write_frame(stream, header, arrays)
    stream.write(b"rest")
    stream.seek(0)
    read, found = read_frame(stream)
    assert {**read, "arrays": None} == {**header, "arrays": None}
    for array, (shape, data) in zip(arrays, found, strict=True):
        np.testing.assert_array_equal(as_array(shape, data), array)
    assert stream.read() == b"rest"


def test_a_frame_is_a_line_and_little_endian_floats() -> None:
    stream = io.BytesIO()
    write_frame(stream, {"done": "fuse"}, [np.array([[1.0, -2.0]])])
    line, data = stream.getvalue().split(b"\n", 1)
    assert json.loads(line) == {"done": "fuse", "arrays": [{"dtype": "float32", "shape": [1, 2]}]}
    assert data == b"\x00\x00\x80\x3f\x00\x00\x00\xc0"


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"[1]\n",
        b"\xff\n",
        b'{"a": 1}',
        b'{"arrays": 1}\n',
        b'{"arrays": [1]}\n',
        b'{"arrays": [{"shape": [1]}]}\n',
        b'{"arrays": [{"dtype": "float64", "shape": [1]}]}\n        ',
        b'{"arrays": [{"dtype": "float32", "shape": [-1, -1]}]}\n    ',
        b'{"arrays": [{"dtype": "float32", "shape": ["x"]}]}\n    ',
        b'{"arrays": [{"dtype": "float32", "shape": [1000000000, 1000000000]}]}\n',
        b"x" * (runner.LONGEST + 1),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(data), most=1e6)


@pytest.mark.parametrize("data", [b"", b'{"arrays": [{"dtype": "float32", "shape": [2]}]}\n1234567'])
def test_a_stream_that_ends_says_so(data: bytes) -> None:
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(data))


def test_it_is_python_3_8_with_numpy_and_the_standard_library() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 8))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) == {"numpy"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


class Conversation:
    """The process, spoken with by hand."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-I", str(FILE)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout

    def say(self, header: dict[str, Any], *arrays: np.ndarray) -> None:
        write_frame(self.requests, header, arrays)

    def hear(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        header, found = read_frame(self.answers)
        return header, [as_array(*array) for array in found]

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


CODE = """
import sys, random, os
import numpy as np
import neighbour

class Inside:
    def __init__(self, *, gain):
        self.gain = gain
    def load(self, device, weights):
        print("printed"); os.system("echo printed by another program"); sys.stdout.flush()
        assert (device, weights) == ("cpu", "/w")
        assert "fusionbench" not in sys.modules and "torch" not in sys.modules
    def fuse(self, batch):
        assert len(batch) == 2 and batch.task == "IVF" and batch.ids == ("a", "b") and batch.seed == 7
        assert [None if t is None else t.shape for t in batch.text] == [None, (3, 4)]
        assert batch.texts == ((), ("one", "two"))
        return self.gain * batch.sources[0] * neighbour.ONE + random.random() + np.random.rand()

def plain(a, b, *, gain):
    return gain * (a + b)

def numbers(a, b, **options):
    return [1.0]
"""


def test_a_conversation_as_documented(tmp_path: Path) -> None:
    (tmp_path / "inside.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "neighbour.py").write_text("ONE = 1", encoding="utf-8")
    (tmp_path / "random.py").write_text("raise SystemExit('in place of the real one')", encoding="utf-8")
    file = str(tmp_path / "inside.py")
    load = {"do": "load", "seed": 1, "file": file, "options": {"gain": 2.0}, "device": "cpu", "weights": "/w"}
    fuse = {"do": "fuse", "seed": 7, "task": "IVF", "ids": ["a", "b"], "sources": 2}
    fuse |= {"text": [False, True], "texts": [[], ["one", "two"]]}
    images = [np.full((2, 1, 5, 6), value, np.float32) for value in (0.1, 0.2)]
    features = np.ones((3, 4), np.float32)
    with Conversation() as other:
        greeting, _ = other.hear()
        assert greeting["fusionbench"] == runner.PROTOCOL == 1
        assert greeting["numpy"] == np.__version__
        other.say(fuse, *images, features)
        refused, _ = other.hear()
        assert "cannot do 'fuse' now" in refused["error"]
        other.say({**load, "name": "absent"})
        assert "absent" in other.hear()[0]["error"]
        other.say({**load, "name": "Inside"})
        loaded, _ = other.hear()
        assert loaded["done"] == "load"
        now, most = loaded["memory"]
        assert 0 < now <= most
        results = []
        for _ in range(2):
            other.say(fuse, *images, features)
            answer, (fused,) = other.hear()
            assert answer["done"] == "fuse"
            results.append(fused)
        assert results[0].shape == (2, 1, 5, 6)
        np.testing.assert_array_equal(*results)  # seeded
        other.say({**load, "name": "plain"})
        assert other.hear()[0]["done"] == "load"
        other.say(fuse, *images, features)
        np.testing.assert_allclose(other.hear()[1][0], 0.6, rtol=1e-6)
        other.say({**load, "name": "numbers"})
        other.hear()
        other.say(fuse, *images, features)
        answer, _ = other.hear()
        assert answer["error"] == "TypeError: returned list, expected an array N x C x H x W"
        assert answer["where"] == ""
        other.requests.close()
        assert other.process.wait(20) == 0
        assert other.process.stderr is not None
        printed = other.process.stderr.read().decode()
        assert printed.splitlines().count("printed") == 1
        assert "printed by another program" in printed


def test_it_ends_with_its_input_while_it_computes(tmp_path: Path) -> None:
    (tmp_path / "inside.py").write_text("import time\ndef fuse(a, b):\n    time.sleep(600)\n", encoding="utf-8")
    with Conversation() as other:
        other.hear()
        facts = {"seed": 1, "file": str(tmp_path / "inside.py"), "name": "fuse", "options": {}, "device": "cpu"}
        other.say({"do": "load", **facts, "weights": None})
        other.hear()
        image = np.zeros((1, 1, 2, 2), np.float32)
        other.say(
            {"do": "fuse", "seed": 1, "task": "IVF", "ids": [], "sources": 2, "text": [], "texts": []}, image, image
        )
        other.requests.close()
        assert other.process.wait(20) == 0


def test_it_tells_what_an_interpreter_has() -> None:
    done = subprocess.run([sys.executable, "-I", str(FILE), runner.FACTS], capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert dict(facts["packages"])["numpy"] == np.__version__
    assert facts["executable"] == os.path.realpath(sys.executable)
