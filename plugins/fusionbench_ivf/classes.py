"""The classes of the labelled data sets."""

from __future__ import annotations

from fusionbench.data import Classes

M3FD = Classes(
    ("person", "car", "bus", "lamp", "motorcycle", "truck"),
    aliases={"people": "person", "pedestrian": "person", "light": "lamp", "moto": "motorcycle", "trunk": "truck"},
)
"""In the order of TarDAL's files; the other list of names that circulates is people car bus light moto trunk."""

LLVIP = Classes(("person",))

MFNET = Classes(
    ("background", "car", "person", "bike", "curve", "car stop", "guardrail", "color cone", "bump"),
    aliases={"unlabeled": "background", "unlabelled": "background", "car_stop": "car stop", "color_cone": "color cone"},
)
"""In the order of the indices, which MSRS shares."""

FMB = Classes(
    ("background", "road", "sidewalk", "building", "traffic light", "traffic sign", "vegetation", "sky", "person")
    + ("car", "truck", "bus", "motorcycle", "bicycle", "pole"),
    aliases={"unlabelled": "background", "unlabeled": "background", "traffic lamp": "traffic light"},
)
"""In the order of the indices."""

DRONE_VEHICLE = Classes(
    ("car", "truck", "bus", "van", "freight car"),
    aliases={
        "freight_car": "freight car",
        "feright car": "freight car",
        "feright_car": "freight car",
        "truvk": "truck",
    },
)
"""With the misspellings that its files hold."""

KAIST_UNCOUNTED = frozenset(("people", "person?", "cyclist"))
"""What KAIST's evaluation ignores."""
KAIST = Classes(("person",), aliases=dict.fromkeys(sorted(KAIST_UNCOUNTED), "person"))
