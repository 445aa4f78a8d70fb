"""LaTeX files that compile by themselves and that a paper can ``\\input``."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.reports import escape


def standalone(provenance: Sequence[str], packages: Sequence[str], body: Sequence[str]) -> str:
    """A complete file: comments that say where it comes from, a preamble, the body.

    The preamble opens a document where the file is compiled by itself and does nothing within one:
    ``\\begin{document}`` sets ``\\@nodocument`` to ``\\relax``, which tells the two apart.

    Args:
        provenance: Facts in plain text, a line each.
        packages: Names of the LaTeX packages that the body needs, ``[options]name`` where one needs options.
        body: Lines of LaTeX, pure ASCII.
    """
    needed = [_usepackage(package) for package in packages]
    lines = [
        *(f"% {escape.latex_comment(fact)}" for fact in provenance),
        r"% Compiles by itself. To \input it, load in your preamble:",
        *(f"%   {line}" for line in needed),
        r"\expandafter\ifx\csname @nodocument\endcsname\relax\else",
        r"\documentclass{article}",
        r"\usepackage[margin=2cm]{geometry}",
        *needed,
        r"\begin{document}",
        r"\def\fusionbenchend{\end{document}}",
        r"\fi",
        *body,
        r"\csname fusionbenchend\endcsname",
        "",
    ]
    return "\n".join(lines)


def _usepackage(package: str) -> str:
    options, bracket, name = package.rpartition("]")
    return rf"\usepackage{options}{bracket}{{{name}}}"
