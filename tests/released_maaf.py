"""MAAF with every behaviour of the released code that differs from the paper, and numbers that code gave."""

import json
from functools import partial
from pathlib import Path

from written_weights import fill

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.encoders.image import ResNet, linear_norm_relu
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.models.maaf import MAAF

GOLDEN = json.loads((Path(__file__).parent / "golden" / "maaf.json").read_text())


def released(stages=(3, 4), **keywords) -> MAAF:
    """MAAF with every behaviour of the released code that differs from the paper."""
    maaf = MAAF(
        GOLDEN["vocabulary"],
        image=partial(
            ResNet, name="resnet18", width=16, stages=stages, pretrained=False, size=None, project=linear_norm_relu
        ),
        text=partial(LSTM, width=16, head=dropout_linear),
        heads=4,
        hidden=24,
        norm=UnbiasedLayerNorm,
        **keywords,
    )
    maaf = maaf.double().eval()
    fill(maaf)
    return maaf
