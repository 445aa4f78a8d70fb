"""The paragraph writer against a local endpoint that does everything an endpoint can do wrong."""

from __future__ import annotations

import base64
import io
import json
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fusionbench.types import Task, UsageError
from fusionbench_film.text.contracts import Findings, Picture, WriteRequest, Written
from fusionbench_film.text.llm import limits, writer
from fusionbench_film.text.llm.client import ChatClient
from fusionbench_film.text.llm.limits import Budget, CeilingReached, RateLimit
from fusionbench_film.text.llm.writer import OpenAIWriter
from tests.helpers.chat_server import PARAGRAPH, ChatServer, Reply, answer, chat_server, failure

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(writer, "backoff", lambda attempt, *, asked=None: 0.01 if asked is None else asked)


def _picture() -> Picture:
    return Picture("a/visible", np.full((20, 2000, 3), 7, dtype=np.uint8), "visible", Task.IVF)


def _requests(count: int, *, look: bool = False) -> list[WriteRequest]:
    return [
        WriteRequest(
            key=str(number),
            system="Be truthful.",
            user=f"Describe image {number}.",
            findings=Findings(),
            role="visible",
            task=Task.IVF,
            picture=_picture if look else None,
        )
        for number in range(count)
    ]


def _write(
    reply: Callable[[int, dict[str, Any]], Reply], *, count: int = 1, look: bool = False, **options: Any
) -> tuple[list[Written], ChatServer, OpenAIWriter]:
    with chat_server(reply) as server:
        options = {"timeout": 5.0, "attempts": 3, **options}
        made = OpenAIWriter(model="tiny", base_url=server.url, attach=look, **options)
        made.load("cpu")
        written = list(made.write(_requests(count, look=look)))
    return sorted(written, key=lambda item: int(item.key)), server, made


def test_a_paragraph_comes_back_with_its_tokens() -> None:
    (written,), server, made = _write(lambda number, body: answer())
    assert written == Written(key="0", paragraph=PARAGRAPH, tokens_in=300, tokens_out=120, attempts=1)
    (body,) = server.requests
    assert body["model"] == "tiny"
    assert body["stream"] is False
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert made.budget.tokens == 420


def test_the_image_is_attached_small_enough() -> None:
    (written,), server, _ = _write(lambda number, body: answer(), look=True)
    assert written.paragraph
    text, image = server.requests[0]["messages"][1]["content"]
    assert text["type"] == "text"
    prefix, _, data = image["image_url"]["url"].partition(",")
    assert prefix == "data:image/png;base64"
    assert PIL.Image.open(io.BytesIO(base64.b64decode(data))).size == (1024, 10)


