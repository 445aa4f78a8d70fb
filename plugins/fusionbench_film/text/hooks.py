"""What the text side registers; plain data, no model code is imported here."""

from __future__ import annotations

from pathlib import Path

from fusionbench.hookspecs import hookimpl
from fusionbench.types import CommandSpec, HooksSpec, Option, RegistrySpec
from fusionbench_film.text import hookspecs
from fusionbench_film.text.hookspecs import ProviderSpec

_HERE = "fusionbench_film.text"


def _model(default: str) -> Option:
    return Option(default=default, help="Hub id or folder of the model.")


_REVISION = Option(default=None, type=str, help="Hub revision (commit hash); latest if not given.")
_DTYPE = Option(
    default="auto",
    choices=("auto", "float32", "float16", "bfloat16"),
    help="Precision; auto: half on GPUs, float32 on the CPU.",
)
_EXACT = Option(
    default="float32",
    choices=("float32", "float16", "bfloat16"),
    help="Precision; encoders are small, and features in half precision differ from published ones.",
)
_BATCH = Option(default=8, least=1, help="Images at once on the device.")


def _florence(**further: Option) -> dict[str, Option]:
    return {
        "model": _model("florence-community/Florence-2-large-ft"),
        "revision": _REVISION,
        "dtype": _DTYPE,
        "batch_size": _BATCH,
        "max_new_tokens": Option(default=512, least=1, help="Longest answer in tokens."),
        "num_beams": Option(default=3, least=1, help="Beams of the search."),
        **further,
    }


_CAPTIONERS = (
    ProviderSpec(
        name="blip2",
        kind="captioner",
        factory=f"{_HERE}.models.blip2:Blip2Captioner",
        options={
            "model": _model("Salesforce/blip2-opt-2.7b"),
            "revision": _REVISION,
            "dtype": _DTYPE,
            "batch_size": _BATCH,
            "prompt": Option(default="", help="Beginning of the caption, such as 'a photo of'."),
            "max_new_tokens": Option(default=40, least=1, help="Longest caption in tokens."),
            "num_beams": Option(default=5, least=1, help="Beams of the search."),
        },
        summary="BLIP-2's caption of the whole image, as in the paper; 7.5 GB of weights in half precision.",
        extra="text",
    ),
    ProviderSpec(
        name="florence2",
        kind="captioner",
        factory=f"{_HERE}.models.florence2:Florence2Captioner",
        options=_florence(
            detail=Option(
                default="caption",
                choices=("caption", "detailed", "more_detailed"),
                help="<CAPTION>, <DETAILED_CAPTION> or <MORE_DETAILED_CAPTION>.",
            )
        ),
        summary="Florence-2's caption of the whole image; 1.5 GB of weights in half precision.",
        extra="text",
    ),
    ProviderSpec(
        name="florence2",
        kind="dense_captioner",
        factory=f"{_HERE}.models.florence2:Florence2DenseCaptioner",
        options=_florence(),
        summary="Florence-2's boxes with phrases (<DENSE_REGION_CAPTION>).",
        extra="text",
    ),
    ProviderSpec(
        name="grit",
        kind="dense_captioner",
        factory=f"{_HERE}.models.grit:GritReader",
        options={
            "results": Option(default=None, type=Path, help="JSON file, or folder of files, that GRIT wrote."),
            "min_score": Option(default=0.5, help="Leave out boxes with a lower score."),
        },
        summary="Reads the dense captions that a run of GRIT wrote, as in the paper.",
        by_file=True,
    ),
    ProviderSpec(
        name="sam",
        kind="segmenter",
        factory=f"{_HERE}.models.sam:SamSegmenter",
        options={
            "model": _model("facebook/sam-vit-huge"),
            "revision": _REVISION,
            "dtype": _DTYPE,
            "batch_size": Option(default=1, least=1, help="Images decoded ahead at once; points are what is batched."),
            "points_per_side": Option(default=32, least=1, help="The grid has this many points in each direction."),
            "points_per_batch": Option(default=64, least=1, help="Points at once on the device."),
            "min_iou": Option(default=0.88, help="Leave out masks whose predicted IoU is lower."),
            "min_stability": Option(default=0.95, help="Leave out masks that move with the threshold."),
            "nms_iou": Option(default=0.7, help="Of two boxes that overlap more, the better is kept."),
            "max_regions": Option(default=30, least=1, help="Largest regions that are kept."),
        },
        summary="Segment Anything over a grid of points; ViT-H has 1.3 GB of weights in half precision.",
        extra="text",
    ),
    ProviderSpec(
        name="statistics",
        kind="describer",
        factory=f"{_HERE}.statistics.describer:StatisticsDescriber",
        options={"batch_size": Option(default=4, least=1, help="Images at once.")},
        summary="A truthful paragraph of what can be measured in the image; no model, no download.",
    ),
    ProviderSpec(
        name="openai",
        kind="writer",
        factory=f"{_HERE}.llm.writer:OpenAIWriter",
        options={
            "model": Option(default="gpt-4o-mini", help="Model name that the endpoint knows."),
            "base_url": Option(default="https://api.openai.com/v1", help="Any OpenAI-compatible endpoint."),
            "key_env": Option(default="OPENAI_API_KEY", help="Environment variable that holds the key."),
            "attach": Option(default=False, help="Attach the image to the prompt."),
            "concurrency": Option(default=4, least=1, help="Requests in flight."),
            "requests_per_minute": Option(default=0, least=0, help="Rate limit; 0 for none."),
            "tokens_per_minute": Option(default=0, least=0, help="Rate limit; 0 for none."),
            "timeout": Option(default=120.0, help="Seconds for one request, whole answer included."),
            "attempts": Option(default=5, least=1, help="Tries for one paragraph, unusable answers included."),
            "temperature": Option(default=0.2, least=0, help="Sampling temperature."),
            "max_tokens": Option(default=700, least=1, help="Longest answer in tokens."),
            "min_sentences": Option(default=7, help="Shorter answers are asked for again."),
            "max_words": Option(default=400, help="Longer answers are asked for again."),
            "price_in": Option(default=0.0, least=0, help="Price of a million prompt tokens, for the estimate."),
            "price_out": Option(default=0.0, least=0, help="Price of a million answer tokens, for the estimate."),
            "max_cost": Option(default=0.0, least=0, help="Hard ceiling in the unit of the prices; 0 for none."),
            "max_total_tokens": Option(default=0, least=0, help="Hard ceiling of tokens for this run; 0 for none."),
        },
        summary="A language model behind any OpenAI-compatible endpoint, as the paper's ChatGPT.",
    ),
    ProviderSpec(
        name="transformers",
        kind="writer",
        factory=f"{_HERE}.models.chat:ChatWriter",
        options={
            "model": _model("Qwen/Qwen2.5-7B-Instruct"),
            "revision": _REVISION,
            "dtype": _DTYPE,
            "batch_size": Option(default=4, least=1, help="Paragraphs at once on the device."),
            "attempts": Option(default=3, least=1, help="Tries for one paragraph; from the second on it samples."),
            "max_new_tokens": Option(default=500, least=1, help="Longest answer in tokens."),
            "min_sentences": Option(default=7, help="Shorter answers are asked for again."),
            "max_words": Option(default=400, help="Longer answers are asked for again."),
        },
        summary="A local chat model on transformers; the default has 15 GB of weights in half precision.",
        extra="text",
    ),
    ProviderSpec(
        name="template",
        kind="writer",
        factory=f"{_HERE}.models.template:TemplateWriter",
        summary="Puts the findings one after the other; deterministic, no model.",
    ),
)

