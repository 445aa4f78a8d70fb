"""The provider ``writer:transformers``: a local chat model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from fusionbench_film.text.answers import UnusableAnswer, accept
from fusionbench_film.text.contracts import WriteRequest, Written
from fusionbench_film.text.models.loading import from_pretrained, half_or_full, release


class ChatWriter:
    """Paragraphs from a text-only chat model; the first try is greedy, further ones sample."""

    looks = False

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        dtype: str = "auto",
        batch_size: int = 4,
        attempts: int = 3,
        max_new_tokens: int = 500,
        min_sentences: int = 7,
        max_words: int = 400,
    ) -> None:
        self.model_id, self.revision, self.dtype = model, revision, dtype
        self.batch_size, self.attempts, self.max_new_tokens = max(1, batch_size), max(1, attempts), max_new_tokens
        self.min_sentences, self.max_words = min_sentences, max_words
        self._device = torch.device("cpu")
        self._model: Any = None
        self._tokenizer: Any = None

    def load(self, device: str) -> None:
        """Read the model and its tokenizer."""
        self._device = torch.device(device)
        self._tokenizer = from_pretrained("AutoTokenizer", self.model_id, revision=self.revision)
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        precision = half_or_full(self.dtype, self._device)
        self._model = from_pretrained("AutoModelForCausalLM", self.model_id, revision=self.revision, dtype=precision)
        self._model.to(self._device).eval()

    def close(self) -> None:
        """Free the model."""
        self._model = None
        release(self._device)

    def write(self, requests: Sequence[WriteRequest]) -> Iterator[Written]:
        """Results batch by batch."""
        for start in range(0, len(requests), self.batch_size):
            yield from self._batch(requests[start : start + self.batch_size])

    def _batch(self, requests: Sequence[WriteRequest]) -> Iterator[Written]:
        waiting = list(requests)
        tokens = dict.fromkeys((request.key for request in requests), (0, 0))
        errors: dict[str, str] = {}
        for attempt in range(1, self.attempts + 1):
            again = []
            for request, (text, finished, used) in zip(waiting, self._generate(waiting, attempt), strict=True):
                before = tokens[request.key]
                tokens[request.key] = (before[0] + used[0], before[1] + used[1])
                spent: dict[str, Any] = dict(zip(("tokens_in", "tokens_out"), tokens[request.key], strict=True))
                try:
                    paragraph = accept(
                        text, min_sentences=self.min_sentences, max_words=self.max_words, finished=finished
                    )
                    yield Written(key=request.key, paragraph=paragraph, attempts=attempt, **spent)
                except UnusableAnswer as unusable:
                    errors[request.key] = str(unusable)
                    again.append(request)
            waiting = again
            if not waiting:
                return
        for request in waiting:
            count = tokens[request.key]
            yield Written(
                key=request.key,
                error=f"{errors[request.key]} (attempt {self.attempts})",
                attempts=self.attempts,
                tokens_in=count[0],
                tokens_out=count[1],
            )

    @torch.inference_mode()
    def _generate(self, requests: Sequence[WriteRequest], attempt: int) -> list[tuple[str, bool, tuple[int, int]]]:
        inputs = self._tokenizer([self._prompt(request) for request in requests], padding=True, return_tensors="pt")
        inputs = {name: inputs[name].to(self._device) for name in ("input_ids", "attention_mask")}
        sampling = {"do_sample": True, "temperature": 0.7} if attempt > 1 else {"do_sample": False}
        with torch.random.fork_rng():
            torch.manual_seed(attempt)
            ids = self._model.generate(
                **inputs,
                max_new_tokens=self.max_new_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
                **sampling,
            )
        answers = []
        for row, mask in zip(ids[:, inputs["input_ids"].shape[1] :], inputs["attention_mask"], strict=True):
            ended = (row == self._tokenizer.eos_token_id).any() | (row == self._tokenizer.pad_token_id).any()
            length = int((row != self._tokenizer.pad_token_id).sum())
            finished = bool(ended) or length < self.max_new_tokens
            text = self._tokenizer.decode(row, skip_special_tokens=True)
            answers.append((text, finished, (int(mask.sum()), length)))
        return answers

    def _prompt(self, request: WriteRequest) -> str:
        messages = [{"role": "user", "content": request.user}]
        if self._tokenizer.chat_template is None:
            return f"{request.system}\n\n{request.user}\n\n".lstrip()
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        return self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
