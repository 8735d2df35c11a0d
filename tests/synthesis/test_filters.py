"""The filters of section 4.4: each has its own say, and the direction is one of changes."""

import pytest
import torch
from toys import TinyClip

from cirkit.synthesis.base import CaptionTriplet
from cirkit.synthesis.filters import Thresholds, as_in_section_4, change_of_change, clip_filter

GOOD = {  # the image and the caption lose the second direction and win the third
    "before": (2, 1, 0, 0), "after": (2, 0, 1, 0), "reference": (2, 1, 0, 0), "target": (2, 0, 1, 0),
    "source": (0, 1, 0, 0), "new": (0, 0, 1, 0), "told": (0, 0, 1, 0),
}  # fmt: skip
SPOILED = {
    "image pair": {"after": (1, 0, 5, 0), "target": (1, 0, 5, 0)},
    "captions": {"reference": (0, 0.3, 0, 1), "target": (0, 0, 0.3, 1)},
    "direction": {"reference": (2, 0, 1, 0), "target": (2, 1, 0, 0)},
    "keywords": {"source": (0, 0, 0, 1)},
    "instruction": {"told": (0, 0, 0, 1)},
}


def verdicts(parts, keyed: bool = True, **settings):
    """Which filters pass a triplet whose images and texts have these vectors."""

    class Known(TinyClip):
        def image(self, images):
            return torch.tensor([parts[("before", "after")[int(image[0, 0, 0])]] for image in images]).float()

        def text(self, texts):
            return torch.tensor([parts.get(text, (0, 0, 0, 0)) for text in texts]).float()

    words = {"source_keyword": "source", "target_keyword": "new"} if keyed else {}
    triplet = CaptionTriplet(reference="reference", instruction="told", target="target", **words)
    before, after = (torch.full((1, 3, 2, 2), number, dtype=torch.uint8) for number in (0, 1))
    return {name: bool(each) for name, each in clip_filter(**settings)(Known(), [triplet], before, after).items()}


@pytest.mark.parametrize("name", SPOILED)
def test_each_filter_has_its_own_say(name):
    keyed = name != "instruction"
    assert all(verdicts(GOOD, keyed).values())
    found = verdicts(GOOD | SPOILED[name], keyed)
    assert [each for each, passes in found.items() if not passes] == [name]


def test_keywords_and_instructions_are_for_their_own_kind():
    assert all(verdicts(GOOD | SPOILED["instruction"]).values())
    assert all(verdicts(GOOD | SPOILED["keywords"], keyed=False).values())
    assert not verdicts(GOOD | {"new": (0, 0, 0, 1)})["keywords"]


def test_the_thresholds_are_the_papers_and_can_be_others():
    assert vars(Thresholds()) == {"images": 0.7, "caption": 0.2, "direction": 0.2, "keyword": 0.2, "instruction": 0.2}
    assert not verdicts(GOOD, thresholds=Thresholds(images=0.81))["image pair"]
    assert verdicts(GOOD, thresholds=Thresholds(images=0.79))["image pair"]


def test_the_papers_formula_is_blind_to_direction():
    names = ("before", "after", "reference", "target")
    first, second, reference, target = (torch.tensor([GOOD[name]]).float() for name in names)
    assert change_of_change(first, second, reference, target) > 0.99
    assert change_of_change(first, second, target, reference) < -0.99
    one, other = as_in_section_4(first, second, reference, target), as_in_section_4(first, second, target, reference)
    assert one == other and as_in_section_4(first, first, reference, reference).abs() < 1e-6
