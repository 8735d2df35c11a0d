"""Pictures to feature maps: a small residual network for one CPU core, and timm's ResNets.

An image encoder has a `width` and returns a tuple of maps (b, width, h, w), fine to coarse. Token models read their
places (`tokens`); vector models average the last one (`pooled`). MAAF §2: stages 3 and 4 of ResNet50, projected to 512.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cirkit.errors import Problem, suggestion

Maps = tuple[Tensor, ...]  # of (b, d, h, w), fine to coarse


def tokens(maps: Maps) -> tuple[Float[Tensor, "b _ d"], ...]:
    """Each map's places as a sequence, row by row."""
    return tuple(each.flatten(2).mT for each in maps)  # (b, p, d)


def pooled(maps: Maps) -> Float[Tensor, "b d"]:
    """The average over the places of the coarsest map.

    The maps end in a linear projection, and averaging commutes with it: this is TIRG's "average pooling, then fc".
    """
    return maps[-1].mean((2, 3))


def generalised_mean(maps: Maps, power: float = 3.0, least: float = 1e-6) -> Float[Tensor, "b d"]:
    """The generalised mean over the places of the coarsest map: large values count more (GeM, Radenović et al., 2019).

    Values below `least` count as `least`, so the map should be that of a ReLU: see `unprojected`.
    """
    return maps[-1].clamp_min(least).pow(power).mean((2, 3)).pow(1 / power)


def unprojected(channels: int, width: int) -> nn.Module:
    """The network's own channels, for a model that projects after pooling. Raises Problem for another `width`."""
    if channels != width:
        raise Problem(f"This image encoder's last map has {channels} channels, not {width}. Give it width={channels}.")
    return nn.Identity()


def linear(channels: int, width: int) -> nn.Module:
    """A learned linear projection of every place: the paper's."""
    return nn.Conv2d(channels, width, 1)


def linear_norm_relu(channels: int, width: int) -> nn.Module:
    """The projection of MAAF's released code: no bias, batch norm (eps 1e-3), ReLU; tokens are never negative."""
    return nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width, eps=1e-3), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm, and a way around them (He et al., 2016)."""

    def __init__(self, channels: int, width: int, *, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        # with AVX2 alone, oneDNN's gradient of this writes out of bounds at stride 2 below eight channels
        around = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        self.around = nn.Identity() if stride == 1 and channels == width else around

    def forward(self, map: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d _ _"]:
        return torch.relu(self.body(map) + self.around(map))


class Trunk(nn.Module):
    """A stem that divides the side by 4, then one residual block per entry of `widths`; the maps of all blocks."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int]):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, 4, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        )
        before = [widths[0], *widths[:-1]]
        self.blocks = nn.ModuleList(
            Residual(channels, after, stride=stride)
            for channels, after, stride in zip(before, widths, strides, strict=True)
        )

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Maps:
        map, maps = self.stem(pixels), []
        for block in self.blocks:
            map = block(map)
            maps.append(map)
        return tuple(maps)


class SmallResNet(nn.Module):
    """A residual network for images of 48 or 64 pixels: its trunk, and the last `levels` maps projected to one width.

    `strides` says which blocks halve the side.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        widths: Sequence[int] = (32, 64, 128),
        strides: Sequence[int] = (1, 2, 2),
        levels: int = 1,
        project: Callable[[int, int], nn.Module] = linear,
    ):
        super().__init__()
        self.width = width
        self.trunk = Trunk(widths, strides)
        self.project = nn.ModuleList(project(channels, width) for channels in widths[-levels:])
        self.to(memory_format=torch.channels_last)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> Maps:
        pixels = images.to(next(self.parameters()).dtype, memory_format=torch.channels_last) / 127.5 - 1
        last = self.trunk(pixels)[-len(self.project) :]
        return tuple(project(map) for project, map in zip(self.project, last, strict=True))


class ResNet(nn.Module):
    """A ResNet of timm, the maps of the given stages (1 to 4) projected to one width.

    MAAF: resnet50, stages (3, 4), or (4,) for CSS; TIRG: resnet18, stage 4. With `size`, pictures are resized so that
    the shorter side has that many pixels and cut to the central square; ImageNet's mean and deviation either way.
    """

    def __init__(
        self,
        *,
        name: str = "resnet50",
        width: int = 512,
        stages: Sequence[int] = (3, 4),
        pretrained: bool = True,
        size: int | None = 224,
        project: Callable[[int, int], nn.Module] = linear,
    ):
        from cirkit.compat import ensure_torchvision

        ensure_torchvision()
        import timm

        super().__init__()
        if not timm.is_model(name):  # another name may be that of a hub, which would be asked
            advice = suggestion(name, timm.list_models()) or "timm.list_models() names them all."
            raise Problem(f"timm has no network {name!r} of its own. {advice}")
        self.width, self.size = width, size
        self.trunk = timm.create_model(name, pretrained=pretrained, features_only=True, out_indices=tuple(stages))
        self.project = nn.ModuleList(project(channels, width) for channels in self.trunk.feature_info.channels())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> Maps:
        pixels = images.to(self.mean.dtype) / 255
        if self.size is not None:
            pixels = shorter_side(pixels, self.size)
        maps = self.trunk((pixels - self.mean) / self.deviation)
        return tuple(project(map) for project, map in zip(self.project, maps, strict=True))


def shorter_side(pixels: Float[Tensor, "b 3 _ _"], size: int) -> Float[Tensor, "b 3 {size} {size}"]:
    """Resized (bilinear, antialiased) until the shorter side has `size` pixels, then cut to the central square."""
    height, width = pixels.shape[2:]
    if min(height, width) != size:
        short = min(height, width)
        larger = (size * height // short, size * width // short)
        pixels = interpolate(pixels, larger, mode="bilinear", antialias=True)
    top, left = (round((side - size) / 2) for side in pixels.shape[2:])
    return pixels[:, :, top : top + size, left : left + size]
