"""SESF-Fuse: multi-focus fusion by the spatial frequency of an auto-encoder's features; two images."""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/Keep-Passion/SESF-Fuse"


def fusionbench_methods() -> list[MethodSpec]:
    """SESF-Fuse."""
    return [
        MethodSpec(
            name="sesf_fuse",
            title="SESF-Fuse",
            tasks=(Task.MFF,),
            factory="fusionbench_sesf_fuse.method:SESFFuseMethod",
            shares_process=True,
            takes="rgb",
            batched=False,
            min_size=9,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncate to 8 bits, as the authors' script does; plain: round",
                )
            },
            weights=(
                WeightSpec(
                    name="SESF-Fuse",
                    filename="SESF-Fuse.safetensors",
                    page=f"{_PAGE}/tree/master/nets/parameters",
                    official=("lp+lssim_se_sf_net_times30.pkl",),
                    sha256=("8758fcab88f19f673e31c9a8d1dc60e67f5b655572462ea099c49248b36fdaa3",),
                    content_sha256="1f99bcb2cf2c23b3555c67e4de8aff22d527c288fdd93696c29b7237793d22a5",
                    size=311937,
                    licence="LGPL-2.1",
                ),
            ),
            paper=Citation(
                title="SESF-Fuse: an unsupervised deep model for multi-focus image fusion",
                authors="Boyuan Ma, Yu Zhu, Xiang Yin, Xiaojuan Ban, Haiyou Huang and Michele Mukeshimana",
                venue="Neural Computing and Applications 33",
                year=2021,
                doi="10.1007/s00521-020-05358-9",
            ),
            page=_PAGE,
            licence="LGPL-2.1",
            summary="Sharper where an auto-encoder's features vary more; the decision map is cleaned and softened.",
        )
    ]
