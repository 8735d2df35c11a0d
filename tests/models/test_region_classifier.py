"""The classifier of regions: labels from crops, and the crop encoder it leaves to others."""

from functools import partial

import pytest
import torch

from cirkit.encoders.crops import CropEncoder
from cirkit.encoders.image import SmallResNet
from cirkit.evaluators.answers import answers
from cirkit.examples import Captions, Questions
from cirkit.models.region_classifier import RegionClassifier
from cirkit.training.labels import label_cross_entropy

LABELS = ["red-thing", "blue-thing", "floor"]
ENCODER = partial(CropEncoder, encoder=partial(SmallResNet, width=6, widths=(8, 12), strides=(1, 2)), side=8)


def crops(count: int, seed: int) -> tuple[torch.Tensor, list[str]]:
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (count,), generator=generator)
    colour = torch.tensor([[200.0, 20, 20], [20, 20, 200], [120, 120, 120]])[kind][:, :, None, None]
    noise = 30 * torch.rand(count, 3, 8, 8, generator=generator)
    return (colour + noise).byte(), [LABELS[k] for k in kind.tolist()]


def test_it_learns_to_label_and_its_encoder_reads_regions():
    torch.manual_seed(0)
    model = RegionClassifier(LABELS[::-1] * 2, crops=ENCODER)
    assert model.answers == tuple(sorted(LABELS))
    images, labels = crops(64, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = label_cross_entropy(model, Captions(text=labels, image=images)).item()
    for _ in range(30):
        optimiser.zero_grad()
        loss = label_cross_entropy(model, Captions(text=labels, image=images))
        loss.backward()
        optimiser.step()
    assert loss.item() < first / 3
    images, labels = crops(30, 2)
    test = Questions(images=images, about=torch.arange(30), text=["what"] * 30, answers=[(one,) for one in labels])
    assert answers()(model, test).credit.mean() > 0.9
    boxes = torch.tensor([[[0.0, 0, 1, 1], [0, 0, 0.5, 0.5]]]).expand(30, 2, 4)
    found = model.crops(images, boxes, torch.ones(30, 2, dtype=torch.bool))
    assert found.vectors.shape == (30, 2, 6)


def test_the_loss_is_the_mean_of_minus_log_softmax_at_the_label():
    torch.manual_seed(0)
    model = RegionClassifier(LABELS, crops=ENCODER).eval()
    images, labels = crops(5, 3)
    logits = model(images)
    slow = -sum(logits[i].log_softmax(0)[model.answers.index(one)] for i, one in enumerate(labels)) / 5
    torch.testing.assert_close(label_cross_entropy(model, Captions(text=labels, image=images)), slow)


def test_a_label_that_was_never_seen_is_an_error():
    model = RegionClassifier(LABELS, crops=ENCODER).eval()
    with pytest.raises(KeyError):
        label_cross_entropy(model, Captions(text=["green-thing"], image=crops(1, 0)[0]))
