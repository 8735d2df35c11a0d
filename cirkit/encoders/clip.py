"""CLIP: an image tower and a text tower with one joint space, from open_clip or from transformers.

Radford et al. (2021). PVLF §4 reads its tokens, CompoDiff §4 its vectors and tokens; Pic2Word, SEARLE and LinCIR put
vectors of their own in place of a word.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from cirkit.declare import describe
from cirkit.encoders import open_clip_towers, transformers_towers
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.errors import Problem

PLACEHOLDER = "$"
ALONE = re.compile(rf"(?<!\S){re.escape(PLACEHOLDER)}(?!\S)")


@runtime_checkable
class Clip(Protocol):
    """Both towers of a CLIP, its preprocessing inside; an nn.Module.

    `width` d is that of the joint space, `word_width` c of the text tower's word embeddings, `channels` e of the image
    tower's tokens before their projection.
    """

    width: int
    word_width: int
    channels: int

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]: ...
    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b p e"]: ...
    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]: ...
    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]: ...
    def text_with(self, texts: Sequence[str], words: Float[Tensor, "b k c"]) -> Float[Tensor, "b d"]: ...
    def word_embeddings(self, texts: Sequence[str]) -> Float[Tensor, "b t c"]: ...


class Towers(Protocol):
    """What a library's CLIP is read by; an nn.Module. A part that it does not have raises Problem when it is used."""

    width: int
    word_width: int
    channels: int
    size: int  # side of the pixels
    context: int  # positions of the text tower
    start: int  # pieces: before a text, after it, and what follows
    end: int
    padding: int

    def image(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]: ...
    def image_tokens(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b p e"]: ...
    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]: ...  # what the class token goes through
    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]: ...
    def encode(self, text: str) -> list[int]: ...  # its pieces, however many
    def embed(self, pieces: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]: ...
    def read(self, words: Float[Tensor, "b t c"]) -> Float[Tensor, "b t d"]: ...  # positions, blocks, norm, projection

    @property
    def image_blocks(self) -> nn.ModuleList: ...  # of a Transformer: each reads (b, p, e)

    @property
    def text_blocks(self) -> nn.ModuleList: ...  # each reads (b, t, c)


class TwoTowers(nn.Module):
    """A `Clip` from a library's `Towers`.

    The state has the preprocessing beside the weights, so that weights that were trained with another one are refused
    with a Problem where they are loaded, and features that were computed with another one have another digest.
    """

    def __init__(self, towers: nn.Module, preprocessing: Preprocessing):
        super().__init__()
        self.towers, self.preprocessing = towers, preprocessing
        if preprocessing.size != towers.size:
            raise Problem(
                f"The network reads images of {towers.size} pixels, the preprocessing gives {preprocessing.size}. "
                "Give the network's own size."
            )

    @property
    def width(self) -> int:
        return self.towers.width

    @property
    def word_width(self) -> int:
        return self.towers.word_width

    @property
    def channels(self) -> int:
        return self.towers.channels

    @property
    def device(self) -> torch.device:
        """Where the weights are, and so where images are wanted."""
        return next(self.parameters()).device

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Pooled and projected, not normalised."""
        return self.towers.image(self.preprocessing(images))

    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b p e"]:
        """All tokens after the last block and norm, unprojected: the class token and the patches, or a ResNet's map."""
        return self.towers.image_tokens(self.preprocessing(images))

    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]:
        """Image tokens into the joint space, each as the class token is. Raises Problem for a ResNet."""
        return self.towers.project(tokens)

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        """Pooled and projected, not normalised; texts are cut after the tower's context."""
        return self.towers.text(texts)

    def text_tokens(
        self, texts: Sequence[str], prefix: Float[Tensor, "k c"] | None = None
    ) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        """Every position through the final norm and projection, and which are words, from start to end token.

        The word embeddings of a `prefix` stand after the start token of every text. Raises Problem where they leave no
        room for a text.
        """
        k = 0 if prefix is None else len(prefix)
        pieces, mask = self._pieces(texts, k)
        words = self.towers.embed(pieces)
        if prefix is not None:
            words = torch.cat([words[:, :1], prefix.expand(len(words), -1, -1), words[:, 1:]], dim=1)  # (b, t, c)
            mask = torch.cat([mask.new_ones(len(mask), k), mask], dim=1)
        return self.towers.read(words), mask

    def text_position(self, mask: Bool[Tensor, "b t"]) -> Int[Tensor, " b"]:
        """Which of a text's tokens is its vector: that of its end."""
        return mask.sum(1) - 1

    def word_embeddings(self, texts: Sequence[str]) -> Float[Tensor, "b t c"]:
        """What the text tower reads, before positions are added."""
        return self.towers.embed(self._pieces(texts)[0])

    def text_with(self, texts: Sequence[str], words: Float[Tensor, "b k c"]) -> Float[Tensor, "b d"]:
        """The texts' vectors with `words` in place of each "$" between spaces; cut from the right, the end token kept.

        Raises Problem where a text has no "$" that stands alone, or no room for the words of its first.
        """
        k, last = words.shape[1], self.towers.context - 1
        rows, orders = [], []  # of each text: its pieces, and their places with the words', counted from the back
        for text in texts:
            row, order = [self.towers.start], [0]
            for number, part in enumerate(ALONE.split(text)):
                order += [] if number == 0 else range(-k, 0)
                for piece in self.towers.encode(part):
                    order.append(len(row))
                    row.append(piece)
            if -k not in order:
                raise Problem(f"{text!r} has no {PLACEHOLDER!r} of its own. Write it once, between spaces.")
            if order.index(-k) + k > last:
                raise Problem(f"No room is left for {k} words in {text!r}. Put {PLACEHOLDER!r} further to the front.")
            orders.append([*order[:last], len(row)])
            rows.append([*row, self.towers.end])
        table = torch.cat([self.towers.embed(self._pad(rows, max(map(len, rows)))), words], dim=1)  # (b, n + k, c)
        index = self._pad(orders, max(map(len, orders))) % table.shape[1]  # (b, t); nothing sees what follows the end
        read = self.towers.read(table.gather(1, index[..., None].expand(-1, -1, table.shape[2])))  # (b, t, d)
        return read[torch.arange(len(rows)), [len(order) - 1 for order in orders]]

    def _pieces(self, texts: Sequence[str], taken: int = 0) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
        """Pieces over the context but what is `taken`, cut from the right, the end kept, and which are not padding."""
        towers, last = self.towers, self.towers.context - 1 - taken
        if last < 2:
            raise Problem(f"{taken} words leave no room for a text among {towers.context}. Give fewer.")
        rows = [[*[towers.start, *towers.encode(text)][:last], towers.end] for text in texts]
        length = torch.tensor([len(row) for row in rows], device=self.device)
        return self._pad(rows, last + 1), torch.arange(last + 1, device=self.device) < length[:, None]

    def _pad(self, rows: Sequence[Sequence[int]], length: int) -> Int[Tensor, "b _"]:
        filled = [[*row, *[self.towers.padding] * (length - len(row))] for row in rows]
        return torch.tensor(filled, device=self.device)

    def get_extra_state(self) -> UInt8[Tensor, " n"]:
        """The preprocessing, as a state of tensors can hold it."""
        plain = json.dumps(describe(self.preprocessing), sort_keys=True)
        return torch.tensor(list(plain.encode()), dtype=torch.uint8, device="cpu")

    def set_extra_state(self, state: UInt8[Tensor, " n"]) -> None:
        """Raises Problem where the weights that are loaded were trained with another preprocessing."""
        own, other = self.get_extra_state(), state.cpu()
        if not torch.equal(own, other):
            raise Problem(
                f"The weights read images prepared by {_plain(other)}, this encoder by {_plain(own)}. "
                "Give it the preprocessing of its weights."
            )


