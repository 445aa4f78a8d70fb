"""BibTeX of what a table rests on: methods, data sets, metrics and this suite."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fusionbench.reports import escape
from fusionbench.types import Citation

SUITE = Citation(
    title="fusionbench: a plugin-based, multi-task benchmark for image fusion",
    authors="{The fusionbench developers}",
)
# Where papers are presented, not printed: BibTeX asks for the difference.
_CONFERENCE = re.compile(
    r"conference|workshop|proceedings|\b(CVPR|ICCV|ECCV|ICML|NeurIPS|ICLR|AAAI|IJCAI|ACM MM)\b", re.IGNORECASE
)
_SMALL = {"a", "an", "the", "on", "in", "of", "for", "to", "towards", "via", "and"}


def bibliography(papers: Iterable[Citation]) -> tuple[dict[Citation, str], str]:
    """Keys and entries of some papers, each once, in their order.

    Returns:
        Citation -> key (``zhao2024image``: first author, year, first word of the title; a letter where two would be
        equal), and the text of a ``.bib`` file in ASCII.
    """
    keys: dict[Citation, str] = {}
    taken: set[str] = set()
    for paper in papers:
        if paper not in keys:
            key = next(name for name in _names(paper) if name not in taken)
            taken.add(key)
            keys[paper] = key
    return keys, "\n".join(entry(paper, key) for paper, key in keys.items())


def entry(paper: Citation, key: str) -> str:
    """One BibTeX entry."""
    kind, place = "misc", ""
    if paper == SUITE:
        kind = "software"
    elif paper.venue:
        kind, place = ("inproceedings", "booktitle") if _CONFERENCE.search(paper.venue) else ("article", "journal")
    fields = {
        "author": escape.latex(" and ".join(authors(paper))) if paper != SUITE else paper.authors,
        "title": f"{{{escape.latex(paper.title)}}}",
        place: escape.latex(paper.venue),
        "year": str(paper.year or ""),
        "version": escape.latex(_version()) if paper == SUITE else "",
        "doi": escape.latex(paper.doi),
        "eprint": escape.latex(paper.arxiv),
        "archiveprefix": "arXiv" if paper.arxiv else "",
    }
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if name and text]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def authors(paper: Citation) -> list[str]:
    """The authors one by one; they are given with commas, ``and`` or ``&`` between them."""
    return [name for name in re.split(r"\s*[,&]\s*|\s+and\s+", paper.authors.replace(" et al.", ", others")) if name]


def _names(paper: Citation) -> Iterable[str]:
    """Keys to try for a paper, the plainest first."""
    last = authors(paper)[0].split()[-1] if paper.authors else "anonymous"
    words = [word for word in re.findall(r"\w+", paper.title) if word.casefold() not in _SMALL]
    key = _plain("".join([last, str(paper.year or ""), *words[:1]])) if paper != SUITE else "fusionbench"
    yield key
    for number in range(1, 1000):
        yield f"{key}-{number}"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", folded.casefold()) or "paper"


def _version() -> str:
    from fusionbench import __version__

    return __version__
