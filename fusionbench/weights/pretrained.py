"""Loading ``transformers`` models with errors that say what to do."""

from __future__ import annotations

from typing import Any

from fusionbench.extras import require
from fusionbench.types import MissingExtraError, WeightsError, first_line, on_one_line
from fusionbench.weights.hub import without_token


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
