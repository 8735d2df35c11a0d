"""The bench of CompoDiff: both sides compute the same vectors, and memory is counted, whatever the time."""

from functools import partial

import pytest
import torch

from cirkit.models.compodiff import CompoDiff, Sampling
from cirkit.models.denoiser import Denoiser
from cirkit.models.diffusion import DDIM, same_for_all
from cirkit.models.guidance import as_printed
from cirkit.timing import bench, compodiff
from cirkit.timing.live_memory import megabytes

LAYERS = {"blocks": 2, "heads": 2, "cross_heads": 2, "head_width": 8, "widening": 2}
TINY = compodiff.Size(batches=(1, 3), width=16, text=12, tokens=5, layers=LAYERS, calls=3, times=1)
KEYS = {"name", "ours", "reference", "ratio", "difference", "threads", "ours MB", "reference MB"}


def test_the_released_way_and_ours_agree(monkeypatch):
    monkeypatch.setattr(compodiff, "Size", lambda: TINY)
    rows = bench.run("compodiff")
    assert [row["name"].split(",")[0] for row in rows] == [
        "batch 1: 3 calls", "batch 1: student", "batch 3: 3 calls", "batch 3: student"
    ]  # fmt: skip
    assert all(set(row) == KEYS and row["ours"] > 0 and row["reference"] > 0 for row in rows)
    assert all(row["difference"] <= 1e-4 for row in rows[::2]) and all(row["difference"] is None for row in rows[1::2])
    assert all(row["ours MB"] < row["reference MB"] for row in rows)


def test_the_released_way_follows_the_sampling():
    encoders = {"clip": partial(compodiff.Blind, 16), "text": (partial(compodiff.Blind, 12),)}
    how = Sampling(sampler=DDIM(calls=4, eta=0.3), samples=3, noise=same_for_all(5), guidance=as_printed())
    model = CompoDiff([], **encoders, denoiser=partial(Denoiser, **LAYERS), sampling=how).eval()
    query = compodiff.random_query(TINY, 2)
    found, calls = model.sample(query), []
    model.denoiser.inputs.register_forward_hook(lambda layer, given, out: calls.append(len(out[1])))
    torch.testing.assert_close(compodiff.released_way(model, query), found, rtol=1e-4, atol=1e-4)
    assert calls == [24] * 4  # four branches, two queries, three samples


def test_what_is_held_at_once_is_counted():
    before = torch.zeros(250_000)

    def act() -> None:
        one = before + 1  # 1 MB
        two = one.view(500, 500).mul_(2)  # the same megabyte
        three = two.t() @ two  # another
        del one, two
        three.add(before[:500])  # a third in the place of the first

    assert megabytes(act) == pytest.approx(2.0, abs=0.01) and megabytes(lambda: before.view(500, 500).mul_(2)) == 0