def open_clip(
    *,
    arch: str | Mapping[str, Any],
    pretrained: str | Literal[False] | None = None,
    preprocessing: Preprocessing | None = None,
) -> TwoTowers:
    """open_clip's `arch` with the weights `pretrained`: a tag that open_clip lists, or a local file; else random ones.

    `arch` is a name, in open_clip's or the papers' spelling (ViT-B/32, ViT-G/14), or open_clip's own description of an
    architecture: embed_dim, vision_cfg, text_cfg, quick_gelu. Without `preprocessing` it is that of the tag; a file
    carries none, so the architecture's is taken. Raises Problem for an architecture or a tag that open_clip does not
    know, a file that does not fit or holds more than tensors, weights that cannot be downloaded, a QuickGELU mismatch,
    and a preprocessing of another size than the network's.
    """
    clip = TwoTowers(*open_clip_towers.load(arch, pretrained or None, preprocessing))
    clip.stand_in = open_clip, partial(open_clip, arch=arch, preprocessing=clip.preprocessing)
    return clip


def transformers_clip(*, source: Path | str, preprocessing: Preprocessing | None = None) -> TwoTowers:
    """The CLIPModel of `source`: a local folder, or a name on the hub, such as "openai/clip-vit-large-patch14".

    A folder holds config.json, model.safetensors and the tokenizer's files, and nothing that can run code is read.
    Without `preprocessing` it is that of preprocessor_config.json. Raises Problem where the source cannot be read or
    is not a whole CLIP.
    """
    clip = TwoTowers(*transformers_towers.load(source, preprocessing))
    layout = clip.towers.layout()
    clip.stand_in = transformers_clip, partial(blank_clip, layout=layout, preprocessing=clip.preprocessing)
    return clip


def blank_clip(*, layout: transformers_towers.ClipLayout, preprocessing: Preprocessing) -> TwoTowers:
    """`transformers_clip` before its weights are put in; what a checkpoint describes in place of a source."""
    return TwoTowers(transformers_towers.blank(layout), preprocessing)


def _plain(state: Tensor) -> str:
    """A preprocessing out of a state, which may be anybody's."""
    return bytes(state.to(torch.uint8).flatten().tolist()).decode(errors="replace")[:300]
