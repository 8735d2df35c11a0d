"""The bench of features: the same features either way, whatever the time; the papers' encoder first."""

from dataclasses import replace

from cirkit.timing import features


def test_both_lines_compare_the_same_features():
    small = replace(features.ENCODERS[1], photos=5)
    rows = features.rows([small, replace(small, name="again")], size=16, batch=2, times=1)
    assert [row["difference"] for row in rows] == [0.0] * 4 and all(row["ours"] > 0 for row in rows)
    assert ["bare encoder" in row["name"] for row in rows] == [True, False] * 2
    assert [row["name"].partition(",")[0] for row in rows] == ["small ResNet"] * 2 + ["again"] * 2


def test_the_first_encoder_is_the_papers(monkeypatch):
    """Its towers are made as `vit_b_32` names them, but for their size."""
    from cirkit.encoders import clip

    made = clip.open_clip
    tower = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    text = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}

    def small(*, arch, pretrained):
        assert (arch, pretrained) == ("ViT-B-32", False)
        return made(arch={"embed_dim": 8, "vision_cfg": tower, "text_cfg": text})

    monkeypatch.setattr(clip, "open_clip", small)
    rows = features.rows([replace(features.ENCODERS[0], photos=3)], size=32, batch=2, times=1)
    assert [row["difference"] for row in rows] == [0.0, 0.0] and rows[0]["name"].startswith("ViT-B/32, 3 photos")
