import json

import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from cirkit.encoders.clip import OpenClip, _open_clip
from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.models.base import Retriever
from cirkit.query import Benchmark, Query

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny architecture with random weights in a local file; nothing comes from a network."""
    open_clip = _open_clip()
    folder = tmp_path_factory.mktemp("clip")
    for name, config in {"tiny": TINY, "tiny-quickgelu": TINY | {"quick_gelu": True}}.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
        open_clip.add_model_config(folder / f"{name}.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model("tiny").state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


@pytest.fixture(scope="module")
def clip(weights):
    return OpenClip("tiny", str(weights))


@pytest.fixture
def pictures():
    return torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def test_pixels_reach_the_network_as_with_open_clips_own_transform(clip, pictures):
    open_clip = _open_clip()
    _, _, transform = open_clip.create_model_and_transforms("tiny", pretrained=clip.pretrained)
    stack = torch.stack([transform(Image.fromarray(picture.permute(1, 2, 0).numpy())) for picture in pictures])
    slow = clip.model.encode_image(stack, normalize=True)
    torch.testing.assert_close(clip.encode(pictures), slow, rtol=0, atol=1e-5)
    assert clip.preprocessing["mean"] == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert (clip.size, clip.preprocessing["quick_gelu"]) == (32, False)


def test_pictures_of_another_size_are_resampled(clip, pictures):
    double = pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (clip.encode(double) * clip.encode(pictures)).sum(1).min() > 0.9
    with pytest.raises(Problem, match="square"):
        clip.encode(pictures[:, :, :20])


def test_a_composed_query_is_the_normalised_sum_of_its_normalised_parts(clip, pictures):
    texts = ["in navy", "in red", "with dots", "shorter", "green"]
    image, text = clip.encode(pictures), clip.encode_text(texts)
    both = clip.compose(Query(image=pictures, text=texts))
    for row in range(5):
        total = image[row] / image[row].norm() + text[row] / text[row].norm()
        torch.testing.assert_close(both[row], total / total.norm(), rtol=0, atol=1e-6)
    torch.testing.assert_close(clip.compose(Query(image=pictures)), image)
    torch.testing.assert_close(clip.compose(Query(text=texts)), text)
    with pytest.raises(Problem, match="negative text"):
        clip.compose(Query(image=pictures, avoid=texts))


def test_it_ranks_a_benchmark_and_finds_each_picture_by_itself(clip, pictures):
    assert isinstance(clip, Retriever)
    asked = Benchmark(name="self", query=Query(image=pictures), gallery=pictures, relevant=[[i] for i in range(5)])
    assert rank(clip, asked).mid.tolist() == [1] * 5
    torch.testing.assert_close(
        clip.score(clip.encode(pictures), clip.encode(pictures)),
        normalize(clip.encode(pictures)) @ normalize(clip.encode(pictures)).mT,
    )


def test_the_fingerprint_follows_weights_and_preprocessing(weights, clip):
    same, other = OpenClip("tiny", str(weights)), OpenClip("tiny", str(weights), mean=(0.5, 0.5, 0.5))
    assert same.fingerprint() == clip.fingerprint() != other.fingerprint()
    assert other.preprocessing["mean"] == (0.5, 0.5, 0.5)
    with torch.no_grad():
        same.model.logit_scale.add_(1)
    assert same.fingerprint() != clip.fingerprint()


def test_what_cannot_be_loaded_is_a_problem_with_a_next_step(weights, tmp_path, monkeypatch):
    with pytest.raises(Problem, match=r"Did you mean ViT-B-32"):
        OpenClip("ViT-B32", "openai")
    with pytest.raises(Problem, match="no tags"):
        OpenClip("tiny", "absent.pt")
    with pytest.raises(Problem, match=r"Its tags: .*openai"):
        OpenClip("ViT-B-32", "absent.pt")
    (tmp_path / "noise.pt").write_bytes(b"not weights")
    with pytest.raises(Problem, match=r"noise\.pt does not hold weights of tiny"):
        OpenClip("tiny", str(tmp_path / "noise.pt"))
    torch.save({"a": torch.ones(2)}, tmp_path / "other.pt")
    with pytest.raises(Problem, match=r"other\.pt does not hold"):
        OpenClip("tiny", str(tmp_path / "other.pt"))


def test_no_network_is_a_problem_with_a_next_step(monkeypatch):
    open_clip = _open_clip()

    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", offline)
    with pytest.raises(Problem, match="give its path"):
        OpenClip("ViT-B-32-quickgelu", "openai")


def test_a_quickgelu_mismatch_is_refused_for_tags_and_for_files_of_openai(weights, monkeypatch):
    open_clip = _open_clip()
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda *_, **__: str(weights))
    with pytest.raises(Problem, match="Use ViT-B-32-quickgelu"):
        OpenClip("ViT-B-32", "openai")
    copy = weights.with_name("openai.pt")
    copy.write_bytes(weights.read_bytes())
    with pytest.raises(Problem, match="Use tiny-quickgelu"):
        OpenClip("tiny", str(copy))
    assert OpenClip("tiny-quickgelu", str(copy)).preprocessing["quick_gelu"]
