"""The bench of fusions: both sides give the same loss and the same vectors, whatever the time."""

from functools import partial

from toys import TinyClip

from cirkit.timing import bench, fusion

KEYS = {"name", "ours", "reference", "ratio", "difference", "threads"}
TINY = fusion.FusionSize(name="tiny", clip=TinyClip, pixels=8, batch=3, hidden=16, times=1)


def test_a_step_from_tokens_and_one_through_the_towers_have_one_loss():
    steps, attention = fusion.rows(TINY)
    assert set(steps) == set(attention) == KEYS and steps["ours"] > 0 and attention["reference"] > 0
    assert steps["difference"] < 1e-4 and attention["difference"] < 1e-5
    assert steps["name"].startswith("tiny: step of 3 from tokens")


def test_a_plain_softmax_is_written_out_and_the_usual_one_is_not(monkeypatch):
    called = []
    monkeypatch.setattr(fusion, "softmax", lambda scores, mask: called.append(1) or scores.softmax(-1))
    fusion.rows(TINY)
    assert called


def test_the_command_takes_a_small_and_a_full_size(monkeypatch):
    asked = []
    monkeypatch.setattr(fusion, "rows", lambda size=fusion.SIZES["world"]: asked.append(size) or [])
    bench.run("fusion")
    bench.run("fusion-full")
    assert asked == [fusion.SIZES["world"], fusion.SIZES["paper"]]
    assert isinstance(asked[1].clip, partial) and asked[1].pixels == 224
