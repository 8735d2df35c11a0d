"""An image's parts, as MAC's read unit attends to them: the places of a feature map, or given regions.

Hudson and Manning (ICLR 2018), §3.1.2, "image unit": two layers on top of fixed features.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from cirkit.attention.dropout import Dropout
from cirkit.encoders.bert import Frozen
from cirkit.encoders.image import Maps, ResNet, tokens, unprojected
from cirkit.errors import Problem
from cirkit.regions import Regions


def xavier(layer: nn.Module) -> None:
    """The start of MAC's released code: Xavier's uniform weights, a single output's as a vector, and biases of zero."""
    if isinstance(layer, nn.Linear | nn.Conv2d):
        if layer.weight.shape[0] == 1:
            nn.init.uniform_(layer.weight, -((3 / layer.weight.shape[1]) ** 0.5), (3 / layer.weight.shape[1]) ** 0.5)
        else:
            nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class GivenMaps(nn.Module):
    """Feature maps that were computed before, as an image encoder: (b, width, h, w) as they are."""

    def __init__(self, *, width: int = 1024):
        super().__init__()
        self.width = width

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Maps:
        return (maps,)


class Conv4(nn.Module):
    """The features of MAC on CLEVR: 1,024 maps of 14 x 14 places of a ResNet-101 of ImageNet, which does not learn."""

    def __init__(self, *, pretrained: bool = True):
        super().__init__()
        network = ResNet(name="resnet101", width=1024, stages=(3,), pretrained=pretrained, project=unprojected)
        self.width, self.network = network.width, Frozen(network)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> Maps:
        return self.network(images)


class GridParts(nn.Module):
    """The places of an image encoder's coarsest map after two convolutions: images to (b, h·w, width)."""

    def __init__(self, width: int, *, encoder: Callable[[], nn.Module] = GivenMaps, dropout: float = 0.18):
        super().__init__()
        self.encoder = encoder()
        self.layers = nn.Sequential(
            Dropout(dropout),
            nn.Conv2d(self.encoder.width, width, 3, padding=1),
            nn.ELU(),
            Dropout(dropout),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ELU(),
        ).apply(xavier)

    def forward(self, images: Tensor) -> tuple[Float[Tensor, "b k d"], None]:
        return tokens((self.layers(self.encoder(images)[-1]),))[0], None


class RegionParts(nn.Module):
    """Regions and where they are, after two linear layers: `Regions` of `channels` numbers to (b, r, width).

    A region's box joins its vector, since a set of regions has no places of its own. Raises Problem where there are no
    boxes.
    """

    def __init__(self, width: int, *, channels: int, dropout: float = 0.18):
        super().__init__()
        self.layers = nn.Sequential(
            Dropout(dropout),
            nn.Linear(channels + 4, width),
            nn.ELU(),
            Dropout(dropout),
            nn.Linear(width, width),
            nn.ELU(),
        ).apply(xavier)

    def forward(self, regions: Regions) -> tuple[Float[Tensor, "b r d"], Bool[Tensor, "b r"]]:
        regions = regions.to(self.layers[1].weight.device)
        if regions.boxes is None:
            raise Problem("These regions have no boxes, and questions ask where things are. Give Regions their boxes.")
        parts = self.layers(torch.cat([regions.vectors, regions.boxes], dim=2))
        return parts * regions.mask[..., None], regions.mask
