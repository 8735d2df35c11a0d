from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize
from toys import Mean, TinyClip, colour_benchmark

from cirkit.benchmarks import fashioniq
from cirkit.benchmarks.fashioniq_protocols import SEARLE_MEAN
from cirkit.benchmarks.fashioniq_readings import both_orders
from cirkit.evaluators.averaging import rank_mean
from cirkit.evaluators.ranking import compose, encode, rank, rank_features
from cirkit.models.base import Cosine
from cirkit.models.searle import PROMPT, searle
from cirkit.models.textual_inversion import TextualInversion
from cirkit.query import Query
from cirkit.worlds.fashioniq import FASHIONIQ, SIZES


def reworded(benchmark):
    """The same queries in other words."""
    texts = ["very " + text for text in benchmark.query.text]
    return replace(benchmark, query=Query(image=benchmark.query.image, text=texts))


def model():
    torch.manual_seed(0)
    return Mean(["red green blue very"], width=8).eval()


class Pairs:
    """A retriever with two feature tensors a side; the score is the sum of their cosines."""

    def __init__(self):
        self.one, self.other, self.cosine = model(), model(), Cosine(1.0)
        torch.nn.init.normal_(self.other.table.weight)

    def encode(self, images):
        return self.one.encode(images), self.other.encode(images)

    def compose(self, query):
        return self.one.compose(query), self.other.compose(query)

    def score(self, composed, gallery):
        return sum(self.cosine(a, b) for a, b in zip(composed, gallery, strict=True))


def test_the_mean_score_ranks_as_the_mean_of_unit_vectors():
    benchmark, mine = colour_benchmark(), model()
    other = reworded(benchmark)
    mean = (normalize(compose(mine, benchmark)) + normalize(compose(mine, other))) / 2
    expected = rank_features(mine, mean.detach(), encode(mine, benchmark.gallery), benchmark)
    ranks = rank_mean(mine, [benchmark, other])
    assert ranks.mid.tolist() == expected.mid.tolist()
    assert ranks.mid.tolist() not in (rank(mine, benchmark).mid.tolist(), rank(mine, other).mid.tolist())


def test_one_wording_ranks_as_itself_and_so_do_features_of_several_tensors():
    benchmark, pairs = colour_benchmark(), Pairs()
    assert rank_mean(model(), [benchmark]).mid.tolist() == rank(model(), benchmark).mid.tolist()
    assert rank_mean(pairs, [benchmark]).mid.tolist() == rank(pairs, benchmark).mid.tolist()
    other = reworded(benchmark)
    gallery = encode(pairs, benchmark.gallery)
    scores = sum(pairs.score(compose(pairs, each), gallery) for each in (benchmark, other))
    for row, (items, (out,)) in enumerate(zip(benchmark.relevant, benchmark.excluded, strict=True)):
        higher = [item for item in range(32) if item != out and scores[row, item] > scores[row, items[0]]]
        assert rank_mean(pairs, [benchmark, other]).first[row] == 1 + len(higher)


def test_wordings_of_other_queries_are_refused():
    with pytest.raises(ValueError, match="same queries"):
        rank_mean(model(), [colour_benchmark(), colour_benchmark().take([0, 1])])


def test_searle_s_two_prompts_of_a_text_rank_as_its_two_benchmarks_do(tmp_path):
    FASHIONIQ.publish(tmp_path / "world", replace(SIZES["smoke"], train=(2, 4), val=(6, 12), test=(2, 4), image=8))
    torch.manual_seed(0)
    as_prompts = searle([], clip=TinyClip).eval()
    as_texts = TextualInversion(as_prompts.clip, as_prompts.phi, PROMPT.prompt).eval()
    one = rank(as_prompts, fashioniq.test(tmp_path / "world", SEARLE_MEAN))
    other = rank_mean(as_texts, both_orders(tmp_path / "world"))
    assert one.mid.tolist() == other.mid.tolist() and one.group == other.group
    first, _ = both_orders(tmp_path / "world")
    assert rank(as_texts, first).mid.tolist() != one.mid.tolist()
