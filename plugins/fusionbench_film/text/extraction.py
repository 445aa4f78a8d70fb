"""Cutting BLIP-2's text encoder, which is a plain BERT, out of the whole checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fusionbench.types import UsageError, WeightsError
from fusionbench_film.text.encoders import Blip2TextEncoder
from fusionbench_film.text.models.loading import from_pretrained

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "embeddings.word_embeddings.weight",
    "embeddings.position_embeddings.weight": "embeddings.position_embeddings.weight",
    "qformer.layernorm.weight": "embeddings.LayerNorm.weight",
    "qformer.layernorm.bias": "embeddings.LayerNorm.bias",
}
_LAYER = "qformer.encoder.layer."
# Parts of a layer that only the query tokens and the image use.
_IMAGE_SIDE = ("crossattention.", "intermediate_query.", "output_query.")
_ATTENTION = "attention.attention."


def extract_encoder(model: str, target: Path, *, revision: str | None = None) -> int:
    """Save the text path of a BLIP-2 checkpoint as a standalone BERT with its tokenizer.

    ``--encoder blip2:model=TARGET`` then gives the same features to the bit.

    Args:
        model: Hub id or folder of a checkpoint for image-text retrieval.
        target: New folder.
        revision: Hub revision.

    Returns:
        Number of parameters of the small encoder.

    Raises:
        UsageError: The target is not empty, or the model is such an encoder already.
        WeightsError: The model is no BLIP-2 checkpoint with a text path.
    """
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target}: not empty.", hint="Give a new folder.")
    encoder = Blip2TextEncoder(model=model, revision=revision, dtype="float32")
    encoder.load("cpu")
    whole = encoder._model
    if type(whole).__name__ != "Blip2TextModelWithProjection":
        raise UsageError(f"{model}: is a text encoder on its own already.")
    tokenizer = from_pretrained("AutoTokenizer", model, revision=revision)
    small = as_bert(whole)
    small.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return sum(parameter.numel() for parameter in small.parameters())


def as_bert(whole: PreTrainedModel) -> PreTrainedModel:
    """A ``BertModel`` with the weights of a ``Blip2TextModelWithProjection``'s text path.

    Raises:
        WeightsError: A tensor is missing or of another shape.
    """
    from transformers import BertConfig, BertModel

    q: Any = whole.config.qformer_config
    config = BertConfig(
        vocab_size=q.vocab_size,
        hidden_size=q.hidden_size,
        num_hidden_layers=q.num_hidden_layers,
        num_attention_heads=q.num_attention_heads,
        intermediate_size=q.intermediate_size,
        hidden_act=q.hidden_act,
        max_position_embeddings=q.max_position_embeddings,
        layer_norm_eps=q.layer_norm_eps,
        pad_token_id=q.pad_token_id,
        type_vocab_size=1,
        attn_implementation="eager",  # type: ignore[call-arg]  # of every configuration
    )
    bert = BertModel(config, add_pooling_layer=False).eval()
    state = {renamed: value for name, value in whole.state_dict().items() if (renamed := _bert_name(name))}
    # BLIP-2 has no token types: a zero adds nothing.
    state["embeddings.token_type_embeddings.weight"] = torch.zeros(1, config.hidden_size)
    _load(bert, state)
    return bert


def _bert_name(name: str) -> str | None:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    if not name.startswith(_LAYER):
        return None
    number, _, part = name[len(_LAYER) :].partition(".")
    if part.startswith(_IMAGE_SIDE):
        return None
    if part.startswith(_ATTENTION):
        part = "attention.self." + part[len(_ATTENTION) :]
    return f"encoder.layer.{number}.{part}"


def _load(bert: torch.nn.Module, state: dict[str, Tensor]) -> None:
    try:
        missing, unexpected = bert.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the checkpoint's text path does not fit a BERT: {error}") from error
    missing = [name for name in missing if not name.endswith("position_ids")]
    if missing or unexpected:
        raise WeightsError(
            f"the checkpoint's text path is no BERT: missing {missing[:3]}, unexpected {list(unexpected)[:3]}."
        )
