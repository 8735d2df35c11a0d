"""What a model of language can know before it sees a picture: a corpus, word vectors and a small BERT learnt from it.

Stands in for GloVe and for BERT's weights in MAAF §3.2.3 and Table 5. The sentences are of the kind that FashionIQ's
world has, about other garments; so, unlike the paper's, this knowledge is from the domain of the queries.
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.worlds import publish as publishing
from cirkit.worlds.fashion_language import captions, remarks
from cirkit.worlds.garments import KINDS, change, sample

VERSION = 1  # of both: raise it when the same Size would give other bytes
VECTORS = "vectors.txt"
STREAM = 2007_00145  # sets these garments apart from those that the FashionIQ world draws from the same seed
PAD, UNKNOWN, CLASS, SEPARATOR, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

Document = tuple[str, ...]  # what people say of one pair of garments, each a caption


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides the corpus, the vectors and the network."""

    documents: int
    seed: int = 0
    people: int = 4  # captions of a document; an even number
    least: int = 3  # a rarer word has no vector, and is spelt in BERT's pieces
    dimension: int = 32  # of the word vectors
    window: int = 5  # words to either side that count as neighbours
    layers: int = 2
    width: int = 64
    heads: int = 2
    hidden: int = 128
    positions: int = 128  # the longest text, in pieces
    steps: int
    batch: int = 64
    rate: float = 5e-3  # the highest, after a tenth of the steps


SIZES = {
    "smoke": Size(documents=300, dimension=16, steps=30, batch=16),
    "cpu": Size(documents=12_000, steps=2000),
    "gpu": Size(documents=60_000, dimension=100, layers=4, width=256, heads=4, hidden=1024, steps=20_000, batch=256),
}


def corpus(size: Size, part: int = 0) -> Iterator[Document]:
    """The documents of this size, one by one; another `part` is as many on other garments, held out."""
    rng, made = np.random.default_rng([size.seed, STREAM, part]), 0
    while made < size.documents:
        one = sample(rng, KINDS[made % len(KINDS)])
        other = change(rng, one, int(rng.integers(1, 4)))
        if remarks(one, other):
            said = [caption.strip() for _ in range(0, size.people, 2) for caption in captions(rng, one, other)]
            yield tuple(caption for caption in said if caption)
            made += 1


def tokens(text: str) -> list[str]:
    """Words in lower case, hyphens inside them kept: `a V-neck.` -> a, v-neck."""
    return re.findall(r"[a-z0-9]+(?:[-'][a-z0-9]+)*", text.lower())


def cooccurrence(documents: Sequence[Sequence[str]], words: Sequence[str], window: int) -> Float[np.ndarray, "v v"]:
    """How often two words stand near one another; a neighbour at distance n counts 1/n, as in GloVe §4.2."""
    row = {word: i for i, word in enumerate(words)}
    counts = np.zeros((len(words), len(words)))
    for document in documents:
        known = np.array([row.get(word, -1) for word in document])
        for distance in range(1, min(window, len(known) - 1) + 1):
            left, right = known[:-distance], known[distance:]
            both = (left >= 0) & (right >= 0)
            np.add.at(counts, (left[both], right[both]), 1 / distance)
    return counts + counts.T


def positive_information(counts: Float[np.ndarray, "v v"]) -> Float[np.ndarray, "v v"]:
    """max(0, log p(a, b) / p(a) p(b)), pointwise; 0 for words never seen together."""
    alone = counts.sum(1)  # (v)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts * counts.sum() / np.outer(alone, alone))
    return np.maximum(np.nan_to_num(information, nan=0.0, neginf=0.0), 0.0)


def factors(matrix: Float[np.ndarray, "v v"], dimension: int) -> Float[np.ndarray, "v d"]:
    """U √Σ of the largest singular values: the best sum of `dimension` products, shared between words and contexts.

    Levy and Goldberg (2014) §3.3. GloVe weighs the counts in its least squares; this does not, hence a stand-in.
    """
    left, values, _ = np.linalg.svd(matrix, hermitian=True)
    return left[:, :dimension] * np.sqrt(values[:dimension])


def vocabulary(documents: Sequence[Sequence[str]], least: int) -> list[str]:
    """Words said at least so often, frequent ones first, equally frequent ones by the alphabet."""
    counted = Counter(word for document in documents for word in document)
    return sorted((word for word, count in counted.items() if count >= least), key=lambda word: (-counted[word], word))


def pieces(documents: Sequence[Sequence[str]], least: int) -> list[str]:
    """A WordPiece vocabulary: BERT's special tokens, every character alone and inside a word, and frequent words.

    Pieces between the two are left out: the trainer of `tokenizers` breaks ties by a hash that differs between runs.
    """
    characters = [*CHARACTERS, *(f"##{each}" for each in CHARACTERS), "-", ".", "'"]
    parted = [[part for word in document for part in re.split("[-']", word)] for document in documents]  # as BERT does
    words = [word for word in vocabulary(parted, least) if len(word) > 1]
    return [*SPECIAL, *characters, *words]


