"""Text made printable, commands that can be copied, and streams that outlive their readers and encodings."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from fusionbench import printable, terminal

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = "a\x1b[31mred\x07\u202etxt.exe\x9b2J\udcff\ud800\u2028é画\u200b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é 画像 😀 \N{NO-BREAK SPACE}", "plain, é 画像 😀 \N{NO-BREAK SPACE}"),
        ("two\nlines\tand", "two\nlines\tand"),
        ("\x1b[2J\x07\r", r"\x1b[2J\x07\x0d"),
        ("\u202egnp", r"\u202egnp"),
        ("\x9b1m", r"\x9b1m"),
        ("\udcff.png", r"\xff.png"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_nothing_is_left_that_a_terminal_would_obey(text: str, shown: str) -> None:
    assert printable.printable(text) == shown
    assert printable.printable(shown) == shown


def test_json_stays_json() -> None:
    value = {"name": HOSTILE.replace("\udcff", "").replace("\ud800", ""), "astral": "\U000e0041"}
    text = printable.json_text(value, indent=2)
    assert json.loads(text) == value
    assert printable.printable(text) == text
    assert "画" in text


@pytest.mark.parametrize(
    "word",
    ["plain", "with space", "a;b", "it's", "$HOME", "`id`", "", "-x", "new\nline", "\x1b[31m", "\udcff\\'", "画 像"],
)
def test_a_command_that_is_printed_does_what_it_says_when_copied(word: str) -> None:
    line = printable.command_line("printf", "%s|", word, Path("x y"))
    assert printable.printable(line) == line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word) + b"|x y|"


class Broken(io.StringIO):
    """A stream that fails with an error."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.attempts = number, 0

    def write(self, text: str) -> int:
        self.attempts += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC])
def test_standard_error_that_went_away_ends_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Broken(number)
    monkeypatch.setattr(sys, "stderr", stream)
    with terminal.guarded():
        for _ in range(3):
            terminal.say("still here")
            click.echo("still here", err=True)
            print("still here", file=sys.stderr)
            terminal.complain("error:", "still here")
            terminal.overwrite("still here")
            terminal.console(err=True).print("still here")
    terminal.say("also outside of the command line")
    assert stream.attempts == 2


def test_standard_output_that_nobody_reads_is_no_error_but_a_full_disk_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.EPIPE))
    with terminal.guarded():
        print("dropped")
        click.echo("dropped")
    monkeypatch.setattr(sys, "stdout", Broken(errno.ENOSPC))
    with terminal.guarded(), pytest.raises(terminal.OutputError, match="No space left"):
        click.echo("results")


def test_no_streams_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with terminal.guarded():
        print("nowhere")
        click.echo("nowhere")
        terminal.say("nowhere")
        terminal.complain("error:", "nowhere")
        terminal.console().print("nowhere")
    assert not terminal.on_terminal(sys.stderr)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "utf-16"])
def test_every_encoding_takes_every_text(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    with terminal.guarded():
        print(HOSTILE)
        click.echo(HOSTILE)
        terminal.console().print(printable.printable(HOSTILE), markup=False)
    written = raw.getvalue().decode(encoding)
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(written)
    assert written.count("red") == 3
    assert ("画" if encoding.startswith("utf") else r"\u753b") in written


def test_displays_of_libraries_may_rewrite_their_line_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with terminal.guarded():
        print("\r10 %", end="", file=sys.stderr)
        print("file\rname\r\nnext", file=sys.stderr)
    assert stream.getvalue() == "\r10 %file\\x0dname\nnext\n"


def run(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = printable.command_line(sys.executable, "-m", "fusionbench", *arguments) + shell
    everything = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", command], capture_output=True, env=everything, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        (" | head -c 10; exit ${PIPESTATUS[0]}", {}),
        (" >&-", {}),
        (" >&- 2>&-", {}),
        ("", {"PYTHONIOENCODING": "ascii"}),
        ("", {"PYTHONIOENCODING": "cp1252"}),
        ("", {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
    ],
)
def test_a_process_whose_output_is_odd_succeeds_in_silence(shell: str, environment: dict[str, str]) -> None:
    done = run("list", "metrics", shell=shell, **environment)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_cannot_be_written_are_an_error_with_its_reason() -> None:
    done = run("list", "metrics", shell=" > /dev/full")
    assert done.returncode == 2
    assert done.stderr.decode() == "error: standard output cannot be written: No space left on device.\n"


def test_a_run_goes_on_when_its_watcher_s_terminal_is_gone(tmp_path: Path) -> None:
    arguments = ("run", "-m", "average", "-d", "demo-ivf", "--limit", "1", "--metrics", "EN", "--out", str(tmp_path))
    done = run(*arguments, shell=" 2> /dev/full > >(true); exit $?")
    assert done.returncode == 0
    import fusionbench as fb

    assert list(fb.load_run(tmp_path).frame().status) == ["ok"]


def test_a_label_is_neither_markup_nor_control_sequence_on_the_live_display() -> None:
    from rich.console import Console

    from fusionbench.cli.progress import LiveWatcher
    from fusionbench.results.journal import FusionRecord
    from fusionbench.runs.events import Outcome
    from fusionbench.runs.units import Unit

    stream = io.StringIO()
    watcher = LiveWatcher(Console(file=stream, force_terminal=True, width=120))
    unit: Any = Unit(dataset="[red]", jobs=())
    watcher.checking("[/x]\x9b", 1)
    watcher.starting(1, 0)
    watcher.finished(unit, Outcome("[/b]\x9b2J", "s\x9b", FusionRecord(key="k", status="failed", error="\x9b[/")))
    watcher.stop()
    assert "\x9b" not in stream.getvalue()


def test_a_defect_s_traceback_obeys_nobody(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import click\nfrom fusionbench.types import CommandSpec\n"
        "@click.command()\ndef broken():\n    raise RuntimeError('\\x1b[2J\\u202e')\n"
        "def fusionbench_commands():\n    return [CommandSpec(name='broken', command=broken, summary='x')]\n",
        encoding="utf-8",
    )
    done = run("broken", FUSIONBENCH_PLUGINS=str(plugin))
    assert done.returncode == 1
    assert rb"RuntimeError: \x1b[2J\u202e" in done.stderr
    assert b"\x1b" not in done.stderr


def test_of_many_names_the_first_are_listed() -> None:
    assert [printable.some_of("abc"[:n], 2) for n in range(4)] == ["", "a", "a, b", "a, b and 1 more"]
