"""What the default models of the text pipeline need: parameters, memory and seconds per image.

The weights are random: speed and memory do not depend on their values. Parameters are counted without memory; times
need a GPU (or ``--tiny``, which only shows that the script works).

    python benchmarks/text_models.py --count
    python benchmarks/text_models.py --device cuda
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
import transformers

_OPT = {"vocab_size": 50304, "hidden_size": 2560, "word_embed_proj_dim": 2560, "ffn_dim": 10240}
_OPT |= {"model_type": "opt", "num_hidden_layers": 32, "num_attention_heads": 32}
_SAM_VISION = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "mlp_dim": 5120}
_SAM_VISION |= {"global_attn_indexes": [7, 15, 23, 31]}
_BART = {"model_type": "bart", "vocab_size": 51328, "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12}
_BART |= {"encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096}
_BART |= {"encoder_attention_heads": 16, "decoder_attention_heads": 16}
_DAVIT = {"depths": [1, 1, 9, 1], "embed_dim": [256, 512, 1024, 2048], "num_heads": [8, 16, 32, 64]}
_DAVIT |= {"num_groups": [8, 16, 32, 64], "projection_dim": 1024}


def blip2() -> torch.nn.Module:
    """The captioner Salesforce/blip2-opt-2.7b."""
    return transformers.Blip2ForConditionalGeneration(
        transformers.Blip2Config(text_config=_OPT, image_token_index=50265)
    )


def florence2() -> torch.nn.Module:
    """Florence-2-large."""
    config = transformers.Florence2Config(text_config=_BART, vision_config=_DAVIT)
    return transformers.Florence2ForConditionalGeneration(config)


def sam() -> torch.nn.Module:
    """SAM with ViT-H."""
    return transformers.SamModel(transformers.SamConfig(vision_config=_SAM_VISION))


def blip2_text() -> torch.nn.Module:
    """The text encoder that `fusionbench text extract-encoder` cuts out of blip2-itm-vit-g."""
    config = transformers.BertConfig(vocab_size=30523, type_vocab_size=1)
    return transformers.BertModel(config, add_pooling_layer=False)


MODELS: dict[str, Callable[[], torch.nn.Module]] = {
    "blip2-opt-2.7b": blip2,
    "florence-2-large": florence2,
    "sam-vit-h": sam,
    "blip2-text": blip2_text,
}


def count() -> None:
    """Print parameters and the size of the weights; takes no memory."""
    for name, make in MODELS.items():
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in make().parameters())
        print(f"{name:<18} {parameters / 1e6:8.1f} M parameters  {2 * parameters / 1e9:5.1f} GB in half precision")


def caption(model: Any, device: torch.device, dtype: torch.dtype, batch: int, tokens: int) -> None:
    """Captions of a batch with five beams, as the captioner asks for them."""
    size = model.config.vision_config.image_size
    pixels = torch.rand(batch, 3, size, size, device=device, dtype=dtype)
    model.generate(pixel_values=pixels, max_new_tokens=tokens, min_new_tokens=tokens, num_beams=5, do_sample=False)


def segment(model: Any, device: torch.device, dtype: torch.dtype, side: int) -> None:
    """Masks of one image for a grid of side x side points, 64 at once."""
    size = model.config.vision_config.image_size
    embedding = model.get_image_embeddings(torch.rand(1, 3, size, size, device=device, dtype=dtype))
    points = torch.rand(1, side * side, 1, 2, device=device, dtype=dtype) * size
    for some in points.split(64, dim=1):
        labels = torch.ones(some.shape[:3], dtype=torch.long, device=device)
        model(image_embeddings=embedding, input_points=some, input_labels=labels)


def measure(name: str, run: Callable[[], None], images: int, device: torch.device, repeats: int = 5) -> None:
    """Print the median time per image and the peak memory."""
    run()
    seconds = []
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(repeats):
        _synchronise(device)
        start = time.perf_counter()
        run()
        _synchronise(device)
        seconds.append(time.perf_counter() - start)
    middle = sorted(seconds)[repeats // 2] / images
    memory = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else float("nan")
    print(f"{name:<18} {1000 * middle:8.1f} ms per image  {memory:5.1f} GB peak")


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", action="store_true", help="count parameters only")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="cut the models down, to try the script")
    arguments = parser.parse_args()
    count()
    device = torch.device(arguments.device)
    if arguments.count:
        return
    if device.type != "cuda" and not arguments.tiny:
        parser.error("times need a GPU; use --count or --tiny without one")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    if arguments.tiny:
        for table in (_OPT, _SAM_VISION):
            table |= {"num_hidden_layers": 1}
        _OPT.update(hidden_size=64, word_embed_proj_dim=64, ffn_dim=64, num_attention_heads=4)
        _SAM_VISION.update(hidden_size=32, mlp_dim=32, num_attention_heads=4, global_attn_indexes=[0])
    torch.set_default_dtype(dtype)
    with device:
        segmenter = sam().eval()
    side = 4 if arguments.tiny else 32
    measure("sam-vit-h", lambda: segment(segmenter, device, dtype, side), 1, device)
    with device:
        captioner = _shallow().eval() if arguments.tiny else blip2().eval()
    captioner.generation_config.pad_token_id = 1
    batch, tokens = (1, 3) if arguments.tiny else (8, 20)
    measure("blip2-opt-2.7b", lambda: caption(captioner, device, dtype, batch, tokens), batch, device)


def _shallow() -> torch.nn.Module:
    """The captioner with a small vision tower."""
    config = transformers.Blip2Config(
        text_config=_OPT,
        image_token_index=50265,
        vision_config={"num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4},
        qformer_config={"num_hidden_layers": 1, "encoder_hidden_size": 64},
    )
    return transformers.Blip2ForConditionalGeneration(config)


if __name__ == "__main__":
    main()
