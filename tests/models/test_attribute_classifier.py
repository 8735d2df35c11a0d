import torch

from cirkit.examples import Captions
from cirkit.models.attribute_classifier import AttributeClassifier
from cirkit.training.attributes import attribute_cross_entropy

TEXTS = ["wing::red class::0", "wing::blue class::1", "wing::red", "crown::grey class::10"]


def model() -> AttributeClassifier:
    torch.manual_seed(0)
    return AttributeClassifier(TEXTS, of="class", widths=(8, 12, 16), width=10)


def images(n: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8)


def test_groups_and_values_are_those_of_the_texts():
    one = model().eval()
    assert one.values == {"class": ("0", "1", "10"), "crown": ("grey",), "wing": ("blue", "red")}
    assert {group: logits.shape[1] for group, logits in one(images()).items()} == {"class": 3, "crown": 1, "wing": 2}
    assert one.log_probabilities(images()).exp().sum(1).allclose(torch.ones(4))
    assert one.features(images()).shape == (4, 10)


def test_it_answers_with_a_value_of_the_group_that_is_asked_for():
    one, some = model().eval(), images()
    given = one.answer(some, ["wing", "crown", "class", "tail"])
    assert given[1] == "grey" and given[3] == ""
    logits = one(some)
    assert given[0] == one.values["wing"][int(logits["wing"][0].argmax())]
    assert given[2] == one.values["class"][int(logits["class"][2].argmax())]


def test_the_objective_is_the_mean_over_groups_of_what_is_known():
    one, some = model().eval(), images()
    logits = {group: each.log_softmax(1) for group, each in one(some).items()}
    wing = -(logits["wing"][0, 1] + logits["wing"][1, 0] + logits["wing"][2, 1]) / 3
    classes = -(logits["class"][0, 0] + logits["class"][1, 1] + logits["class"][3, 2]) / 3
    loss = attribute_cross_entropy(one, Captions(text=TEXTS, image=some))
    torch.testing.assert_close(loss, (wing + classes + 0.0) / 3)
