"""M4C: question, objects and words of an image in one Transformer, and an answer word by word, some of them copied.

Hu et al. (CVPR 2020), "Iterative Answer Prediction with Pointer-Augmented Multimodal Transformers for TextVQA", §3; the
host of Table 3b and Figures 8 to 11 of Cao et al. (2022), who exchange the alignment score of its Transformer.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.attention.dropout import Dropout
from cirkit.attention.post_norm import EPSILON, PostNormBlock, normal_start
from cirkit.encoders.read_images import ReadImages, everything
from cirkit.encoders.spelling import Spelling

MARKS = ("<pad>", "<s>", "</s>", "<unk>")  # answer words that no answer has, first in the fixed vocabulary
BEGIN, END = MARKS.index("<s>"), MARKS.index("</s>")
NEVER = -1e4  # the logit of a word that does not exist


def tidy(text: str) -> str:
    """A word or an answer as both are compared: lower case, no commas and question marks, 's a word of its own."""
    return text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()


class Entries(NamedTuple):
    """What the Transformer reads before it decodes: questions (t), objects (r) and words (w), in this order."""

    tokens: Float[Tensor, "b n d"]  # n = t + r + w
    mask: Bool[Tensor, "b n"]
    sizes: tuple[int, int, int]
    words: Float[Tensor, "b w d"]  # the last of the tokens, which an answer so far may consist of


class Attended(NamedTuple):
    """What the steps of an answer attend to, last block, mean over heads; which entries there are; and the answer."""

    question: Float[Tensor, "b s t"]
    objects: Float[Tensor, "b s r"]
    words: Float[Tensor, "b s w"]
    mask: Bool[Tensor, "b n"]  # n = t + r + w
    given: Int[Tensor, "b s"]


class PlacedVectors(nn.Module):
    """norm(W v) + norm(V box), §3.1: what something looks or reads like, and where it is."""

    def __init__(self, channels: int, width: int, *, norm: Callable[[int], nn.Module], dropout: float):
        super().__init__()
        self.vector, self.box = nn.Linear(channels, width), nn.Linear(4, width)
        self.norm_vector, self.norm_box = norm(width), norm(width)
        self.dropout = Dropout(dropout)

    def forward(self, vectors: Float[Tensor, "b r c"], boxes: Float[Tensor, "b r 4"]) -> Float[Tensor, "b r d"]:
        return self.dropout(self.norm_vector(self.vector(vectors)) + self.norm_box(self.box(boxes)))


class PreviousWords(nn.Module):
    """Answer words so far as inputs (§3.2): the classifier's own weights, or what the copied word is, and their place.

    Numbers below the size of the vocabulary are its words, the others the image's.
    """

    # released code: tables of a hundred places and five kinds, of which it reads the first ones

    def __init__(self, width: int, *, steps: int, dropout: float):
        super().__init__()
        self.places, self.kinds = nn.Embedding(steps, width), nn.Embedding(2, width)
        self.norm_known, self.norm_read, self.norm_place = (nn.LayerNorm(width, eps=EPSILON) for _ in range(3))
        self.dropout = Dropout(dropout)

    def forward(
        self, numbers: Int[Tensor, "b s"], known: Float[Tensor, "v d"], read: Float[Tensor, "b w d"]
    ) -> Float[Tensor, "b s d"]:
        copied = numbers >= len(known)  # (b, s)
        vectors = self.norm_known(known[numbers.masked_fill(copied, 0)])  # (b, s, d)
        if read.shape[1]:
            row = torch.arange(len(read), device=read.device)[:, None]
            vectors = torch.where(
                copied[..., None], self.norm_read(read[row, (numbers - len(known)).clamp(min=0)]), vectors
            )
        place = self.places.weight[: numbers.shape[1]] + self.kinds(copied.long())
        return vectors + self.dropout(self.norm_place(place))


class Pointer(nn.Module):
    """Logits of copying each word (§3.2): (W z + b) · (V o + c) / √d; words that do not exist get none."""

    # paper: the product alone; released code: over √d, which its tables come from, in either repository

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self, steps: Float[Tensor, "b s d"], words: Float[Tensor, "b w d"], mask: Bool[Tensor, "b w"]
    ) -> Float[Tensor, "b s w"]:
        scores = self.query(steps) @ self.key(words).mT / steps.shape[2] ** 0.5
        return scores.masked_fill(~mask[:, None], NEVER)


