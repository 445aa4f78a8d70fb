"""BibTeX: keys that are unique, entries that BibTeX reads."""

from __future__ import annotations

import subprocess

import pandas as pd
import pytest

from fusionbench import __version__
from fusionbench.plugins import current_plugins
from fusionbench.reports.citations import SUITE, authors, bibliography, entry
from fusionbench.reports.sources import bibtex, sources
from fusionbench.types import Citation
from tests.helpers.machine import program

PAPERS = [
    Citation(title="Image Fusion", authors="Z. Zhao, L. Deng", venue="ICML", year=2024, arxiv="1"),
    Citation(title="The Image of a fusion", authors="Zixiang Zhao and L. Deng", venue="Information Fusion", year=2024),
    Citation(title="100 % of #1 & $_", authors="J. Müller et al.", doi="10.1/a_b"),
]


def test_keys_are_of_author_year_and_first_word_and_unique():
    keys, text = bibliography([*PAPERS, PAPERS[0]])
    assert list(keys.values()) == ["zhao2024image", "zhao2024image-1", "muller100"]
    assert text.count("@") == 3


def test_entries():
    first, second, third = (entry(paper, "k") for paper in PAPERS)
    assert "@inproceedings{k," in first
    assert "booktitle = {ICML}" in first
    assert "author = {Z. Zhao and L. Deng}" in first
    assert "eprint = {1}" in first
    assert "@article{k," in second
    assert "journal = {Information Fusion}" in second
    assert "@misc{k," in third
    assert r"title = {{100 \% of \#1 \& \$\_}}" in third
    assert r"author = {J. M\"{u}ller and others}" in third
    assert __version__ in entry(SUITE, "k")


def test_every_registered_paper_has_authors_that_are_names():
    plugins = current_plugins()
    papers = [
        spec.paper
        for registry in (plugins.methods, plugins.datasets, plugins.metrics)
        for spec in registry.values()
        if spec.paper
    ]
    assert papers
    for paper in papers:
        assert all(len(name.split()) < 7 and "&" not in name for name in authors(paper)), paper


def test_bibtex_reads_all_of_it(tmp_path):
    program("pdflatex")
    plugins = current_plugins()
    every = [spec.paper for registry in (plugins.methods, plugins.datasets) for spec in registry.values() if spec.paper]
    keys, text = bibliography([SUITE, *every, *PAPERS])
    (tmp_path / "a.bib").write_text(text, encoding="ascii")
    cited = "".join(rf"\citation{{{key}}}" + "\n" for key in keys.values())
    (tmp_path / "a.aux").write_text(cited + "\\bibstyle{plain}\n\\bibdata{a}\n", encoding="ascii")
    done = subprocess.run(["bibtex", "a"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "error message" not in done.stdout, done.stdout
    assert (tmp_path / "a.bbl").read_text().count(r"\bibitem") == len(keys)


class Run:
    info = {  # noqa: RUF012
        "methods": {"LP-6": {"name": "laplacian"}, "mine": {"name": "mine"}},
        "pairs": {"msrs@test": 3},
        "metrics": {"VIF@zhao": {}, "PSNR_GT": {}},
    }

    def frame(self):
        return pd.DataFrame({"metric": ["VIF"], "profile": ["zhao"]})


def test_a_run_cites_methods_data_metrics_and_the_suite():
    text = bibtex(sources([Run()], current_plugins()))
    assert "% this suite" in text
    assert "% method laplacian" in text
    assert "% data set msrs" in text
    assert "VIF@zhao" in text
    assert "PSNR_GT" not in text  # the data set has no ground truth
    assert "% No paper is known here of: method mine" in text
    assert text.isascii()


@pytest.mark.parametrize("runs", [[], [Run(), Run()]])
def test_each_once(runs):
    text = bibtex(sources(runs, current_plugins()))
    assert text.count("@software{fusionbench,") == 1
