"""One request to an OpenAI-compatible chat endpoint, and what can go wrong with it.

Only the standard library is used. Redirects are not followed, so that the key goes nowhere else; answers are read up
to a limit and against the clock; no part of the key ever enters a message.
"""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import json
import math
import os
import re
import ssl
import time
import urllib.error
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusionbench.printable import one_line
from fusionbench.redaction import Secret
from fusionbench.types import UsageError
from fusionbench_film.text.llm.transport import Deadline, TimedRequest, opener

_MAX_ANSWER = 4_000_000  # bytes
_CHUNK = 1 << 16
_MOST_TOKENS = 100_000_000  # a count above it is no count: no model reads or writes that much at once
_LONGEST = 86_400.0  # seconds of one request
_SEARCHED, _SHOWN = 4_000, 200  # characters of a message that are searched for the key, and shown
_EXAMPLE = "For instance https://api.openai.com/v1"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class EndpointError(Exception):
    """A request that brought no answer.

    Attributes:
        transient: Whether the same request may succeed later.
        retry_after: Seconds that the endpoint asked to wait, if it did.
        fatal: Whether no other request will succeed either (wrong key, unknown model).
        charged: Whether the endpoint may have worked, and charge for it, all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        retry_after: float | None = None,
        fatal: bool = False,
        charged: bool = False,
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.retry_after = retry_after
        self.fatal = fatal
        self.charged = charged


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer: its text, whether it came to its end, and the tokens the endpoint counted."""

    text: str
    finished: bool
    refused: bool
    tokens_in: int
    tokens_out: int


