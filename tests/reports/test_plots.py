"""Figures: what they show, what they refuse, that nothing in a name acts, and that LaTeX takes them."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.figures import Box
from fusionbench.reports.plots.files import planned, write_figure
from fusionbench.reports.plots.picking import at_random, by_name, most_different, spread
from fusionbench.runs.drawing import draw
from fusionbench.runs.illustrating import GridSettings, blocks_of
from fusionbench.types import DataError, UnknownNameError, UsageError
from tests.helpers.machine import pdflatex
from tests.reports.frames import METRICS, tidy
from tests.reports.hostile import NAMES

matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")

from fusionbench.reports.plots.charts import Scores, _front, cost, distributions, radar  # noqa: E402
from fusionbench.reports.plots.drawing import chart  # noqa: E402
from fusionbench.reports.plots.grid import Block, grid  # noqa: E402
from fusionbench.reports.plots.ranks import cliques, critical_differences  # noqa: E402
from fusionbench.reports.plots.style import legible, styled  # noqa: E402

PLACES = [("one", "a"), ("one", "b"), ("two", "b"), ("two", "c/d")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots") / "run"
    methods, datasets = ["average", "gff", "laplacian"], ["demo-ivf", "demo-mff"]
    fb.run(methods, datasets, metrics=["EN", "SD", "Qabf"], limit=2, out=str(folder), isolate=False)
    return folder


def blocks(run: Path, settings: GridSettings, **filters) -> list[Block]:
    from fusionbench.plugins import current_plugins

    return [block for _, block in blocks_of({"run": fb.load_run(run)}, current_plugins(), settings, **filters)]


def test_samples_by_name():
    assert by_name(["a", "two/b", "c/d", "two/c/d"], PLACES) == [PLACES[0], PLACES[2], PLACES[3]]
    with pytest.raises(UsageError, match=r"several data sets(.|\n)*one/b, two/b"):
        by_name(["b"], PLACES)
    with pytest.raises(UnknownNameError):
        by_name(["e"], PLACES)


def test_samples_at_random_are_those_of_the_seed():
    drawn = at_random(2, PLACES, 3)
    assert drawn == at_random(2, PLACES, 3)
    assert {tuple(at_random(2, PLACES, seed)) for seed in range(40)} > {tuple(drawn)}
    assert at_random(4, PLACES, 0) == PLACES
    with pytest.raises(UsageError, match="5 samples were asked for"):
        at_random(5, PLACES, 0)


def test_samples_where_methods_differ_most():
    flat = np.zeros((4, 5))
    # Standard deviation of 0 and d is d / 2 in every pixel.
    assert spread([flat, flat + 6]) == 3
    differ = {place: [flat, flat + number] for number, place in enumerate(PLACES)}
    assert most_different(2, PLACES, differ.__getitem__) == [PLACES[3], PLACES[2]]


def test_the_pictures_of_a_grid_are_those_of_run_and_data_set(run):
    first, second = blocks(run, GridSettings(), methods=["laplacian", "a*"])
    assert [label for label, _ in first.pictures] == ["Infrared", "Visible", "LP", "Average"]
    assert second.pictures[-1][0] == "Ground truth"
    frame = fb.load_run(run).frame()
    line = frame[(frame["method"] == "laplacian") & (frame["sample"] == first.label)].iloc[0]
    assert np.array_equal(first.pictures[2][1], np.asarray(Image.open(line["image"])))


def test_differences_are_of_luma(run):
    settings = GridSettings(difference="infrared")
    (block,) = blocks(run, settings, datasets=["demo-ivf"], methods=["average"])
    assert [found is None for found in block.differences] == [True, True, False]
    infrared, fused = (np.atleast_3d(block.pictures[i][1]).astype(float) for i in (0, 2))
    grey = fused @ [0.299, 0.587, 0.114] if fused.shape[2] == 3 else fused[..., 0]
    assert block.differences[2] == pytest.approx(np.abs(grey - infrared[..., 0]), abs=0.1)
    (mean,) = blocks(run, GridSettings(difference="mean"), datasets=["demo-ivf"], methods=["average"])
    assert mean.differences[2].max() == 0  # of one method
    for wanted, message in (("thermal", "no source"), ("truth", "no ground truth")):
        with pytest.raises(UsageError, match=message):
            blocks(run, dataclasses.replace(settings, difference=wanted), datasets=["demo-ivf"])


def test_the_place_that_differs_most_is_enlarged(run):
    (block,) = blocks(run, GridSettings(auto_zoom=True), datasets=["demo-ivf"])
    (zoom,) = block.zooms
    height, width = block.pictures[0][1].shape[:2]
    assert (zoom.width, zoom.height) == (round(0.2 * width), round(0.2 * height))
    with pytest.raises(UsageError, match=r"one alone\.\n  Give the detail yourself"):
        blocks(run, GridSettings(auto_zoom=True), datasets=["demo-ivf"], methods=["average"])


def test_pictures_that_are_absent_or_changed_are_refused(run, tmp_path):
    bare = fb.run("average", "demo-ivf", metrics=["EN"], limit=1, images=False, out=str(tmp_path / "bare"))
    with pytest.raises(UsageError, match=r"no picture of(.|\n)*--no-images"):
        blocks(bare.path, GridSettings())
    changed = fb.run("average", "demo-ivf", metrics=["EN"], limit=1, out=str(tmp_path / "changed"))
    path = Path(changed.frame()["image"].iloc[0])
    Image.new("RGB", (30, 20)).save(path)
    with pytest.raises(DataError, match="changed since"):
        blocks(changed.path, GridSettings())
    with pytest.raises(UsageError, match="one of these"):
        blocks(run, GridSettings(random=1, most_different=1))


def test_a_grid_has_each_picture_and_detail_once():
    picture = np.arange(60 * 80, dtype=np.uint32).reshape(60, 80).astype(np.uint8)
    block = Block(
        pictures=[("Infrared", picture), ("Visible", np.stack([picture] * 3, axis=-1)), ("Mine", picture)],
        zooms=[Box(0, 0, 20, 10), Box(60, 50, 20, 10)],
        arrows=[(5, 5)],
        differences=[None, None, picture.astype(float)],
    )
    with styled():
        figure = grid([block], width=12)
        shown = [axes for axes in figure.axes if axes.images]
        assert len(shown) == 3 + 6 + 1
        assert np.array_equal(shown[1].images[0].get_array(), picture[:10, :20])
        assert np.array_equal(shown[2].images[0].get_array(), picture[50:, 60:])
        assert len({axes.patches[0].get_edgecolor() for axes in (shown[0], shown[3], shown[6])}) == 1
        # Square pixels, and nothing beyond the page.
        for axes in figure.axes:
            box = axes.get_position()
            assert -1e-9 <= box.x0 <= box.x1 <= 1 + 1e-9
            assert -1e-9 <= box.y0 <= box.y1 <= 1 + 1e-9
        box = shown[0].get_window_extent()
        assert box.width / box.height == pytest.approx(80 / 60, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zooms": [Box(70, 0, 20, 10)]}, "does not lie within the picture of 80 x 60"),
        ({"zooms": [Box(0, 0, 0, 10)]}, "does not lie within"),
        ({"zooms": [Box(0, 0, 5, 5)] * 5}, "at most 4"),
        ({"arrows": [(80, 0)]}, "arrow at 80,0"),
        ({"pictures": []}, "at least one picture"),
    ],
)
def test_a_grid_refuses_what_it_cannot_show(change, message):
    block = Block(pictures=[("a", np.zeros((60, 80), np.uint8))])
    with styled(), pytest.raises(UsageError, match=message):
        grid([dataclasses.replace(block, **change)])


def test_cliques_are_the_longest_stretches():
    assert cliques([1.0, 2.0, 2.5, 4.0], 1.6) == [(0, 2), (2, 3)]
    assert cliques([1.0, 3.0, 5.0], 1.0) == []
    assert cliques([1.0, 1.1, 1.2], 5.0) == [(0, 2)]


def test_cliques_join_exactly_what_nemenyi_does_not_part():
    generator = np.random.default_rng(2)
    scores = generator.normal(size=(25, 6)) + 0.5 * np.arange(6)
    test = compare_frame(tidy({(m, "r", "EN"): scores[:, i].tolist() for i, m in enumerate("abcdef")}), METRICS)
    found = test.scopes[0].tests[0]
    names = list(found.ranks)
    stretches = cliques(list(found.ranks.values()), found.critical_difference)
    for pair in found.pairs:
        places = [names.index(pair.better), names.index(pair.worse)]
        joined = any(first <= min(places) and max(places) <= last for first, last in stretches)
        assert joined == (pair.p_nemenyi > 0.05)


def test_the_front_of_quality_against_cost():
    points = {"slow": (9.0, 5.0), "fast": (1.0, 1.0), "worse": (2.0, 0.5), "middle": (3.0, 4.0), "equal": (4.0, 4.0)}
    assert _front(points, True) == ["fast", "middle", "slow"]
    assert _front(points, False) == ["fast", "worse"]


def scores(names, n: int = 12) -> list[Scores]:
    generator = np.random.default_rng(0)
    return [
        Scores(label, better, {name: generator.normal(i, 1, n) for i, name in enumerate(names)})
        for label, better in (("EN", True), ("MSE", False), ("$x_1$", True))
    ]


@pytest.mark.parametrize("kind", ["box", "violin", "radar", "cost", "cd", "grid"])
def test_hostile_names_are_text_and_stay_on_the_page(kind, tmp_path):
    names = dict.fromkeys(map(legible, NAMES))
    with styled():
        if kind == "radar":
            figure = radar(scores(NAMES))
        elif kind == "cost":
            figure = cost(scores(NAMES)[0], {name: 0.1 * (i + 1) for i, name in enumerate(NAMES)})
        elif kind == "cd":
            frame = tidy({(name, "r", "EN"): [i, i + 1, i] for i, name in enumerate(NAMES)})
            figure = critical_differences(compare_frame(frame, METRICS).scopes[0].tests, {})
        elif kind == "grid":
            figure = grid([Block(pictures=[(name, np.zeros((30, 40), np.uint8)) for name in NAMES], label=NAMES[0])])
        else:
            figure = distributions(scores(NAMES), violins=kind == "violin")
        files = write_figure(figure, tmp_path / "f", caption=" ".join(NAMES), label="fig:f", dpi=60)
        drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert -0.03 < drawn.x0 < drawn.x1 < width + 0.03
    assert -0.03 < drawn.y0 < drawn.y1 < height + 0.03
    assert len(names) > 10
    assert [file.name for file in files] == ["f.pdf", "f.png", "f.svg", "f-include.tex"]
    tree = ElementTree.parse(tmp_path / "f.svg")
    assert not [e for e in tree.iter() if e.tag.endswith("}script")]
    assert "<script" not in re.sub(r"<!--.*?-->", "", (tmp_path / "f.svg").read_text(encoding="utf-8"), flags=re.DOTALL)
    pdflatex(tmp_path, "f-include")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cd", "on road, over {units} (1 is best)"),
        ("agreement", "the methods of one {one} alike (above the diagonal, mean over {one}s), and the {one}s of"),
        ("box", "Scores of the {units} of road."),
        ("cost", "the median time of one {unit} on road"),
    ],
)
def test_captions_say_what_the_rows_count(kind, words):
    frame = tidy({(m, "road", e): [1.0, 2.0 + i, 4.0 - i] for i, m in enumerate("abc") for e in ("EN", "MSE")})
    frame["seconds"] = 1.0
    told = {"titles": {}, "datasets": {}}
    with styled():
        _, of_pairs = chart(kind, frame, METRICS, **told)
        _, of_seeds = chart(kind, frame, METRICS, unit="seed", **told)
    assert words.format(units="samples", unit="sample", one="image") in of_pairs
    assert words.format(units="seeds", unit="seed", one="seed") in of_seeds


def test_the_same_figure_is_the_same_file_and_nothing_global_changes(run, tmp_path):
    before = dict(matplotlib.rcParams)
    for folder in ("a", "b"):
        draw([run], tmp_path / folder / "f", kind="cd", metrics=["EN"], dpi=60)
    for name in ("f.pdf", "f.png", "f.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_names_of_files(tmp_path):
    assert planned(tmp_path / "x.PDF") == [tmp_path / "x.PDF"]
    assert [path.name for path in planned(tmp_path / "v1.2")] == [
        "v1.2.pdf",
        "v1.2.png",
        "v1.2.svg",
        "v1.2-include.tex",
    ]
    for name, message in (("x.jpg", "written as"), ("x y", "LaTeX cannot"), ("x.tex", "written as")):
        with pytest.raises(UsageError, match=message):
            planned(tmp_path / name)


def test_from_a_run_to_a_paper(run, tmp_path):
    grid_words = ["--datasets", "demo-ivf", "--zoom", "auto", "--zoom", "5,5,20,15", "--arrow", "9,9"]
    for kind, words in (
        ("grid", [*grid_words, "--difference", "mean", "--label", "fig:grid", "--most-different", "1"]),
        ("box", ["--datasets", "demo-mff"]),
        ("radar", ["--datasets", "demo-mff"]),
        ("cost", ["--datasets", "demo-mff", "--metrics", "Qabf"]),
        ("cd", ["--metrics", "Qabf,EN"]),
        ("agreement", ["--datasets", "demo-mff"]),
    ):
        words = ["figure", str(run), "-o", str(tmp_path / kind), "--kind", kind, "--dpi", "60", *words]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        assert len(done.output.splitlines()) == 4
    text = (tmp_path / "grid-include.tex").read_text(encoding="ascii")
    assert r"\includegraphics[width=\linewidth]{grid.pdf}" in text
    assert r"\label{fig:grid}" in text
    pdflatex(tmp_path, "grid-include")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sample", "nothing"], "unknown sample of these runs"),
        (["--methods", "nothing"], "unknown method of these runs"),
        (["--zoom", "1,2,3"], "is not x,y,w,h"),
        (["--zoom", "9000,0,5,5"], "does not lie within"),
        (["--kind", "box"], "cannot be drawn together"),
        (["--kind", "violin", "--datasets", "demo-mff"], "--kind box draws fewer"),
        (["--kind", "cd", "--methods", "gff,average"], "three methods"),
        (["--random", "99"], "99 samples were asked for"),
        (["--columns", "30", "--width", "2"], "do not fit|at most|--columns"),
        (["--width", "nan"], "2 to 100 cm"),
        (["--label", "a b"], "no label of LaTeX"),
    ],
)
def test_mistakes_are_messages(run, tmp_path, words, message):
    done = CliRunner().invoke(main, ["figure", str(run), "-o", str(tmp_path / "f"), *words])
    assert done.exit_code == 2, done.output
    assert re.search(message, done.output), done.output


def test_without_matplotlib_the_extra_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    done = CliRunner().invoke(main, ["figure", str(run), "-o", str(tmp_path / "f.png")])
    assert done.exit_code == 2
    assert "fusionbench[plot]" in done.output
