"""DAMSM: captions and images as words beside sub-regions and as one vector each, and how well the two agree.

Xu et al. (CVPR 2018), "AttnGAN", §3.2; Cao et al. (2022) keep it as it is, so its own attention is a dot product in
every row of their Table 4.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from cirkit.encoders.bidirectional import lstm_states
from cirkit.encoders.image import Trunk
from cirkit.encoders.text import Vocabulary, final_states
from cirkit.errors import Problem
from cirkit.query import Query

CACHE = 1 << 20  # numbers of a chunk of scores
LEAST = 1e-8  # product of two lengths, in the cosine
Words = tuple[Tensor, Tensor, Tensor]  # words (b, t, d), which of them exist (b, t), and the sentence (b, d)
Views = tuple[Tensor, Tensor]  # sub-regions (b, r, d) and the whole image (b, d)


class WordEncoder(nn.Module):
    """Captions to words and a sentence, what both ways end with: an LSTM each way, half of the width each."""

    # released code: of a longer caption 18 words drawn at random; here all of them

    def __init__(self, texts: Sequence[str], *, width: int = 256, word_width: int = 300, dropout: float = 0.5):
        super().__init__()
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = nn.Embedding(len(self.vocabulary), word_width)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(word_width, width // 2, batch_first=True, bidirectional=True)

    def forward(self, texts: Sequence[str]) -> Words:
        numbers, mask = self.vocabulary(texts)
        vectors = self.dropout(self.embedding(numbers.to(self.embedding.weight.device)))
        words, mask = lstm_states(self.lstm, vectors, mask), mask.to(vectors.device)
        return words, mask, final_states(words, mask)


class SmallViews(nn.Module):
    """A small residual network for images of 32 or 64 pixels: the places of its last map but one, the last averaged."""

    def __init__(self, width: int, *, widths: Sequence[int] = (32, 64, 96)):
        super().__init__()
        self.trunk = Trunk(widths, (1, *(2 for _ in widths[1:])))
        self.regions = nn.Conv2d(widths[-2], width, 1, bias=False)
        self.whole = nn.Linear(widths[-1], width)

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Views:
        *_, fine, coarse = self.trunk(pixels)
        return self.regions(fine).flatten(2).mT, self.whole(coarse.mean((2, 3)))


class InceptionViews(nn.Module):
    """Inception-v3 of ImageNet, frozen: 289 sub-regions of Mixed_6e and the average of Mixed_7c, each projected.

    Only the two projections learn; with `pretrained` the weights are timm's copy of torchvision's.
    """

    # released code: the frozen network runs in training mode while DAMSM learns; here in evaluation mode throughout

    def __init__(self, width: int, *, pretrained: bool = True, name: str = "inception_v3.tv_in1k"):
        from cirkit.compat import ensure_torchvision

        ensure_torchvision()
        import timm

        super().__init__()
        self.trunk = timm.create_model(name, pretrained=pretrained, features_only=True, out_indices=(3, 4))
        self.trunk.requires_grad_(False).eval()
        fine, coarse = self.trunk.feature_info.channels()
        self.regions = nn.Conv2d(fine, width, 1, bias=False)
        self.whole = nn.Linear(coarse, width)
        nn.init.uniform_(self.regions.weight, -0.1, 0.1)
        nn.init.uniform_(self.whole.weight, -0.1, 0.1)

    def train(self, mode: bool = True) -> "InceptionViews":
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Views:
        # released code of torch below 0.4: corners aligned
        fine, coarse = self.trunk(interpolate(pixels, (299, 299), mode="bilinear", align_corners=False))
        return self.regions(fine).flatten(2).mT, self.whole(coarse.mean((2, 3)))


def word_scores(
    regions: Float[Tensor, "n r d"],
    words: Float[Tensor, "c t d"],
    mask: Bool[Tensor, "c t"],
    *,
    attend: float = 4.0,
    pool: float = 5.0,
) -> Float[Tensor, "n c"]:
    """Images by captions, eq. 7 to 10: each word beside what it attends to among the sub-regions, pooled over words.

    `attend` is the paper's γ1 and `pool` its γ2. All captions at once, in chunks of images whose scores stay in a
    processor's cache; words that do not exist are not computed.
    """
    lengths, own = mask.sum(1).tolist(), words[mask]  # (w, d), the words of all captions
    chunk = max(1, CACHE // (len(own) * regions.shape[1]))
    cosines = torch.cat([_word_cosines(part, own, lengths, attend) for part in regions.split(chunk)])  # (n, w)
    spread = cosines.new_full((len(regions), mask.numel()), -torch.inf)
    spread[:, mask.flatten()] = pool * cosines
    # paper (eq. 10): the 1/γ2-th power of the sum of exponentials; released code: the sum itself, as here
    return spread.unflatten(1, mask.shape).logsumexp(2)


def _word_cosines(
    regions: Float[Tensor, "n r d"], own: Float[Tensor, "w d"], lengths: Sequence[int], attend: float
) -> Float[Tensor, "n w"]:
    """Of each word with what it attends to in each image."""
    scores = own @ regions.flatten(0, 1).mT  # (w, n r)
    by_word = torch.cat([caption.softmax(0) for caption in scores.split(lengths)])  # eq. 8, over a caption's words
    weights = by_word.mul_(attend).unflatten(1, regions.shape[:2]).softmax(2)  # (w, n, r), eq. 9
    context = weights.transpose(0, 1) @ regions  # (n, w, d)
    length = context.norm(dim=2) * own.norm(dim=1)
    return (context * own).sum(2) / length.clamp(min=LEAST)


class DAMSM(nn.Module):
    """The word encoder and the image encoder, and their agreement; as a retriever, the cosine of sentence and image.

    `image` makes sub-regions and a vector of pixels from -1 to 1, of the width of `text`.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        text: Callable[[Sequence[str]], nn.Module] = WordEncoder,
        image: Callable[[int], nn.Module] = SmallViews,
    ):
        super().__init__()
        self.text = text(texts)
        self.image = image(self.text.width)

    def encode(self, items: UInt8[Tensor, "b 3 h w"] | Sequence[str]) -> Float[Tensor, "b d"]:
        if isinstance(items, Tensor):
            vectors = self.image(to_pixels(items, next(self.image.parameters()).dtype))[1]
        else:
            vectors = self.text(items)[2]
        return normalize(vectors, dim=1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if (query.image is None) == (query.text is None):
            raise Problem("DAMSM matches an image or a text, not both together. Give the query one of them.")
        return self.encode(query.text if query.image is None else query.image)

    def score(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        """The cosine, by which R-precision ranks (§4)."""
        return composed @ gallery.mT


def to_pixels(images: UInt8[Tensor, "b 3 h w"], dtype: torch.dtype = torch.float32) -> Float[Tensor, "b 3 h w"]:
    """Levels of brightness as numbers from -1 to 1, which painters paint in."""
    return images.to(dtype) / 127.5 - 1


def to_images(pixels: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """And back, as the released code writes its files: cut to whole levels."""
    return ((pixels + 1) * 127.5).clamp(0, 255).to(torch.uint8)
