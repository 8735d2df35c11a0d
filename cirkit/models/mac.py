"""MAC: an answer in a few steps, each of which attends to the question, then to the image, and writes to a memory.

Hudson and Manning (ICLR 2018), "Compositional Attention Networks for Machine Reasoning", §3; the host of Tables 3a and
5 and Figures 3 to 7 of Cao et al. (2022), who exchange the alignment score of its control and read units.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import elu

from cirkit.attention.alignment import AlignmentScore, same
from cirkit.attention.blocks import softmax
from cirkit.attention.dropout import Dropout
from cirkit.encoders.bidirectional import lstm_states
from cirkit.encoders.parts import xavier
from cirkit.encoders.text import UNKNOWN, Vocabulary, final_states

Score = Callable[[int], AlignmentScore]
Base = Callable[[int], nn.Module]  # a width -> images to their parts (b, k, d) and which exist (b, k), None: all


class QuestionEncoder(nn.Module):
    """Questions to words (b, t, d), the mask (b, t), and a vector (b, d): an LSTM each way, half of the width each."""

    # released code: full stops, commas and semicolons are words

    def __init__(self, texts: Sequence[str], *, width: int, word_width: int = 300, dropout: float = 0.15):
        super().__init__()
        self.vocabulary = Vocabulary(texts)
        self.embedding = nn.Embedding(len(self.vocabulary), word_width, padding_idx=UNKNOWN)
        nn.init.uniform_(self.embedding.weight, -1, 1).data[UNKNOWN] = 0
        self.lstm = nn.LSTM(word_width, width // 2, batch_first=True, bidirectional=True)
        self.dropout, self.vector_dropout = Dropout(dropout), Dropout(0.08)
        for name, each in self.lstm.named_parameters():
            if "weight" in name:
                bound = (6 / (word_width + 5 * (width // 2))) ** 0.5  # Xavier, of inputs and states together
                nn.init.uniform_(each, -bound, bound)
            else:
                nn.init.zeros_(each)
                if "bias_ih" in name:
                    each.data.view(4, -1)[1] = 1  # the forget gate begins open

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"], Float[Tensor, "b d"]]:
        numbers, mask = self.vocabulary(texts)
        vectors = self.dropout(self.embedding(numbers.to(self.embedding.weight.device)))
        words, mask = lstm_states(self.lstm, vectors, mask), mask.to(vectors.device)
        return words, mask, self.vector_dropout(final_states(words, mask))


class Control(nn.Module):
    """What each step is about: the question as the step sees it is the query of an attention to the words, c1 to c3.

    The alignment's products of query and word are summed with learned weights (eq. 10 of Cao et al.). No step's control
    is an input of another's, so that all are found at once.
    """

    # paper: the previous control is an input, too; released configuration `args.txt`, which they ran: it is not

    def __init__(self, width: int, steps: int, alignment: Score):
        super().__init__()
        self.question = nn.Linear(width, width)
        self.steps = nn.ModuleList(nn.Linear(width, width) for _ in range(steps))
        self.alignment, self.total = alignment(width), nn.Linear(width, 1)

    def forward(
        self, question: Float[Tensor, "b d"], words: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]
    ) -> tuple[Float[Tensor, "b s d"], Float[Tensor, "b s t"]]:
        """The control of each step, and the weights of the words."""
        question = self.question(question).tanh()
        query = self.alignment.query(torch.stack([step(question) for step in self.steps], dim=1))  # (b, s, d)
        key = self.alignment.key(words)  # (b, t, d)
        if self.alignment.activation is same:  # the products need not be formed one by one
            total = (query * self.total.weight) @ key.mT + self.total.bias
        else:
            total = self.total(self.alignment.activation(query[:, :, None] * key[:, None]))[..., 0]
        weights = softmax(total, mask[:, None])
        return weights @ words, weights


class Read(nn.Module):
    """What a step finds in the image: parts together with the memory, then with the control as the query, r1 to r4."""

    def __init__(self, width: int, alignment: Score, dropout: float = 0.15):
        super().__init__()
        self.part, self.memory = nn.Linear(width, width), nn.Linear(width, width)
        self.join = nn.Sequential(nn.Linear(2 * width, width), nn.ELU(), nn.Linear(width, width))
        self.alignment, self.total = alignment(width), nn.Linear(width, 1)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        memory: Float[Tensor, "b d"],
        control: Float[Tensor, "b d"],
        parts: Float[Tensor, "b k d"],
        mask: Bool[Tensor, "b k"] | None,
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
        """What was found, and the weights of the parts; those that do not exist are left out of all that follows."""
        exist = parts.new_ones(parts.shape[:2], dtype=torch.bool) if mask is None else mask
        image = exist.nonzero()[:, 0]  # (n), of each part that exists
        part = self.part(self.dropout(parts[exist]))  # (n, d)
        memory, query = self.memory(self.dropout(memory)), self.alignment.query(control)  # (b, d)
        joint = self.join(torch.cat([part * memory.index_select(0, image), part], dim=1))
        products = elu(self.alignment.activation(query.index_select(0, image) * self.alignment.key(joint)))
        total = self.total(self.dropout(products))[:, 0]  # (n)
        weights = softmax(total.new_zeros(exist.shape).masked_scatter(exist, total), mask)
        return (weights[:, None] @ parts)[:, 0], weights


class MAC(nn.Module):
    """Logits over `answers` of questions about images, in `steps` steps with the same units.

    `image` makes the parts that the read unit attends to: `GridParts` of an image encoder, or `RegionParts`. `control`
    and `read` are the scores of the two units, queries being the question and the control. In the released code of
    Cao et al. the two change together, and the marks * and † name opposite sides in the control unit:
    `control=partial(swapped, of=score)` beside `read=score`.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        answers: Sequence[str],
        image: Base,
        control: Score,
        read: Score,
        width: int = 512,
        word_width: int = 300,
        steps: int = 4,
        dropout: float = 0.15,
    ):
        super().__init__()
        self.answers = tuple(answers)
        self.image = image(width)
        self.question = QuestionEncoder(texts, width=width, word_width=word_width, dropout=dropout)
        self.start = nn.Parameter(torch.randn(width))
        self.control, self.read = Control(width, steps, control), Read(width, read, dropout)
        self.write = nn.Linear(2 * width, width)
        self.asked = nn.Linear(width, width)
        self.classify = classifier(2 * width, width, len(self.answers), dropout)
        self.memory_dropout = Dropout(dropout)
        for part in (self.control, self.read, self.write, self.asked, self.classify):
            part.apply(xavier)

    def forward(self, images: object, questions: Sequence[str]) -> Float[Tensor, "b a"]:
        return self._think(images, questions)[0]

    @torch.no_grad()
    def answer(self, images: object, questions: Sequence[str]) -> list[str]:
        """The answer of the highest logit to each question; `images` as `image` reads them, one per question."""
        return best(self(images, questions), self.answers)

    @torch.no_grad()
    def attention(
        self, images: object, questions: Sequence[str]
    ) -> tuple[Float[Tensor, "b steps t"], Float[Tensor, "b steps k"]]:
        """The weights of words and of an image's parts at each step, as in Figures 3 to 7."""
        return self._think(images, questions)[1:]

    def _think(self, images: object, questions: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        parts, exist = self.image(images)
        words, mask, question = self.question(questions)
        memory = self.start.expand(len(question), -1)
        keep = self.memory_dropout(torch.ones_like(memory))  # one mask for all steps
        controls, to_words = self.control(question, words, mask)
        to_parts = []
        for control in controls.unbind(1):
            information, weights = self.read(keep * memory, control, parts, exist)
            to_parts.append(weights)
            memory = self.write(torch.cat([memory, information], dim=1))
        logits = self.classify(torch.cat([memory, self.asked(question)], dim=1))
        return logits, to_words, torch.stack(to_parts, 1)


class QuestionOnly(nn.Module):
    """The baseline that never sees the image: logits from the question's vector alone (Hudson and Manning's LSTM)."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        answers: Sequence[str],
        width: int = 512,
        word_width: int = 300,
        dropout: float = 0.15,
    ):
        super().__init__()
        self.answers = tuple(answers)
        self.question = QuestionEncoder(texts, width=width, word_width=word_width, dropout=dropout)
        self.classify = classifier(width, width, len(self.answers), dropout)
        self.classify.apply(xavier)

    def forward(self, images: object, questions: Sequence[str]) -> Float[Tensor, "b a"]:
        return self.classify(self.question(questions)[2])

    @torch.no_grad()
    def answer(self, images: object, questions: Sequence[str]) -> list[str]:
        """The answer of the highest logit to each question."""
        return best(self(images, questions), self.answers)


def classifier(width: int, hidden: int, answers: int, dropout: float) -> nn.Module:
    """Two layers, dropout before each."""
    return nn.Sequential(
        Dropout(dropout), nn.Linear(width, hidden), nn.ELU(), Dropout(dropout), nn.Linear(hidden, answers)
    )


def best(logits: Float[Tensor, "b a"], answers: Sequence[str]) -> list[str]:
    """The answer of each row's highest logit."""
    return [answers[number] for number in logits.argmax(1).tolist()]