def masked(
    numbers: Int[Tensor, "b t"], open_: Bool[Tensor, "b t"], count: int, generator: torch.Generator
) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """BERT's task: 15 % of the pieces are asked for; of these 80 % are masked, 10 % replaced, 10 % left.

    Devlin et al. (2019) §3.1. `open_` says which may be asked for, `count` how many pieces there are.
    """
    chance = torch.rand(numbers.shape, generator=generator)
    asked = open_ & (chance < 0.15)
    fate = torch.rand(numbers.shape, generator=generator)
    other = torch.randint(len(SPECIAL), count, numbers.shape, generator=generator)
    shown = torch.where(asked & (fate < 0.8), SPECIAL.index(MASK), numbers)
    return torch.where(asked & (fate >= 0.9), other, shown), asked


def vectors_file(size: Size, home: Path | None = None) -> Path:
    """The word vectors of this size in GloVe's text format, `word v1 ... vd` a line; learnt now if not there yet."""
    manifest = _manifest("word-vectors", size)
    return (
        publishing.once(publishing.folder_of(manifest, home), manifest, lambda at: _write_vectors(at, size)) / VECTORS
    )


def bert_folder(size: Size, home: Path | None = None) -> Path:
    """The small BERT of this size in the format of transformers; trained now if it is not there yet.

    config.json, model.safetensors and vocab.txt, with the head for masked words.
    """
    manifest = _manifest("bert", size)
    return publishing.once(publishing.folder_of(manifest, home), manifest, lambda folder: _write_bert(folder, size))


def _manifest(world: str, size: Size) -> dict[str, Any]:
    return {"world": world, "version": VERSION, "size": dataclasses.asdict(size)}


def _split(documents: Iterable[Document]) -> list[list[str]]:
    return [[word for caption in document for word in tokens(caption)] for document in documents]


def _write_vectors(folder: Path, size: Size) -> None:
    documents = _split(corpus(size))
    words = vocabulary(documents, size.least)
    table = factors(positive_information(cooccurrence(documents, words, size.window)), size.dimension)
    lines = (" ".join([word, *(f"{value:.5f}" for value in row)]) for word, row in zip(words, table, strict=True))
    (folder / VECTORS).write_text("\n".join(lines) + "\n")


def _write_bert(folder: Path, size: Size) -> None:
    ensure_torchvision()
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    documents = list(corpus(size))
    vocabulary = pieces(_split(documents), size.least)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}) + "\n")
    config = BertConfig(
        architectures=["BertForMaskedLM"],
        vocab_size=len(vocabulary),
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.hidden,
        max_position_embeddings=size.positions,
        initializer_range=0.02 * (768 / size.width) ** 0.5,  # BERT's own at BERT's own width
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(size.seed)
        model = BertForMaskedLM(config)
        _learn(model, BertTokenizer.from_pretrained(folder), documents, size)
    config.to_json_file(folder / "config.json")
    save_file(dict(model.named_parameters()), folder / "model.safetensors", metadata={"format": "pt"})


def _learn(model: nn.Module, tokenizer: Any, documents: Sequence[Document], size: Size) -> None:
    """Masked words of one to all captions of a document, so that short and long texts are both known.

    The texts of a batch have as many captions each, which leaves little to pad. Without dropout, which a network as
    small as this does not need: it is for those who tune it further.
    """
    rng = np.random.default_rng([size.seed, STREAM + 1])
    known = [[tokenizer.encode(caption, add_special_tokens=False) for caption in each] for each in documents]
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    generator = torch.Generator().manual_seed(size.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=size.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, size.rate, total_steps=size.steps, pct_start=0.1)
    model.eval()
    for _ in range(size.steps):
        rows, count = rng.integers(len(known), size=size.batch), int(rng.integers(1, size.people + 1))
        texts = [[*chain.from_iterable(known[row][:count])][: size.positions - 2] for row in rows]
        numbers = nn.utils.rnn.pad_sequence(
            [torch.tensor([first, *text, last]) for text in texts], batch_first=True, padding_value=SPECIAL.index(PAD)
        )  # (b, t)
        shown, asked = masked(numbers, numbers >= len(SPECIAL), len(tokenizer), generator)
        states = model.bert(shown, (numbers != SPECIAL.index(PAD)).long()).last_hidden_state[asked]  # (m, d)
        loss = nn.functional.cross_entropy(model.cls(states), numbers[asked], reduction="sum") / max(1, len(states))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
