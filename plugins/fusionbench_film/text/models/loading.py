"""Loading ``transformers`` models with errors that say what to do, and giving their memory back."""

from __future__ import annotations

import gc
from typing import Any

import torch

from fusionbench.extras import require
from fusionbench.nn.hub import without_token
from fusionbench.types import MissingExtraError, WeightsError, first_line, on_one_line


def from_pretrained(class_name: str, model: str, *, revision: str | None = None, **options: Any) -> Any:
    """``transformers.<class_name>.from_pretrained`` for a Hub id or a folder; no code of a repository is run.

    Raises:
        MissingExtraError: transformers, or a package that the model's processor needs, is not installed.
        WeightsError: The model cannot be had or read.
    """
    transformers = require("transformers", extra="text", purpose=f"loading {model}")
    transformers.utils.logging.disable_progress_bar()  # Ours says what the time goes to.
    try:
        return getattr(transformers, class_name).from_pretrained(
            model, revision=revision, trust_remote_code=False, **options
        )
    except ImportError as error:
        raise MissingExtraError(f"{model}: {first_line(error)}", hint="Install the package it names.") from error
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError) as error:
        reason = without_token(on_one_line(error, limit=2000))[:300]
        raise WeightsError(
            f"{model}: cannot be loaded as {class_name}: {reason}",
            hint="Check the id. Offline, give a folder that holds the model (config.json, *.safetensors, tokenizer).",
        ) from error


def half_or_full(dtype: str, device: torch.device) -> torch.dtype:
    """The precision that an option names; ``auto`` is half on GPUs and float32 on the CPU."""
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[dtype]


def pick_device(name: str) -> str:
    """``auto`` is the first GPU, or the CPU without one.

    Raises:
        UsageError: No such device.
    """
    from fusionbench.fusing import pick_device as picked

    return str(picked(name))


def release(device: torch.device) -> None:
    """Return the memory of models that are no longer referenced."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
