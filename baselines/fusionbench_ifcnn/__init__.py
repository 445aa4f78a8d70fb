"""IFCNN: convolutional features fused by maximum, sum or mean; any number of sources.

The demonstration's post-processing differs by task; ``output=official`` follows it.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/uzeful/IFCNN"


def _weights(
    *, scheme: str, tasks: tuple[Task, ...], used: tuple[str, ...], sha256: str, content: str, size: int = 0
) -> WeightSpec:
    return WeightSpec(
        name=scheme,
        filename=f"IFCNN-{scheme}.safetensors",
        tasks=tasks,
        page=f"{_PAGE}/tree/master/Code/snapshots",
        official=(f"IFCNN-{scheme}.pth",),
        sha256=(sha256,),
        content_sha256=content,
        size=size,
        when={"scheme": used},
    )


def fusionbench_methods() -> list[MethodSpec]:
    """IFCNN."""
    return [
        MethodSpec(
            name="ifcnn",
            title="IFCNN",
            tasks=tuple(Task),
            factory="fusionbench_ifcnn.network:IFCNNMethod",
            shares_process=True,
            takes="rgb",
            sources=(2, None),
            version="2",
            min_size=16,
            overlap=20,
            options={
                "scheme": Option(
                    default="auto",
                    choices=("auto", "max", "mean", "sum"),
                    help="how features are fused; auto: mean for exposure, maximum for the other tasks",
                ),
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncated; gray for IVF and MIF; limited range and local contrast "
                    "enhancement (CLAHE) for MEF, as the authors' demonstration",
                ),
            },
            weights=(
                _weights(
                    scheme="MAX",
                    tasks=(Task.IVF, Task.MIF, Task.MFF),
                    used=("auto", "max"),
                    sha256="6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f",
                    content="15354e9427da68370e712d680f52de82aba2705affa7ba4e390e594757451a44",
                    size=337094,
                ),
                _weights(
                    scheme="MEAN",
                    tasks=(Task.MEF,),
                    used=("auto", "mean"),
                    sha256="fd2ee9361f1d428fc9749e28e8a2c5c5ef6ce6528ab6f5ad8ef5def42e7ffa4b",
                    content="22607f6168a826bc0152291149c0d8192cca388fd897c71b4ddef5807c1b1055",
                ),
                _weights(
                    scheme="SUM",
                    tasks=(),
                    used=("sum",),
                    sha256="a8c1d293f1bf16a93e6244a4bf8f7a7bd300dc10555c8597ad7ef3320b0410cb",
                    content="2585060a483e533afafb4ceb62016a0e05c1f45f69025d9462e69bbba5401ee4",
                ),
            ),
            paper=Citation(
                title="IFCNN: A General Image Fusion Framework Based on Convolutional Neural Network",
                authors="Yu Zhang, Yu Liu, Peng Sun, Han Yan, Xiaolin Zhao and Li Zhang",
                venue="Information Fusion 54",
                year=2020,
                doi="10.1016/j.inffus.2019.07.011",
            ),
            page=_PAGE,
            licence="not stated",
            summary="Four convolutional layers, trained on synthetic multi-focus pairs.",
        )
    ]