MISBEHAVIOUR = {
    "429 with Retry-After": failure(429, "slow down", Retry_After="0.05"),
    "429 with a date": failure(429, "slow down", Retry_After=formatdate(time.time() - 5, usegmt=True)),
    "429 with nonsense": failure(429, "slow down", Retry_After="soon"),
    "500": failure(500),
    "503 without a body": Reply(503),
    "malformed JSON": Reply(body=b'{"choices": [{"mess'),
    "deeply nested JSON": Reply(body=b"[" * 100_000),
    "no choices": Reply(body=b'{"choices": []}'),
    "content that is no text": Reply(body=b'{"choices": [{"message": {"content": 3}}]}'),
    "a list": Reply(body=b"[]"),
    "connection cut": Reply(body=b'{"choices"', cut=True),
    "empty answer": answer(""),
    "null answer": answer(None),
    "refusal field": answer(None, refusal="I can't help with that."),
    "refusal text": answer("I'm sorry, but I cannot describe this image. " + PARAGRAPH),
    "content filter": answer(PARAGRAPH, finish="content_filter"),
    "cut by length": answer(PARAGRAPH[:-30], finish="length"),
    "breaks off": answer(PARAGRAPH[:-30]),
    "too short": answer("It is a road. There is a car."),
    "over-long": answer(PARAGRAPH * 10),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_misbehaviour_once_is_retried(name: str) -> None:
    (written,), server, _ = _write(lambda number, body: MISBEHAVIOUR[name] if number == 0 else answer())
    assert written.paragraph == PARAGRAPH
    assert written.attempts == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_misbehaviour_for_ever_is_recorded(name: str) -> None:
    (written,), server, _ = _write(lambda number, body: MISBEHAVIOUR[name])
    assert not written.paragraph
    assert written.error
    assert KEY not in written.error
    assert len(server.requests) == 3


def test_an_unusable_answer_is_named_in_the_next_request() -> None:
    _, server, _ = _write(lambda number, body: MISBEHAVIOUR["too short"] if number == 0 else answer())
    assert "short" in server.requests[1]["messages"][-1]["content"]


def test_a_silent_endpoint_times_out() -> None:
    start = time.perf_counter()
    (written,), _, made = _write(lambda number, body: Reply(delay=2.0), attempts=1, timeout=0.2)
    assert "no answer within 0.2 s" in written.error
    assert written.retry
    assert made.budget.tokens > 0, "it may have been paid for"
    assert time.perf_counter() - start < 3


def test_a_dripping_endpoint_times_out() -> None:
    body = answer().body
    (written,), _, _ = _write(lambda number, _: Reply(body=body, drip=0.05), attempts=1, timeout=0.3)
    assert "no answer within" in written.error


def test_an_answer_without_end_is_cut_off() -> None:
    (written,), _, _ = _write(lambda number, _: Reply(body=b"x" * 5_000_000), attempts=2)
    assert "larger than" in written.error


@pytest.mark.parametrize("status", [401, 403, 404, 302, 307])
def test_a_wrong_key_or_model_stops_the_run(status: int) -> None:
    redirect = {"Location": "http://127.0.0.1:9/elsewhere"} if status < 400 else {}
    written, server, _ = _write(
        lambda number, body: failure(status, f"bad key {KEY}", **redirect), count=20, concurrency=1
    )
    assert len(server.requests) == 1, "nothing is asked again, and no redirect is followed"
    assert all(item.error and item.retry for item in written), "none of it is the images' fault"
    assert len(written) == 20
    assert not any(KEY in item.error for item in written)


def test_a_bad_request_is_not_repeated() -> None:
    written, server, _ = _write(lambda number, body: failure(400, "too many tokens"), count=2, concurrency=1)
    assert len(server.requests) == 2
    assert all("too many tokens" in item.error and not item.retry for item in written)


def test_an_account_without_credit_is_not_waited_for() -> None:
    reply = Reply(429, json.dumps({"error": {"message": "pay first", "code": "insufficient_quota"}}).encode())
    written, server, _ = _write(lambda number, body: reply, count=5, concurrency=1)
    assert len(server.requests) == 1
    assert all(item.retry for item in written)


def test_a_dead_endpoint_ends_the_run() -> None:
    made = OpenAIWriter(model="tiny", base_url="http://127.0.0.1:9/v1", concurrency=2, attempts=4)
    made.load("cpu")
    written = list(made.write(_requests(50)))
    assert len(written) == 50
    assert all(item.retry and not item.paragraph for item in written)
    assert sum(item.attempts for item in written) < 20


def test_requests_run_at_once_but_not_too_many() -> None:
    written, server, _ = _write(lambda number, body: Reply(body=answer().body, delay=0.05), count=12, concurrency=3)
    assert all(item.paragraph for item in written)
    assert server.most_at_once == 3


def test_the_token_ceiling_is_never_crossed() -> None:
    written, server, made = _write(lambda number, body: answer(), count=30, max_total_tokens=3000, max_tokens=400)
    assert 0 < len(server.requests) < 30
    assert made.budget.tokens <= 3000
    left = [item for item in written if not item.paragraph]
    assert left
    assert all(item.retry and "ceiling" in item.error for item in left)


def test_the_cost_ceiling_counts_both_prices() -> None:
    budget = Budget(max_cost=1.0, price_in=1.0, price_out=10.0)
    budget.book(100_000, 80_000)
    assert budget.spent == pytest.approx(0.9)
    with pytest.raises(CeilingReached, match="cost 1"):
        budget.book(0, 20_000)
    budget.settle((100_000, 80_000), (100_000, 10_000))
    budget.book(0, 20_000)
    assert budget.spent == pytest.approx(0.4)


def test_a_ceiling_without_prices_is_refused() -> None:
    with pytest.raises(UsageError, match="prices"):
        OpenAIWriter(model="m", base_url="https://example.org/v1", max_cost=1.0)


def test_rate_limits() -> None:
    now = [0.0]
    by_requests = RateLimit(requests=2, clock=lambda: now[0])
    assert by_requests.delay(1) == 0
    now[0] = 10.0
    assert by_requests.delay(1) == 0
    assert by_requests.delay(1) == pytest.approx(50.0)
    now[0] = 60.5
    assert by_requests.delay(1) == 0

    by_tokens = RateLimit(tokens=100, clock=lambda: now[0])
    assert by_tokens.delay(500) == 0, "a request above the limit may start alone"
    assert by_tokens.delay(1) > 0
    asked = RateLimit(clock=lambda: now[0])
    asked.close_until(7.0)
    assert asked.delay(1) == pytest.approx(7.0)


def test_backoff_grows_has_jitter_and_respects_what_was_asked() -> None:
    random.seed(0)
    for attempt in range(1, 12):
        waits = {limits.backoff(attempt) for _ in range(20)}
        assert len(waits) > 1
        assert all(min(60, 2 ** (attempt - 1)) / 2 <= wait <= min(60, 2 ** (attempt - 1)) for wait in waits)
    assert limits.backoff(1, asked=30.0) >= 30.0
    assert limits.backoff(1, asked=1e9) < 601


@pytest.mark.parametrize(
    ("url", "key", "message"),
    [
        ("http://example.org/v1", KEY, "unencrypted"),
        ("https://example.org/v1", "", "holds no key"),
        ("https://example.org/v1", "two words", "characters that no key has"),
        ("ftp://example.org", KEY, "not the address"),
        ("https://user:pass@example.org", KEY, "not the address"),
        ("nonsense", KEY, "not the address"),
    ],
)
def test_unsafe_addresses(url: str, key: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError, match=message) as caught:
        ChatClient(base_url=url, model="m", key_env="OPENAI_API_KEY", timeout=1.0)
    assert KEY not in str(caught.value)


def test_a_local_endpoint_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    (written,), server, _ = _write(lambda number, body: answer())
    assert written.paragraph
    assert "Authorization" not in server.headers[0]