class M4C(nn.Module):
    """Logits over a fixed vocabulary and the words of each image, step by step.

    `answers` are the words of the vocabulary, or what gives them. `text` reads questions; `spelling` the words of
    images, `ReadImages` whose vectors have `channels` numbers; `view` says what of an image the model gets. Rows of
    Table 3b differ in `alignment`, the score of each head of each block, alone.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        answers: Sequence[str] | Callable[[], Sequence[str]],
        text: Callable[[Sequence[str]], nn.Module],
        alignment: Callable[[int], nn.Module],
        spelling: Callable[[], Spelling] = Spelling,
        view: Callable[[ReadImages], ReadImages] = everything,
        channels: int = 2048,
        width: int = 768,
        blocks: int = 4,
        heads: int = 12,
        hidden: int = 3072,
        steps: int = 12,
        dropout: float = 0.1,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,  # of objects and words; Cao et al.: eps 1e-12 here, too
        std: float = 0.02,
    ):
        super().__init__()
        known = tuple(answers() if callable(answers) else answers)
        if callable(answers):  # a checkpoint keeps the words
            self.stand_in = getattr(answers, "func", answers), known
        self.answers = (*MARKS, *known)
        self.number = {word: place for place, word in enumerate(self.answers)}
        self.view, self.spelling, self.steps = view, spelling(), steps
        self.text = text(texts)
        self.question = nn.Identity() if self.text.width == width else nn.Linear(self.text.width, width)
        self.objects = PlacedVectors(channels, width, norm=norm, dropout=dropout)
        # released code: fifty zeros more, which are of an older model
        self.words = PlacedVectors(self.spelling.width + channels, width, norm=norm, dropout=dropout)
        self.previous = normal_start(PreviousWords(width, steps=steps, dropout=dropout), std)
        self.blocks = nn.ModuleList(
            normal_start(PostNormBlock(width, heads=heads, hidden=hidden, alignment=alignment, dropout=dropout), std)
            for _ in range(blocks)
        )
        self.classify, self.point = nn.Linear(width, len(self.answers)), Pointer(width)

    def forward(
        self, images: ReadImages, questions: Sequence[str], previous: Int[Tensor, "b s"]
    ) -> Float[Tensor, "b s v_plus_w"]:
        """Of each step, given the words before it: the first of `previous` is BEGIN."""
        return self.decode(self.entries(images, questions), previous)

    def read(self, images: ReadImages) -> list[tuple[str, ...]]:
        """The words that can be copied from each image, in the order of the last logits."""
        return [tuple(map(tidy, line)) for line in self.view(images).words]

    def entries(self, images: ReadImages, questions: Sequence[str]) -> Entries:
        """The inputs of the Transformer, all but the steps."""
        images = self.view(images).to(self.classify.weight.device)
        tokens, exist = self.text(questions)
        objects = self.objects(normalize(images.objects.vectors, dim=2), images.objects.boxes)
        spelled = images.looks.new_zeros(*images.mask.shape, self.spelling.width)
        spelled[images.mask] = self.spelling([tidy(word) for line in images.words for word in line]).to(spelled)
        words = self.words(torch.cat([spelled, normalize(images.looks, dim=2)], dim=2), images.boxes)
        tokens = torch.cat([self.question(tokens), objects, words], dim=1)  # (b, n, d)
        mask = torch.cat([exist, images.objects.mask, images.mask], dim=1)
        return Entries(tokens, mask, (exist.shape[1], objects.shape[1], words.shape[1]), words)

    def decode(self, entries: Entries, previous: Int[Tensor, "b s"]) -> Float[Tensor, "b s v_plus_w"]:
        """The logits of each step; no entry sees a step, and no step a later one."""
        tokens, allowed = self._sequence(entries, previous)
        for block in self.blocks:
            tokens = block(tokens, allowed)
        (n, w), steps = (entries.tokens.shape[1], entries.sizes[2]), tokens[:, -previous.shape[1] :]
        copy = self.point(steps, tokens[:, n - w : n], entries.mask[:, n - w :])
        return torch.cat([self.classify(steps), copy], dim=2)

    @torch.no_grad()
    def greedy(self, images: ReadImages, questions: Sequence[str]) -> Int[Tensor, "b s"]:
        """The numbers of the answers' words: the most probable after those before it, till all have ended."""
        return self._greedy(self.entries(images, questions))

    @torch.no_grad()
    def answer(self, images: ReadImages, questions: Sequence[str]) -> list[str]:
        """The words before the first END, together."""
        numbers, read = self.greedy(images, questions).tolist(), self.read(images)
        return [self.spoken(line, words) for line, words in zip(numbers, read, strict=True)]

    def spoken(self, numbers: Sequence[int], read: Sequence[str]) -> str:
        """An answer from its numbers and the words of its image."""
        known = len(self.answers)
        numbers = numbers[: numbers.index(END)] if END in numbers else numbers
        words = [read[number - known] if number >= known else self.answers[number] for number in numbers]
        return " ".join(words).replace(" 's", "'s")

    @torch.no_grad()
    def attention(self, images: ReadImages, questions: Sequence[str]) -> Attended:
        """What the steps of the greedy answers attend to, as in Figures 8 to 11."""
        # paper: "attention weights", of no named layer, head or step; here the last block's, mean over heads
        entries = self.entries(images, questions)
        given = self._greedy(entries)
        begin = torch.full_like(given[:, :1], BEGIN)
        tokens, allowed = self._sequence(entries, torch.cat([begin, given[:, :-1]], dim=1))
        for block in self.blocks[:-1]:
            tokens = block(tokens, allowed)
        weights = self.blocks[-1].attention(tokens, allowed).mean(1)[:, -given.shape[1] :]  # (b, s, n + s)
        parts = weights[..., : entries.tokens.shape[1]].split(entries.sizes, dim=2)
        return Attended(*parts, entries.mask, given)

    def _greedy(self, entries: Entries) -> Int[Tensor, "b s"]:
        numbers = torch.full((len(entries.tokens), 1), BEGIN, device=entries.tokens.device)
        for _ in range(self.steps):
            chosen = self.decode(entries, numbers)[:, -1:].argmax(2)  # (b, 1)
            numbers = torch.cat([numbers, chosen], dim=1)
            if (numbers == END).any(1).all():
                break
        return numbers[:, 1:]

    def _sequence(
        self, entries: Entries, previous: Int[Tensor, "b s"]
    ) -> tuple[Float[Tensor, "b m d"], Bool[Tensor, "b m m"]]:
        """Entries and steps in one, and which may see which."""
        steps = self.previous(previous, self.classify.weight, entries.words)
        tokens = torch.cat([entries.tokens, steps], dim=1)
        (b, n), s = entries.mask.shape, previous.shape[1]
        allowed = torch.zeros(b, n + s, n + s, dtype=torch.bool, device=tokens.device)
        allowed[:, :, :n] = entries.mask[:, None]
        allowed[:, n:, n:] = torch.ones(s, s, dtype=torch.bool, device=tokens.device).tril()
        return tokens, allowed
