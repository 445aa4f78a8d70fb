"""The paragraph writer against a local endpoint that does everything an endpoint can do wrong."""

from __future__ import annotations

import base64
import io
import json
import random
import socket
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


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "body": Reply(body=answer().body, drip=0.1),
    "error body": Reply(500, body=b"x" * 300, drip=0.1),
    "status line": Reply(raw=b"HTTP/1.1 200 " + b"O" * 300, drip=0.1),
    "headers": Reply(raw=_OK + b"X-Slow: " + b"x" * 300, drip=0.1),
    "many headers": Reply(raw=_OK + b"A: b\r\n" * 60, drip=0.1),
    "going on": Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 20, drip=0.1),
    "chunks": Reply(raw=_OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60, drip=0.1),
    "cut error": Reply(503, body=b"x" * 20, cut=True, delay=0.05),
}


@pytest.mark.parametrize("where", DRIPS)
def test_a_dripping_endpoint_is_given_up_in_time(where: str) -> None:
    start = time.perf_counter()
    (written,), _, _ = _write(lambda number, _: DRIPS[where], attempts=1, timeout=0.4)
    assert time.perf_counter() - start < 5, "what drips takes half a minute"
    assert ("HTTP 50" if "error" in where else "no answer within 0.4 s") in written.error
    assert written.retry


def test_a_name_that_is_never_found_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> socket.socket:
        time.sleep(8)
        raise OSError("too late")

    monkeypatch.setattr(socket, "create_connection", never)
    made = OpenAIWriter(model="tiny", base_url="https://example.org/v1", timeout=0.2, attempts=1)
    made.load("cpu")
    start = time.perf_counter()
    (written,) = made.write(_requests(1))
    assert time.perf_counter() - start < 5
    assert "no answer within 0.2 s" in written.error


LONG_KEY = "sk-proj-Ab12Cd34Ef56Gh78Ij90KlMnOpQr"
_BASIC = base64.b64encode(f"user:{LONG_KEY}".encode()).decode()
ECHOES = {
    "alone": LONG_KEY,
    "inside a word": f"provided:'{LONG_KEY}',x",
    "inside letters": f"abc{LONG_KEY}def",
    "its first half": f"key {LONG_KEY[:18]} is wrong",
    "its last part": f"key ending in {LONG_KEY[-12:]}",
    "with hyphens": "-".join(LONG_KEY),
    "with blanks": " ".join(LONG_KEY),
    "in capitals": LONG_KEY.upper(),
    "percent-encoded": "".join(f"%{ord(c):02x}" for c in LONG_KEY),
    "escaped": "".join(f"\\u{ord(c):04x}" for c in LONG_KEY),
    "as entities": "".join(f"&#{ord(c)};" for c in LONG_KEY),
    "in hexadecimal": LONG_KEY.encode().hex(),
    "in base64": f"Authorization: Basic {_BASIC}",
    "in base64 after a byte": base64.b64encode(b"xx" + LONG_KEY.encode()).decode(),
    "in base64 twice": base64.b64encode(_BASIC.encode()).decode(),
    "backwards": LONG_KEY[::-1],
    "behind a flood": "x " * 90 + LONG_KEY,
    "across what is cut off": "y" * 190 + LONG_KEY,
}


