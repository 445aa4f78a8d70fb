"""Rates, budgets and waiting."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable

_WINDOW = 60.0


class RateLimit:
    """Holds callers back so that neither requests nor tokens exceed a number per minute; thread-safe.

    Args:
        requests, tokens: Most per minute; 0 for no limit.
        clock: Monotonic seconds.
    """

    def __init__(self, requests: int = 0, tokens: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests, self.tokens = requests, tokens
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: deque[tuple[float, int]] = deque()
        self._closed_until = 0.0

    def close_until(self, seconds: float) -> None:
        """Let no request start for so many seconds: the endpoint asked for it."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)

    def delay(self, tokens: int) -> float:
        """Seconds to wait before a request of so many tokens; 0 means that it is booked and may start."""
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            while self._spent and self._spent[0][0] <= now - _WINDOW:
                self._spent.popleft()
            full = self.requests and len(self._spent) >= self.requests
            # A request larger than the whole limit may start alone, or it never would.
            heavy = self.tokens and self._spent and sum(used for _, used in self._spent) + tokens > self.tokens
            if full or heavy:
                return max(0.01, self._spent[0][0] + _WINDOW - now)
            self._spent.append((now, tokens))
            return 0.0


class CeilingReached(Exception):
    """The next request could exceed the budget."""


class Budget:
    """A hard ceiling of tokens and cost: a request is booked at its most before it starts; thread-safe.

    Args:
        max_tokens: Most tokens, prompts and answers together; 0 for no ceiling.
        max_cost: Most cost; 0 for no ceiling.
        price_in, price_out: Prices of a million prompt and answer tokens.
    """

    def __init__(
        self, *, max_tokens: int = 0, max_cost: float = 0.0, price_in: float = 0.0, price_out: float = 0.0
    ) -> None:
        self.max_tokens, self.max_cost = max_tokens, max_cost
        self.price_in, self.price_out = price_in, price_out
        self.tokens = 0
        self.spent = 0.0
        self._lock = threading.Lock()

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Cost of so many tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def book(self, tokens_in: int, tokens_out: int) -> None:
        """Book what a request may need at most.

        Raises:
            CeilingReached: It does not fit.
        """
        cost = self.cost(tokens_in, tokens_out)
        with self._lock:
            if self.max_tokens and self.tokens + tokens_in + tokens_out > self.max_tokens:
                raise CeilingReached(f"the ceiling of {self.max_tokens} tokens is reached")
            if self.max_cost and self.spent + cost > self.max_cost:
                raise CeilingReached(f"the ceiling of cost {self.max_cost:g} is reached")
            self.tokens += tokens_in + tokens_out
            self.spent += cost

    def settle(self, booked: tuple[int, int], used: tuple[int, int]) -> None:
        """Replace a booking by what was used."""
        with self._lock:
            self.tokens += sum(used) - sum(booked)
            self.spent += self.cost(*used) - self.cost(*booked)


def backoff(attempt: int, *, asked: float | None = None, base: float = 1.0, most: float = 60.0) -> float:
    """Seconds to wait after the failed attempt with this number (from 1): exponential, with jitter over its upper half.

    What the endpoint asked for is a lower bound, up to ten minutes.
    """
    wait = min(most, base * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
    return max(wait, min(asked, 600.0) + random.uniform(0, 0.25)) if asked is not None else wait
