"""MAAF's experiments and claims (Dodds et al., 2020, arXiv 2007.00145).

Table 1: CSS. What the small scale changes, for all rows alike, stands in `SMALL`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from cirkit.attention import Sinusoidal, identity, softmax
from cirkit.benchmarks import css
from cirkit.claims import Claim, Gain, above, below
from cirkit.encoders.image import ResNet, SmallResNet
from cirkit.encoders.text import LSTM
from cirkit.losses import batch_softmax, soft_triplet
from cirkit.measures import Recall
from cirkit.models.baselines import Concatenation, ImageOnly, TextOnly
from cirkit.models.maaf import MAAF
from cirkit.models.tirg import TIRG
from cirkit.records import Experiment
from cirkit.train import Training, adamw, ranking, sgd, steps_down, warm_cosine

Factory = Callable[[Sequence[str]], nn.Module]
SEEDS = (0, 1, 2, 3, 4)