@pytest.mark.parametrize("how", ECHOES)
@pytest.mark.parametrize("place", ["message", "plain", "status line", "refusal", "header"])
def test_a_key_that_is_sent_back_is_never_shown(how: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", LONG_KEY)
    echo = ECHOES[how]
    replies = {
        "message": failure(400, echo),
        "plain": Reply(400, echo.encode()),
        "status line": Reply(raw=f"nonsense {echo}\r\n\r\n".encode()),
        "refusal": answer(f"I'm sorry, but {echo}."),
        "header": Reply(400, b"", headers={"X-Key": echo}),
    }
    (written,), _, _ = _write(lambda number, _: replies[place], attempts=1)
    error = written.error.casefold()
    assert error
    for text in (error, "".join(c for c in error if c.isalnum()), error[::-1]):
        assert not any(LONG_KEY[i : i + 8].casefold() in text for i in range(len(LONG_KEY) - 7))
    parts = {echo[i : i + 24] for i in range(len(echo) - 23)}
    assert not any(part in written.error for part in parts if len(set(part)) > 2)


def test_a_paragraph_with_the_key_in_it_is_not_kept() -> None:
    (written,), _, made = _write(lambda number, _: answer(PARAGRAPH + f" The key is {KEY}."), attempts=1)
    assert not written.paragraph
    assert "repeats the key" in written.error
    assert made.budget.tokens > 0


def test_words_of_an_endpoint_stay_readable() -> None:
    (written,), _, _ = _write(
        lambda number, _: failure(400, "model 'tiny' is\x1b[31m not here,\nsee sk-docs"), attempts=1
    )
    assert written.error == "HTTP 400: model 'tiny' is [31m not here, see sk-docs (attempt 1)"


USAGES: dict[str, str] = {
    "1 with 400 zeros": "1" + "0" * 400,
    "5,000 digits": "9" * 5000,
    "infinite": "1e999",
    "infinity": "Infinity",
    "nan": "NaN",
    "negative": "-5",
    "text": '"many"',
    "true": "true",
    "a list": "[1]",
    "nothing": "null",
    "a fraction": "0.5",
}


@pytest.mark.parametrize("name", USAGES)
def test_absurd_counts_of_tokens_cost_no_paragraph(name: str) -> None:
    message = json.dumps({"message": {"content": PARAGRAPH}, "finish_reason": "stop"})
    usage = f'{{"prompt_tokens": {USAGES[name]}, "completion_tokens": {USAGES[name]}}}'
    body = f'{{"choices": [{message}], "usage": {usage}}}'.encode()
    (written,), server, made = _write(lambda number, _: Reply(body=body), price_in=1.0, price_out=2.0, max_cost=100.0)
    assert written.paragraph == PARAGRAPH
    assert len(server.requests) == 1
    assert 0 < made.budget.tokens < 10_000
    assert 0 < written.tokens_in < 10_000
    odd = f'{{"choices": [{message}], "usage": {USAGES[name]}}}'.encode()
    (written,), _, _ = _write(lambda number, _: Reply(body=odd))
    assert written.paragraph == PARAGRAPH


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("concurrency", 0),
        ("concurrency", 10**9),
        ("attempts", 0),
        ("max_tokens", 10**400),
        ("price_in", -1.0),
        ("price_out", float("inf")),
        ("max_cost", float("nan")),
        ("max_total_tokens", 10**400),
        ("temperature", float("nan")),
        ("requests_per_minute", -1),
    ],
)
def test_options_that_make_no_sense_are_refused(option: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"openai: {option} must be from"):
        OpenAIWriter(model="m", base_url="https://example.org/v1", **{option: value})


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_times_that_are_none_are_refused(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout must be above 0"):
        ChatClient(base_url="https://example.org/v1", model="m", key_env="OPENAI_API_KEY", timeout=timeout)


@pytest.mark.parametrize("url", ["https://user:hunter2@example.org/v1", "https://example.org/v1?key=hunter2"])
def test_an_address_with_a_password_in_it_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="not the address") as caught:
        ChatClient(base_url=url, model="m", key_env="OPENAI_API_KEY", timeout=1.0)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", [KEY, "AbCdEf0123456789AbCdEf0123456789", "", "a b", "x" * 99])
def test_a_key_given_as_the_name_of_its_variable_is_not_repeated(name: str) -> None:
    with pytest.raises(UsageError, match="the name of an environment variable") as caught:
        ChatClient(base_url="https://example.org/v1", model="m", key_env=name, timeout=1.0)
    assert not name or name not in str(caught.value).replace("a b", "")


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
        ("http://[::1", KEY, "not the address"),
        ("https://example.org:99999999/v1", KEY, "not the address"),
        ("https://exa mple.org/v1", KEY, "not the address"),
        ("https://example.org/\x1b", KEY, "not the address"),
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
