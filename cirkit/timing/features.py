"""Features of photos: what is left of the encoder's bare rate when its images come from files.

No paper: features are computed once and read by many trainings, at the rate at which images are decoded or encoded,
whichever is slower. ViT-B/32 is what PVLF §4.1 and CompoDiff §5.1 begin with; beside a small encoder decoding weighs.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cirkit.benchmarks.folder import read
from cirkit.encoders.image import SmallResNet, pooled
from cirkit.examples import CachedFeatures, Captions
from cirkit.timing.bench import in_turns, row


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """An encoder with random weights, how it makes vectors of images, and how many photos it gets."""

    name: str
    make: Callable[[], nn.Module]
    vectors: Callable[[nn.Module, Tensor], Tensor]
    photos: int


def vit_b_32() -> nn.Module:
    """open_clip's, as the papers have it."""
    from cirkit.encoders.clip import open_clip

    return open_clip(arch="ViT-B-32", pretrained=False)


ENCODERS = (
    Encoder(name="ViT-B/32", make=vit_b_32, vectors=lambda model, images: model.image(images), photos=64),
    Encoder(
        name="small ResNet",
        make=partial(SmallResNet, widths=(32, 64, 128)),
        vectors=lambda model, images: pooled(model(images)),
        photos=128,
    ),
)


def rows(
    encoders: Sequence[Encoder] = ENCODERS, size: int = 224, batch: int = 8, times: int = 3
) -> list[dict[str, Any]]:
    """Two lines an encoder: ours beside it bare, whose ratio is the part of its rate that is left, and one thread.

    JPEG files of 480 by 360 pixels are decoded to `size`; `difference` is between the features.
    """
    return [line for each in encoders for line in _rows(each, size, batch, times)]


def _rows(each: Encoder, size: int, batch: int, times: int) -> list[dict[str, Any]]:
    encoder = each.make().eval()
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "photos", each.photos)
        found = read(Path(folder) / "photos", size)
        chunks = torch.arange(len(found)).split(batch)
        decoded = [found[rows] for rows in chunks]
        data = Captions(text=found.names, image=found)
        cached = CachedFeatures(
            data=partial(_same, data), model=partial(_same, encoder), encode=partial(_encode, each.vectors), batch=batch
        )

        def ours() -> Tensor:
            return cached.compute(encoder, data)["image"]

        @torch.no_grad()
        def bare() -> Tensor:
            return torch.cat([each.vectors(encoder, images) for images in decoded])

        @torch.no_grad()
        def in_one_thread() -> Tensor:
            return torch.cat([each.vectors(encoder, found[rows]) for rows in chunks])

        difference = (ours() - bare()).abs().max().item()
        beside = in_turns(ours, bare, times), in_turns(ours, in_one_thread, times)
    names = (f"{each.name}, {each.photos} photos, beside {what}" for what in ("the bare encoder", "one thread"))
    return [row(f"{name}, seconds", *seconds, difference) for name, seconds in zip(names, beside, strict=True)]


def _same(thing: Any) -> Any:
    return thing


def _encode(vectors: Callable[[nn.Module, Tensor], Tensor], model: nn.Module, batch: Captions) -> Mapping[str, Tensor]:
    return {"image": vectors(model, batch.image)}


def _write(folder: Path, photos: int) -> None:
    """Smooth colours with some noise, which cost as much to decode as a photo does."""
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(photos):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((480, 360))
        noisy = np.asarray(coarse, dtype=np.int16) + random.integers(-12, 13, (360, 480, 1), dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:03d}.jpg", quality=90)