class ChatClient:
    """Asks ``POST <base_url>/chat/completions``; thread-safe.

    Args:
        base_url: With the version, ``http://127.0.0.1:8000/v1``.
        model: Name that the endpoint knows.
        key_env: Environment variable that holds the key; endpoints of this machine may do without.
        timeout: Seconds for a whole request.

    Raises:
        UsageError: The URL is none, or would send the key unencrypted through a network; the key is absent; the
            time is none.
    """

    def __init__(self, *, base_url: str, model: str, key_env: str, timeout: float) -> None:
        host, secure = _address(base_url)
        local = _is_local(host)
        if not _VARIABLE.fullmatch(key_env) or not (key_env.isupper() or key_env in os.environ):
            # Somebody may have put the key itself here: it is not repeated.
            raise UsageError(
                "key_env must be the name of an environment variable, such as OPENAI_API_KEY.",
                hint="Put the key into that variable, never on the command line.",
            )
        if not 0 < timeout <= _LONGEST:
            raise UsageError(f"timeout must be above 0 and at most {_LONGEST:g} seconds, got {timeout:g}.")
        key = os.environ.get(key_env, "").strip()
        if not key and not local:
            raise UsageError(f"the environment variable {key_env} holds no key for {host}.")
        if key and not secure and not local:
            raise UsageError(
                f"base_url {base_url}: the key would go through the network unencrypted.",
                hint=f"Use https, or unset {key_env} if the endpoint needs no key.",
            )
        if any(ord(character) < 33 or ord(character) > 126 for character in key):
            raise UsageError(f"the environment variable {key_env} holds characters that no key has.")
        self.url = base_url.rstrip("/") + "/chat/completions"
        self.model = model
        self.timeout = timeout
        self._secret = Secret(key)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._opener = opener(direct=local)

    def hide(self, text: str) -> str:
        """A text of the endpoint as it may be shown: on one line and without any part of the key."""
        return self._secret.hide(" ".join(one_line(text[:_SEARCHED]).split()))[:_SHOWN]

    def complete(self, messages: Sequence[Mapping[str, Any]], *, temperature: float, max_tokens: int) -> Completion:
        """Ask once.

        Raises:
            EndpointError: No usable answer came; it says whether asking again makes sense.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": temperature,
            "max_tokens": max_tokens,
            "stream": False,
        }
        request = TimedRequest(self.url, data=json.dumps(body).encode(), headers=self._headers, method="POST")
        request.deadline = deadline = Deadline(self.timeout)
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                data = _read(response, deadline)
        except urllib.error.HTTPError as error:
            raise self._from_status(error) from None
        except (TimeoutError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise self._from_connection(error) from None
        return self._parsed(data)

    def _from_status(self, error: urllib.error.HTTPError) -> EndpointError:
        with error:
            try:
                detail = _error_message(error.read(10_000))
            except (OSError, http.client.HTTPException):
                detail = ""
        # Some endpoints repeat the key, or parts of it, in their message.
        shown = self.hide(detail)
        message = f"HTTP {error.code}" + (f": {shown}" if shown else "")
        transient = error.code in (408, 409, 425, 429) or error.code >= 500
        # An account without credit answers 429 as well; waiting does not fill it.
        if error.code == 429 and "insufficient_quota" in detail:
            return EndpointError(message, transient=False, fatal=True)
        return EndpointError(
            message,
            transient=transient,
            retry_after=_retry_after(error.headers.get("Retry-After")) if transient else None,
            fatal=error.code in (401, 402, 403, 404) or 300 <= error.code < 400,
        )

    def _from_connection(self, error: Exception) -> EndpointError:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return EndpointError(f"no answer within {self.timeout:g} s", transient=True, charged=True)
        if isinstance(reason, ssl.SSLCertVerificationError):
            why = self.hide(reason.verify_message)
            return EndpointError(f"the certificate is not valid: {why}", transient=False, fatal=True)
        return EndpointError(f"no connection: {self.hide(str(reason)) or type(error).__name__}", transient=True)

    def _parsed(self, data: bytes) -> Completion:
        try:
            completion = _parse(data)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise EndpointError(
                f"the answer is not of the OpenAI form ({type(error).__name__}: {self.hide(str(error))[:80]})",
                transient=True,
                charged=True,
            ) from None
        if self._secret.is_in(completion.text):
            raise EndpointError("the answer repeats the key and is not kept", transient=False, charged=True)
        return completion


def _read(response: Any, deadline: Deadline) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_ANSWER:
            raise EndpointError(f"the answer is larger than {_MAX_ANSWER} bytes", transient=False, charged=True)
        deadline.left()
    return b"".join(parts)


def _error_message(data: bytes) -> str:
    try:
        error = json.loads(data, parse_int=_integer)["error"]
        return f"{error.get('code') or ''} {error.get('message') or ''}" if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return data.decode("utf-8", "replace")


def _retry_after(value: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header, which is a number or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None


def _parse(data: bytes) -> Completion:
    answer = json.loads(data, parse_int=_integer)
    choice = answer["choices"][0]
    message = choice["message"]
    text, refusal = message.get("content"), message.get("refusal")
    if text is not None and not isinstance(text, str):
        raise TypeError("content is no text")
    reason = choice.get("finish_reason")
    usage = answer.get("usage")
    return Completion(
        text=text or "",
        finished=reason not in ("length", "content_filter"),
        refused=bool(refusal) or reason == "content_filter",
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
    )


def _integer(digits: str) -> float:
    """Of a number with hundreds of digits neither Python's limit nor arithmetic makes anything useful."""
    return int(digits) if len(digits) < 20 else math.inf


def _count(usage: Any, name: str) -> int:
    """A number of tokens; 0, which is not counted, for what cannot be one. The paragraph is good all the same."""
    value = usage.get(name) if isinstance(usage, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST_TOKENS:
        return 0
    return math.ceil(value)


def _address(base_url: str) -> tuple[str, bool]:
    """Host of an endpoint, and whether it is reached by https.

    Raises:
        UsageError: It is no address, or one with a password or query in it, which is not repeated.
    """
    try:
        parts = urllib.parse.urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urllib.parse.SplitResult("", "", "", "", ""), None
    printed = all(32 < ord(character) < 127 for character in base_url)
    if parts.scheme not in ("http", "https") or not host or not printed:
        what = f" {base_url!r}" if "@" not in base_url and "?" not in base_url else ""
        raise UsageError(f"base_url{what}: not the address of an endpoint.", hint=_EXAMPLE)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "base_url: not the address of an endpoint: it holds a user, a query or a fragment.", hint=_EXAMPLE
        )
    return host, parts.scheme == "https"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
