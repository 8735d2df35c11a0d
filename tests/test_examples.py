import threading
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from toys import TRAINING, colour_triplets

from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.examples import CachedFeatures, Captions, Examples, Features, Questions, Words, weights_digest
from cirkit.query import Select
from cirkit.training.loop import fit
from cirkit.training.samplers import same_reference_batches, single_category

COLOURS = ("red", "green", "blue")


def lower(trained):
    """Whether the loss of a training fell by half."""
    return trained.loss[-1][1] < 0.5 * trained.loss[0][1]


def test_triplets_captions_questions_and_features_are_examples():
    for examples in (colour_triplets(), texts(), colours(), questions(), Features(tensors={"x": torch.ones(2, 3)})):
        assert isinstance(examples, Examples)
        batch = examples[torch.tensor([1, 0])].to(torch.device("cpu"))
        assert batch[torch.tensor([0])].to(torch.device("meta")) is not batch


def test_the_vocabulary_is_what_is_written():
    assert colour_triplets().texts == colour_triplets().query.text and texts().texts == texts().text
    assert questions().texts == questions().text and Features(tensors={"x": torch.ones(1)}).texts == ()


# captions


def texts():
    return Captions(text=tuple(f"a {colour} thing" for colour in COLOURS * 4))


def colours():
    """Plain images and their colour."""
    images = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    images[torch.arange(3), torch.arange(3)] = 200
    rows = torch.arange(24) % 3
    return Captions(
        text=[COLOURS[row] for row in rows],
        image=Select(images, rows),
        reference=rows,
        group=["warm" if row == 0 else "cold" for row in rows],
    )


class Bag(nn.Module):
    """Sums a vector per word, and reads an image by its mean colour."""

    def __init__(self, texts, *, outputs):
        super().__init__()
        self.words = {word: i for i, word in enumerate(dict.fromkeys(w for text in texts for w in text.split()))}
        self.table = nn.Embedding(len(self.words), 8)
        self.image, self.out = nn.Linear(3, 8), nn.Linear(8, outputs)

    def forward(self, batch):
        text = torch.stack([self.table.weight[[self.words[w] for w in line.split()]].sum(0) for line in batch.text])
        images = batch.images if isinstance(batch, Questions) else batch.image
        return text, None if images is None else self.image(images.float().mean((2, 3)) / 255)


def guess_the_colour(model, batch):
    text, _ = model(batch)
    return cross_entropy(model.out(text), torch.tensor([COLOURS.index(line.split()[1]) for line in batch.text]))


def match(model, batch):
    text, image = model(batch)
    same = torch.tensor([[one == other for other in batch.text] for one in batch.text]).float()
    return mse_loss(text @ image.mT, same)


def test_a_text_encoder_trains_on_captions_alone():
    training = replace(TRAINING, model=partial(Bag, outputs=3), data=texts, objective=guess_the_colour)
    assert lower(fit(training, seed=0))


def test_an_image_and_a_text_encoder_train_on_pairs():
    training = replace(TRAINING, model=partial(Bag, outputs=1), data=colours, objective=match)
    assert lower(fit(training, seed=0))


def test_samplers_work_on_captions_that_have_what_they_need():
    pairs, generator = colours(), torch.Generator().manual_seed(0)
    for rows in (next(same_reference_batches(2)(pairs, 6, generator)) for _ in range(5)):
        assert (pairs.reference[rows].reshape(3, 2).diff() == 0).all()
    for rows in (next(single_category(pairs, 4, generator)) for _ in range(5)):
        assert len({pairs.group[row] for row in rows.tolist()}) == 1
    for sampler in (same_reference_batches(2), single_category):
        with pytest.raises(Problem, match="shuffled"):
            next(sampler(texts(), 4, generator))


def test_a_batch_of_captions_holds_its_rows_decoded():
    batch = colours()[torch.tensor([4, 0])]
    assert batch.text == ["green", "red"] and batch.group == ["cold", "warm"] and batch.reference.tolist() == [1, 0]
    assert batch.image.shape == (2, 3, 4, 4) and batch.image[0, 1].min() == 200 == batch.image[1, 0].min()
    assert texts()[torch.tensor([1])] == Captions(text=["a green thing"])


