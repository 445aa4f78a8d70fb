"""What a writer will cost, before anything is paid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fusionbench.types import Dataset, UsageError
from fusionbench_film.text.contracts import Findings

if TYPE_CHECKING:
    from fusionbench_film.text.chain import Chain

IMAGE_TOKENS = 1100  # a 1024 x 768 image at common endpoints
_FINDINGS_TOKENS = {"caption": 20, "dense": 250, "masks": 1000}
_ANSWER_TOKENS = 260  # 190 words
_TOKEN = re.compile(r"\w{1,6}|[^\w\s]")


def count_tokens(text: str) -> int:
    """Tokens of a text, estimated on the safe side: pieces of words of up to six letters, and single marks."""
    return len(_TOKEN.findall(text)) + 8


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests, tokens and cost; ``most_cost`` is if every answer is as long as allowed."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost: float
    most_cost: float
    priced: bool

    def __str__(self) -> str:
        lines = [
            f"{self.requests} requests",
            f"about {self.tokens_in} prompt tokens and {self.tokens_out} answer tokens",
            f"about {self.cost:.4g}, at most {self.most_cost:.4g} per attempt, in the unit of the prices"
            if self.priced
            else "no prices given: add price_in=...,price_out=... (per million tokens) to the writer",
        ]
        return "\n".join(lines)


def estimate(dataset: Dataset, chain: Chain, *, limit: int | None = None) -> Estimate:
    """What describing a data set asks of the writer, stored answers not counted out.

    Raises:
        UsageError: The chain has no writer.
    """
    if chain.writer is None:
        raise UsageError("--dry-run estimates a writer; this chain has none and costs nothing.")
    chain.writer.make()  # refuses options that make no sense
    options = chain.writer.options
    images = sum(len(sample.sources) for sample in list(dataset.samples)[:limit])
    prompt = chain.prompt_for(dataset.task)
    each = count_tokens(prompt.system + prompt.render(Findings(), "infrared"))
    each += sum(_FINDINGS_TOKENS[stage] for stage in chain.finders)
    each += IMAGE_TOKENS if options.get("attach") else 0
    price_in, price_out = float(options.get("price_in") or 0), float(options.get("price_out") or 0)
    longest = int(options.get("max_tokens") or _ANSWER_TOKENS)
    return Estimate(
        requests=images,
        tokens_in=images * each,
        tokens_out=images * _ANSWER_TOKENS,
        cost=images * (each * price_in + _ANSWER_TOKENS * price_out) / 1e6,
        most_cost=images * (each * price_in + longest * price_out) / 1e6,
        priced=bool(price_in or price_out),
    )
