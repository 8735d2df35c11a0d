import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.search import index

BACKENDS = [index.TorchIndex, index.FaissIndex]


@pytest.fixture
def vectors():
    return normalize(torch.randn(500, 16, generator=torch.Generator().manual_seed(0)), dim=-1)


def slow(vectors, queries, k):
    """By hand: score, then sort by (falling score, rising row)."""
    lines = []
    for query in queries:
        scores = [float(query @ vector) for vector in vectors]
        lines.append(sorted(range(len(scores)), key=lambda row, scores=scores: (-scores[row], row))[:k])
    return lines


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [1, 7, 500])
def test_every_back_end_agrees_with_a_loop_over_all_vectors(vectors, backend, k):
    queries = normalize(torch.randn(6, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    scores, rows = index.build(vectors, backend).search(queries, k)
    assert rows.tolist() == slow(vectors, queries, k)
    torch.testing.assert_close(scores, (queries @ vectors.mT).gather(1, rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_scores_come_in_the_order_of_their_rows_also_at_the_cut(backend):
    vectors = torch.eye(3)[torch.tensor([2, 0, 1, 0, 0, 1] + [0] * 40 + [2])]
    query = torch.tensor([[1.0, 0.5, 0.0]])
    assert index.build(vectors, backend).search(query, 5)[1].tolist() == [[1, 3, 4, 6, 7]]
    assert index.build(vectors, backend).search(query, 44)[1].tolist() == slow(vectors, query, 44)


class LastFirst:
    """A flat index that keeps, of equal scores, those of the last rows: any choice is faiss's right."""

    def __init__(self, vectors):
        self.vectors = vectors.numpy()

    def search(self, queries, k):
        scores = (queries @ self.vectors.T)[:, ::-1]
        order = (-scores).argsort(axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), len(self.vectors) - 1 - order


@pytest.mark.parametrize("k", [1, 5, 42, 43, 44])
def test_which_of_the_equal_scores_faiss_keeps_does_not_matter(k):
    vectors = torch.eye(3)[torch.tensor([2, 0, 1, 0, 0, 1] + [0] * 40 + [2])]
    query = torch.tensor([[1.0, 0.5, 0.0]])
    built = index.FaissIndex(vectors)
    built.flat = LastFirst(vectors)
    assert built.search(query, k)[1].tolist() == slow(vectors, query, k)


@pytest.mark.parametrize("chunk", [1, 3, 499, 10**6])
def test_the_chunk_size_changes_nothing(vectors, chunk):
    _, rows = index.TorchIndex(vectors, chunk=chunk).search(vectors[:4], 9)
    assert rows.tolist() == index.TorchIndex(vectors).search(vectors[:4], 9)[1].tolist()
    assert rows[:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_neighbours_than_vectors_are_all_vectors(vectors, backend):
    scores, rows = backend(vectors[:3]).search(vectors[:2], 10)
    assert rows.shape == scores.shape == (2, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_questions_are_problems(vectors, backend):
    built = backend(vectors)
    with pytest.raises(Problem, match="16"):
        built.search(torch.ones(1, 5), 3)
    with pytest.raises(Problem, match="first 0"):
        built.search(vectors[:1], 0)
    with pytest.raises(Problem, match="finite"):
        built.search(torch.full((1, 16), float("nan")), 3)
    with pytest.raises(Problem, match="finite"):
        backend(torch.full((2, 3), float("nan")))
    with pytest.raises(Problem, match="at least one"):
        backend(torch.ones(0, 3))


def test_without_a_gpu_the_gpu_index_refuses_instead_of_coming_out_empty(vectors, monkeypatch):
    monkeypatch.setattr(index, "gpus", lambda: 0)
    with pytest.raises(Problem, match="no GPU"):
        index.FaissGpuIndex(vectors)
    assert index.best() is index.FaissIndex
    monkeypatch.setattr(index, "gpus", lambda: 1)
    assert index.best() is index.FaissGpuIndex


def test_without_faiss_torch_takes_over(vectors, monkeypatch):
    monkeypatch.setattr(index, "find_spec", lambda name: None)
    assert index.best() is index.TorchIndex
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(Problem, match="not installed"):
        index.FaissIndex(vectors)


def test_two_installations_of_faiss_are_named(monkeypatch):
    assert index.faiss_problem() is None
    monkeypatch.setattr(index, "faiss_installations", lambda: {"faiss-cpu": "1", "faiss-gpu": "1"})
    assert "faiss-cpu and faiss-gpu are both installed" in index.faiss_problem()
    assert index.best() is index.TorchIndex


def test_an_empty_faiss_package_is_told_apart_from_a_whole_one(vectors, monkeypatch):
    assert "faiss-cpu" in index.faiss_installations() or "faiss-gpu" in index.faiss_installations()
    monkeypatch.setattr(index, "_import", lambda: object())
    assert "empty shell" in index.faiss_problem()
    with pytest.raises(Problem, match="empty shell"):
        index.FaissIndex(vectors)