@pytest.mark.parametrize("part", ["text", "image", "reference", "group"])
def test_parts_that_differ_in_length_are_refused(part):
    pairs = colours()
    shorter = {"text": pairs.text[:5], "image": torch.zeros(5, 3, 2, 2, dtype=torch.uint8)}
    shorter |= {"reference": torch.arange(5), "group": ["a"] * 5}
    with pytest.raises(Problem, match="differ in length"):
        replace(pairs, **{part: shorter[part]})


# questions


def questions():
    """Whether an image is of a colour."""
    pairs, rows = colours(), torch.arange(24)
    return Questions(
        images=pairs.image.images,
        about=rows % 3,
        text=tuple(f"is it {COLOURS[row // 3 % 3]}" for row in rows.tolist()),
        answers=tuple(("yes" if row // 3 % 3 == row % 3 else "no",) for row in rows.tolist()),
        words=tuple(Words((str(row),), np.zeros((1, 4))) for row in rows.tolist()),
        group=("exist",) * 24,
    )


def answer(model, batch):
    text, image = model(batch)
    right = torch.tensor([float("yes" in given) for given in batch.answers])
    return nn.functional.binary_cross_entropy_with_logits((text * image).sum(1), right)


def test_a_model_learns_to_answer():
    training = replace(TRAINING, model=partial(Bag, outputs=1), data=questions, objective=answer, steps=120)
    assert lower(fit(training, seed=0))


def test_a_batch_of_questions_holds_its_rows():
    batch = questions()[torch.tensor([5, 3])]
    assert batch.text == ["is it green", "is it green"] and batch.answers == [("no",), ("no",)]
    assert [words.text for words in batch.words] == [("5",), ("3",)] and batch.group == ["exist"] * 2
    assert batch.images.shape == (2, 3, 4, 4) and batch.images[0, 2].min() == 200 == batch.images[1, 0].min()
    assert batch.about.tolist() == [0, 1] and batch[torch.tensor([1])].words == [batch.words[1]]
    assert replace(questions(), answers=None)[torch.tensor([0])].answers is None


# cached features


@dataclass(frozen=True)
class Encoder:
    """A factory of a linear encoder whose weights follow its seed."""

    seed: int = 0
    width: int = 4

    def __call__(self):
        torch.manual_seed(self.seed)
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(3, self.width))


@dataclass
class Calls:
    """Counts how often features are computed."""

    count: int = 0


CALLS = Calls()


def mean_colours(model, batch):
    CALLS.count += 1
    return {"image": model(batch.image.float().mean((2, 3)) / 255)}


@dataclass(frozen=True)
class Shades:
    """The colours, darker for each seed."""

    seed: int = 0

    def __call__(self):
        pairs = colours()
        return replace(pairs, image=pairs.image[torch.arange(24)] // (1 + self.seed))

    def of_seed(self, seed):
        return Shades(seed)


@pytest.fixture
def cached(tmp_path):
    CALLS.count = 0
    return CachedFeatures(data=Shades(), model=Encoder(), encode=mean_colours, batch=10, root=tmp_path / "features")


def test_features_are_computed_once_without_gradient_and_in_evaluation_mode(cached):
    one, other = cached(), cached()
    assert CALLS.count == 3 and len(list(cached.root.iterdir())) == 1
    pairs, model = colours(), Encoder()().eval()
    expected = model(pairs.image[torch.arange(24)].float().mean((2, 3)) / 255)
    torch.testing.assert_close(one.tensors["image"], expected.detach())
    assert torch.equal(one.tensors["image"], other.tensors["image"]) and not one.tensors["image"].requires_grad
    assert one.texts == pairs.text and one.group == pairs.group and torch.equal(one.reference, pairs.reference)


def test_another_model_other_weights_and_other_data_have_another_key(cached, monkeypatch):
    variants = [
        cached,
        replace(cached, model=Encoder(seed=1)),
        replace(cached, model=Encoder(width=5)),
        cached.of_seed(2),
        replace(cached, encode=bright_colours),
    ]
    features = [each() for each in variants]
    assert len(list(cached.root.iterdir())) == 5
    assert len({each.tensors["image"].sum().item() for each in features}) == 5
    monkeypatch.setattr(Encoder, "__call__", lambda self: nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 4)))
    assert not torch.equal(cached().tensors["image"], features[0].tensors["image"])  # same configuration, other weights


