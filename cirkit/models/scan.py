"""SCAN: captions and images as sets of words and regions, a caption's words beside what each attends to in the image.

Lee et al. (ECCV 2018), "Stacked Cross Attention for Image-Text Matching", §3; the host of Table 2 and Figures 1, 2 and
12 to 15 of Cao et al. (2022), who exchange its alignment score.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.attention.cross_attention import CrossAttention, Tokens
from cirkit.encoders.bidirectional import gru_states
from cirkit.encoders.text import Vocabulary
from cirkit.errors import Problem
from cirkit.query import Query
from cirkit.regions import Regions

Sets = tuple[Tensor, Tensor, Tensor]  # tokens (b, t, d), mask (b, t), whether each set is a text (b)
Direction = Callable[[CrossAttention, Tokens, Tokens], Float[Tensor, "texts images"]]


def text_to_image(attention: CrossAttention, words: Tokens, regions: Tokens) -> Float[Tensor, "texts images"]:
    """Each word attends to regions, the direction of Cao et al. (2022); softmax temperature 9."""
    return attention(words, regions)


def image_to_text(attention: CrossAttention, words: Tokens, regions: Tokens) -> Float[Tensor, "texts images"]:
    """Each region attends to words; temperature 4, and 5 or 20 for the sharpness of log-sum-exp (Flickr30k, COCO)."""
    return attention(regions, words).mT


class CaptionEncoder(nn.Module):
    """Captions to tokens (b, t, width) and the mask (b, t): word embeddings, a GRU each way, their average (§3.3)."""

    # released code: `<start>` and `<end>` are words of every caption, and words said fewer than four times are unknown

    def __init__(self, texts: Sequence[str], *, width: int = 1024, word_width: int = 300):
        super().__init__()
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = nn.Embedding(len(self.vocabulary), word_width)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.gru = nn.GRU(word_width, width, batch_first=True, bidirectional=True)

    def forward(self, texts: Sequence[str]) -> Tokens:
        numbers, mask = self.vocabulary(texts)
        device = self.embedding.weight.device
        states = gru_states(self.gru, self.embedding(numbers.to(device)), mask)  # (b, t, 2d)
        return states.unflatten(2, (2, -1)).mean(2), mask.to(device)


class SCAN(nn.Module):
    """Similarities of captions and images: cosines of words with what they attend to among the regions, pooled.

    Images come as `Regions` of vectors of `channels` numbers; words and projected regions have length one. A query is a
    caption or an image, and a gallery is of images or of captions. Rows of Table 2 differ in the alignment of
    `attention`; with `norm=released_layout` inside it, four of them are what the released code computes.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        channels: int = 2048,
        text: Callable[[Sequence[str]], nn.Module] = CaptionEncoder,
        attention: Callable[[int], CrossAttention],
        direction: Direction = text_to_image,
    ):
        super().__init__()
        self.text = text(texts)
        self.project = nn.Linear(channels, self.text.width)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        self.attention = attention(self.text.width)
        self.direction = direction

    def encode(self, items: Regions | Sequence[str]) -> Sets:
        if isinstance(items, Regions):
            regions = items.to(self.project.weight.device)
            vectors, mask = self.project(regions.vectors), regions.mask
        else:
            vectors, mask = self.text(items)
        vectors = normalize(vectors, dim=2) * mask[..., None]
        return vectors, mask, mask.new_full((len(mask),), not isinstance(items, Regions))

    def compose(self, query: Query) -> Sets:
        if (query.image is None) == (query.text is None):
            raise Problem("SCAN matches an image or a text, not both together. Give the query one of them.")
        return self.encode(query.text if query.image is None else query.image)

    def score(self, composed: Sets, gallery: Sets) -> Float[Tensor, "q n"]:
        """Raises Problem where both sides are images, or both texts."""
        if composed[2][0] == gallery[2][0]:
            raise Problem("SCAN compares texts with images. Search images by a text, or texts by an image.")
        if composed[2][0]:
            return self.direction(self.attention, composed[:2], gallery[:2])
        return self.direction(self.attention, gallery[:2], composed[:2]).mT
