"""The provider ``writer:openai``."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fusionbench.types import FusionBenchError, UsageError
from fusionbench_film.text.answers import UnusableAnswer, accept
from fusionbench_film.text.contracts import Picture, WriteRequest, Written
from fusionbench_film.text.llm.client import ChatClient, Completion, EndpointError
from fusionbench_film.text.llm.estimate import IMAGE_TOKENS, count_tokens
from fusionbench_film.text.llm.limits import Budget, CeilingReached, RateLimit, backoff

_LONGEST_SIDE = 1024  # of an attached image; more costs tokens and shows nothing new
_MANY = 10**12
# Beyond these, a number is a mistake, or a machine's arithmetic ends.
_RANGES: dict[str, tuple[float, float]] = {
    "concurrency": (1, 256),
    "attempts": (1, 100),
    "requests_per_minute": (0, _MANY),
    "tokens_per_minute": (0, _MANY),
    "temperature": (0, 10),
    "max_tokens": (1, 10_000_000),
    "min_sentences": (0, 10_000),
    "max_words": (1, 10_000_000),
    "price_in": (0, _MANY),
    "price_out": (0, _MANY),
    "max_cost": (0, _MANY),
    "max_total_tokens": (0, _MANY),
}
_DEAD_AFTER = 3  # requests in a row without any connection end the run


class OpenAIWriter:
    """Paragraphs from any OpenAI-compatible endpoint, several at once; options as in the provider's spec."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        key_env: str = "OPENAI_API_KEY",
        attach: bool = False,
        concurrency: int = 4,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        timeout: float = 120.0,
        attempts: int = 5,
        temperature: float = 0.2,
        max_tokens: int = 700,
        min_sentences: int = 7,
        max_words: int = 400,
        price_in: float = 0.0,
        price_out: float = 0.0,
        max_cost: float = 0.0,
        max_total_tokens: int = 0,
    ) -> None:
        given = locals()
        for name, (least, most) in _RANGES.items():
            if not least <= given[name] <= most:
                raise UsageError(f"openai: {name} must be from {least} to {most}, got {str(given[name])[:40]}.")
        if max_cost and not (price_in or price_out):
            raise UsageError("openai: max_cost needs the prices.", hint="Add price_in=...,price_out=... per million.")
        self.looks = attach
        self.concurrency, self.attempts = concurrency, attempts
        self.temperature, self.max_tokens = temperature, max_tokens
        self.min_sentences, self.max_words = min_sentences, max_words
        self.rate = RateLimit(requests_per_minute, tokens_per_minute)
        self.budget = Budget(max_tokens=max_total_tokens, max_cost=max_cost, price_in=price_in, price_out=price_out)
        self._connect = partial(ChatClient, base_url=base_url, model=model, key_env=key_env, timeout=timeout)
        self._client: ChatClient | None = None
        self._stop = threading.Event()
        self._stop_reason = ""
        self._unanswered = 0
        self._lock = threading.Lock()

    def load(self, device: str) -> None:
        """Check address and key; nothing is sent."""
        self._client = self._connect()

    def close(self) -> None:
        """Let no further request start."""
        self._stop.set()

    def write(self, requests: Sequence[WriteRequest]) -> Iterator[Written]:
        """Results as they are finished. Requests that a ceiling or a dead endpoint left out are marked for later."""
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="llm") as pool:
            remaining = iter(requests)
            running: set[Future[Written]] = set()
            try:
                while True:
                    # Only what can run is submitted: prompts with images are large.
                    while len(running) < 2 * self.concurrency and (request := next(remaining, None)) is not None:
                        running.add(pool.submit(self._one, request))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                self._stop.set()

    def _one(self, request: WriteRequest) -> Written:
        tally = _Tally()
        try:
            messages = self._messages(request)
        except FusionBenchError as unreadable:
            return Written(key=request.key, error=unreadable.message)
        estimate = count_tokens(request.system + request.user) + (IMAGE_TOKENS if self.looks else 0)
        error, retry = "never attempted", True
        remark = ""
        while tally.attempts < self.attempts:
            if not self._start(estimate + self.max_tokens):
                return tally.result(request.key, error=self._stop_reason or error, retry=True)
            booked = (estimate, self.max_tokens)
            try:
                self.budget.book(*booked)
            except CeilingReached as ceiling:
                self._end(str(ceiling))
                return tally.result(request.key, error=str(ceiling), retry=True)
            tally.attempts += 1
            try:
                completion = self._ask(messages, remark)
            except EndpointError as failure:
                self.budget.settle(booked, booked if failure.charged else (0, 0))
                error, retry = str(failure), failure.transient or failure.fatal
                if self._hopeless(failure, tally):
                    break
                continue
            with self._lock:
                self._unanswered = 0
            used = (completion.tokens_in or estimate, completion.tokens_out or count_tokens(completion.text))
            self.budget.settle(booked, used)
            tally.add(used)
            try:
                return tally.result(request.key, paragraph=self._accept(completion))
            except UnusableAnswer as unusable:
                error, retry = self._client.hide(str(unusable)) if self._client else "", False
                remark = f"Your last answer could not be used: {unusable.kind}. Write the whole paragraph as asked."
        return tally.result(request.key, error=f"{error} (attempt {tally.attempts})", retry=retry)

    def _ask(self, messages: list[dict[str, Any]], remark: str) -> Completion:
        assert self._client is not None, "write before load"
        asked = [*messages, {"role": "user", "content": remark}] if remark else messages
        return self._client.complete(asked, temperature=self.temperature, max_tokens=self.max_tokens)

    def _accept(self, completion: Completion) -> str:
        if completion.refused:
            raise UnusableAnswer("refusal", "the endpoint refused to answer")
        return accept(
            completion.text,
            min_sentences=self.min_sentences,
            max_words=self.max_words,
            finished=completion.finished,
        )

    def _hopeless(self, failure: EndpointError, tally: _Tally) -> bool:
        """Whether to give this request up; waits where it is worth waiting."""
        if failure.fatal:
            self._end(str(failure))
            return True
        if not failure.transient:
            return True
        if str(failure).startswith("no connection"):
            with self._lock:
                self._unanswered += 1
                if self._unanswered >= _DEAD_AFTER * self.concurrency:
                    self._stop_reason = self._stop_reason or str(failure)
                    self._stop.set()
                    return True
        if tally.attempts >= self.attempts:
            return True
        seconds = backoff(tally.attempts, asked=failure.retry_after)
        if failure.retry_after is not None:
            self.rate.close_until(seconds)  # It is the account that is throttled, not this request.
        return self._stop.wait(seconds)

    def _start(self, tokens: int) -> bool:
        """Wait for the rate limit; False if the run has ended meanwhile."""
        while not self._stop.is_set():
            seconds = self.rate.delay(tokens)
            if not seconds:
                return True
            self._stop.wait(seconds)
        return False

    def _end(self, reason: str) -> None:
        with self._lock:
            self._stop_reason = self._stop_reason or reason
        self._stop.set()

    def _messages(self, request: WriteRequest) -> list[dict[str, Any]]:
        content: str | list[dict[str, Any]] = request.user
        if self.looks and request.picture is not None:
            image = {"type": "image_url", "image_url": {"url": data_url(request.picture())}}
            content = [{"type": "text", "text": request.user}, image]
        system = [{"role": "system", "content": request.system}] if request.system else []
        return [*system, {"role": "user", "content": content}]


@dataclass(slots=True)
class _Tally:
    attempts: int = 0
    used: list[tuple[int, int]] = field(default_factory=list)

    def add(self, used: tuple[int, int]) -> None:
        self.used.append(used)

    def result(self, key: str, **fields: Any) -> Written:
        return Written(
            key=key,
            tokens_in=sum(tokens for tokens, _ in self.used),
            tokens_out=sum(tokens for _, tokens in self.used),
            attempts=self.attempts,
            **fields,
        )


def data_url(picture: Picture) -> str:
    """A picture as a PNG inside a URL, its longer side at most 1024 pixels."""
    image = picture.image
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