def bright_colours(model, batch):
    return {"image": model(batch.image.float().amax((2, 3)) / 100)}


def test_the_digest_of_weights_follows_names_types_shapes_and_values():
    model = Encoder()()
    digests = {weights_digest(model), weights_digest(model.double()), weights_digest(nn.Sequential(model))}
    model[1].bias.data[0] += 1
    digests |= {weights_digest(model), weights_digest(nn.BatchNorm1d(2)), weights_digest(nn.BatchNorm1d(3))}
    assert len(digests) == 6 and weights_digest(model) == weights_digest(model)


@pytest.mark.parametrize("damage", ["half", "text", "shorter", "missing"])
def test_a_damaged_cache_is_computed_anew(cached, damage):
    expected = cached().tensors["image"]
    (path,) = cached.root.iterdir()
    if damage == "half":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "text":
        path.write_text("nothing")
    elif damage == "shorter":
        save_file({"image": expected[:5].clone()}, path)
    else:
        path.unlink()
    assert torch.equal(cached().tensors["image"], expected) and CALLS.count == 6
    assert torch.equal(load_file(path)["image"], expected) and len(list(cached.root.iterdir())) == 1


class Slow:
    """Examples of one number each, which tell when they are decoded; the sixth cannot be, where it is damaged."""

    texts = ()

    def __init__(self, damaged=False):
        self.damaged, self.decoded, self.threads = damaged, [threading.Event() for _ in range(4)], set()
        self.begun = []

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.begun.append(index.tolist())
        self.threads.add(threading.get_ident())
        if self.damaged and 5 in index:
            raise Problem("The sixth is damaged. Copy it again.")
        self.decoded[int(index[0]) // 2].set()
        return Features(tensors={"x": index.float()[:, None]})


def test_the_next_batch_is_decoded_while_one_is_encoded_and_no_further_one(cached):
    examples = Slow()

    def encode(model, batch):
        number = int(batch.tensors["x"][0, 0]) // 2
        if number < 3:
            assert examples.decoded[number + 1].wait(20)  # nobody but another thread can have decoded it
        assert len(examples.begun) <= number + 2
        return dict(batch.tensors)

    features = replace(cached, encode=encode, batch=2).compute(nn.Linear(1, 1), examples)
    assert features["x"].flatten().tolist() == list(range(8)) and examples.begun == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert len(examples.threads) == 1 and threading.get_ident() not in examples.threads


def test_what_decoding_raises_is_raised_and_nothing_is_written(cached):
    encoded = []

    def encode(model, batch):
        encoded.append(len(batch))
        return dict(batch.tensors)

    before = threading.active_count()
    with pytest.raises(Problem, match="sixth is damaged"):
        replace(cached, encode=encode, batch=2).compute(nn.Linear(1, 1), Slow(damaged=True))
    assert encoded == [2, 2] and threading.active_count() == before


def test_an_encoder_that_fails_ends_the_thread(cached):
    def encode(model, batch):
        raise Problem("No memory is left. Take a smaller batch.")

    before = threading.active_count()
    with pytest.raises(Problem, match="No memory"):
        replace(cached, encode=encode, batch=2).compute(nn.Linear(1, 1), Slow())
    assert threading.active_count() == before


def test_where_the_cache_lies_is_not_in_the_fingerprint(cached, monkeypatch, tmp_path):
    assert fingerprint(cached) == fingerprint(replace(cached, root=None)) != fingerprint(cached.of_seed(1))
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path))
    replace(cached, root=None)()
    assert len(list((tmp_path / "features").glob("*.safetensors"))) == 1


class Head(nn.Module):
    """Three classes from features."""

    def __init__(self, texts):
        super().__init__()
        self.out = nn.Linear(4, 3)


def classify(model, batch):
    return cross_entropy(model.out(10 * batch.tensors["image"]), batch.reference)


def test_a_head_trains_on_features_of_its_seed(cached):
    training = replace(TRAINING, model=Head, data=cached, objective=classify, steps=200)
    assert lower(fit(training, seed=0))
    fit(replace(training, steps=1), seed=3)
    assert len(list(cached.root.iterdir())) == 2 and CALLS.count == 6
