"""ITSELF: numbers that the official code gave, the inputs they belong to, and a tiny CLIP for tall images."""

import json
from functools import partial
from pathlib import Path

import torch
from torch import nn
from written_weights import drawn

from cirkit.encoders.block_attention import Attention
from cirkit.encoders.clip import open_clip
from cirkit.encoders.tall_clip import tall_clip
from cirkit.models.grab import Grab

GOLDEN = json.loads((Path(__file__).parent / "golden" / "itself.json").read_text())
TOKENS, DEPTH = 13, 12
END = torch.tensor([12, 7])  # of the two texts

TEXT = {"context_length": 24, "width": 16, "heads": 2, "layers": 3}
IMAGE = {"image_size": 32, "layers": 4, "width": 16, "head_width": 8, "patch_size": 8}
SQUARE = partial(open_clip, arch={"embed_dim": 20, "vision_cfg": IMAGE, "text_cfg": TEXT, "quick_gelu": True})
TALL = partial(tall_clip, clip=SQUARE, shape=(48, 16))


def maps(number: int, causal: bool = False) -> torch.Tensor:
    """Attention of two items in twelve blocks, averaged over heads."""
    scores = 6 * drawn((DEPTH, 2, TOKENS, TOKENS), number)
    later = torch.ones(TOKENS, TOKENS).triu(1).bool() & causal
    return scores.masked_fill(later, -torch.inf).softmax(-1)


def attention(kind: str, **changes) -> Attention:
    """Of images, whose class token stands first, or of texts."""
    found = maps(1) if kind == "image" else maps(2, causal=True)
    row = torch.zeros(2, dtype=torch.int64) if kind == "image" else END
    return Attention(row=row, depth=DEPTH, tokens=TOKENS, whole=dict(enumerate(found)), **changes)


def allowed(kind: str) -> torch.Tensor:
    """Patches, or words."""
    place = torch.arange(TOKENS)
    return ((place > 0) & ((place < END[:, None]) | (kind == "image"))).expand(2, -1)


def tokens(kind: str) -> torch.Tensor:
    return 2 * drawn((2, TOKENS, 6), 5 if kind == "image" else 6) - 1


def filled(module: nn.Module, gain: tuple[str, ...] = ()) -> nn.Module:
    """By the written rule, tensor by tensor in the order of the golden script; no counters."""
    named = [each for each in module.state_dict().items() if each[1].is_floating_point()]
    with torch.no_grad():
        for number, (name, each) in enumerate(named, start=1):
            fraction = drawn(tuple(each.shape), number)
            if each.ndim == 1:
                each.copy_(0.5 + fraction if name in gain else 0.4 * fraction - 0.2)
            else:
                each.copy_((2 * fraction - 1) * (3 / (each.numel() / each.shape[0])) ** 0.5)
    return module


def grab() -> Grab:
    return filled(Grab(6, out=8).double(), gain=("norm.weight", "norm.running_var")).eval()


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of eight images and of their texts."""
    return 2 * drawn((8, 6), 20) - 1, 2 * drawn((8, 6), 21) - 1


IDENTITY = {"pairs": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), "apart": torch.tensor([5, 0, 1, 3, 2, 6, 4, 7])}


class Zero(nn.Module):
    """A CLIP of no use but its sizes, for what stands on one."""

    def __init__(self, width: int, pieces: int):
        super().__init__()
        self.width, self.towers = width, nn.Module()
        self.towers.network = nn.Module()
        self.towers.network.vocab_size = pieces
