"""What an image shows, attribute by attribute: the judge of painted images, whose features measure how real they look.

Xu et al. (CVPR 2018), §4, judge with an Inception-v3 that knows birds; of synthetic birds the truth is known, so a
small network learns it and can also be asked whether a colour is where the caption wants it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import Trunk
from cirkit.models.damsm import to_pixels


class AttributeClassifier(nn.Module):
    """Logits over the values of each group; a text lists what its image shows, `group::value` words apart by spaces;
    other words are passed over.

    `of` is the group whose values count as classes where one distribution per image is wanted.
    """

    def __init__(self, texts: Sequence[str], *, of: str, widths: Sequence[int] = (16, 32, 64), width: int = 64):
        super().__init__()
        pairs = sorted({tuple(word.split("::")) for text in texts for word in text.split() if "::" in word})
        groups = sorted({group for group, _ in pairs})
        self.of = of
        self.values = {group: tuple(value for one, value in pairs if one == group) for group in groups}
        self.trunk = Trunk(widths, (1, *(2 for _ in widths[1:])))
        self.project = nn.Sequential(nn.Linear(widths[-1] * 16, width), nn.ReLU())
        self.heads = nn.ModuleDict({group: nn.Linear(width, len(held)) for group, held in self.values.items()})

    def features(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """What the heads read: the last map at four by four places, projected, so that places are not lost."""
        map = self.trunk(to_pixels(images, next(self.parameters()).dtype))[-1]
        return self.project(nn.functional.adaptive_avg_pool2d(map, 4).flatten(1))

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> dict[str, Float[Tensor, "b _"]]:
        features = self.features(images)
        return {group: head(features) for group, head in self.heads.items()}

    def log_probabilities(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b c"]:
        """Of the classes."""
        return self.heads[self.of](self.features(images)).log_softmax(1)

    @torch.no_grad()
    def answer(self, images: UInt8[Tensor, "b 3 h w"], questions: Sequence[str]) -> list[str]:
        """The value of the highest logit in the group that each question names; no value for a group it never met."""
        best = {group: logits.argmax(1).tolist() for group, logits in self(images).items()}
        return [self.values[group][best[group][i]] if group in best else "" for i, group in enumerate(questions)]


class InceptionJudge(nn.Module):
    """Inception-v3 of ImageNet as the published measures have it: 2,048 pooled numbers, and log probabilities.

    timm's copy of torchvision's weights, where `pretrained`.
    """

    # published on birds: an Inception fine-tuned on 50 test classes, whose weights no hub has; here ImageNet's

    def __init__(self, *, pretrained: bool = True, name: str = "inception_v3.tv_in1k"):
        from cirkit.compat import ensure_torchvision

        ensure_torchvision()
        import timm

        super().__init__()
        self.network = timm.create_model(name, pretrained=pretrained).eval()

    def features(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Pooled, of images brought to 299 pixels."""
        pixels = to_pixels(images, next(self.parameters()).dtype)
        pixels = nn.functional.interpolate(pixels, (299, 299), mode="bilinear", antialias=True)
        return self.network.forward_head(self.network.forward_features(pixels), pre_logits=True)

    def log_probabilities(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b c"]:
        """Of ImageNet's classes."""
        return self.network.get_classifier()(self.features(images)).log_softmax(1)