_LENGTH = Option(default=0, least=0, help="Tokens of every paragraph, cut or padded; 0: as long as it is.")
_CAPTION_TEXT = Option(
    default=False, help="LAVIS's caption preprocessing: lower case, punctuation to spaces, 50 words."
)

_ENCODERS = (
    ProviderSpec(
        name="minilm",
        kind="text_encoder",
        factory=f"{_HERE}.encoders:MiniLMEncoder",
        options={
            "dtype": _EXACT,
            "batch_size": _BATCH,
            "length": _LENGTH,
            "caption_text": _CAPTION_TEXT,
        },
        summary="all-MiniLM-L6-v2, 384 wide, from an installed package: no download.",
        extra="text",
    ),
    ProviderSpec(
        name="blip2",
        kind="text_encoder",
        factory=f"{_HERE}.encoders:Blip2TextEncoder",
        options={
            "model": _model("Salesforce/blip2-itm-vit-g"),
            "revision": _REVISION,
            "dtype": _EXACT,
            "batch_size": _BATCH,
            "length": _LENGTH,
            "caption_text": _CAPTION_TEXT,
        },
        summary="BLIP-2's text encoder, 768 wide, as in the paper; also what `text extract-encoder` cut out of it.",
        extra="text",
    ),
    ProviderSpec(
        name="transformers",
        kind="text_encoder",
        factory=f"{_HERE}.encoders:TransformersEncoder",
        options={
            "model": Option(default=None, type=str, help="Hub id or folder of any text encoder."),
            "revision": _REVISION,
            "dtype": _EXACT,
            "batch_size": _BATCH,
            "length": _LENGTH,
            "caption_text": _CAPTION_TEXT,
        },
        summary="The last hidden state of any transformers text encoder.",
        extra="text",
    ),
)


@hookimpl
def fusionbench_addhooks() -> list[HooksSpec]:
    """The hooks by which plugins bring parts of the text pipeline."""
    return [
        HooksSpec(
            module=hookspecs,
            registries=(
                RegistrySpec(
                    hook="fusionbench_captioners",
                    name="captioners",
                    kind="text provider",
                    spec=ProviderSpec,
                    key=lambda spec: f"{spec.kind}:{spec.name}",
                ),
                RegistrySpec(
                    hook="fusionbench_text_encoders",
                    name="text_encoders",
                    kind="text encoder",
                    spec=ProviderSpec,
                    key=lambda spec: spec.name,
                ),
            ),
        )
    ]


@hookimpl
def fusionbench_captioners() -> list[ProviderSpec]:
    """Captioners, dense captioners, segmenters, describers and writers."""
    return list(_CAPTIONERS)


@hookimpl
def fusionbench_text_encoders() -> list[ProviderSpec]:
    """Text encoders."""
    return list(_ENCODERS)


@hookimpl
def fusionbench_commands() -> list[CommandSpec]:
    """The command group ``fusionbench text``."""
    return [
        CommandSpec(
            name="text",
            command=f"{_HERE}.cli:command",
            summary="Describe images in words and encode the words, as FILM reads them.",
        )
    ]
