"""Features of photos: what is left of the encoder's bare rate when its images come from files.

No paper: features are computed once and read by many trainings, at the rate at which images are decoded or encoded,
whichever is slower.
"""

import tempfile
from collections.abc import Mapping
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


def rows(photos: int = 128, size: int = 224, batch: int = 8, times: int = 3) -> list[dict[str, Any]]:
    """Two lines: ours beside the bare encoder, whose ratio is the part of its rate that is left, and beside one thread.

    `photos` JPEG files of 480 by 360 pixels are decoded to `size`; `difference` is between the features.
    """
    encoder = SmallResNet(widths=(32, 64, 128)).eval()
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "photos", photos)
        found = read(Path(folder) / "photos", size)
        chunks = torch.arange(len(found)).split(batch)
        decoded = [found[each] for each in chunks]
        data = Captions(text=found.names, image=found)
        cached = CachedFeatures(data=partial(_same, data), model=partial(_same, encoder), encode=_encode, batch=batch)

        def ours() -> Tensor:
            return cached.compute(encoder, data)["image"]

        @torch.no_grad()
        def bare() -> Tensor:
            return torch.cat([pooled(encoder(images)) for images in decoded])

        @torch.no_grad()
        def in_one_thread() -> Tensor:
            return torch.cat([pooled(encoder(found[each])) for each in chunks])

        difference = (ours() - bare()).abs().max().item()
        beside = in_turns(ours, bare, times), in_turns(ours, in_one_thread, times)
    names = (f"features of {photos} photos, beside the bare encoder", f"features of {photos} photos, beside one thread")
    return [row(f"{name}, seconds", *seconds, difference) for name, seconds in zip(names, beside, strict=True)]


def _same(thing: Any) -> Any:
    return thing


def _encode(model: nn.Module, batch: Captions) -> Mapping[str, Tensor]:
    return {"image": pooled(model(batch.image))}


def _write(folder: Path, photos: int) -> None:
    """Smooth colours with some noise, which cost as much to decode as a photo does."""
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(photos):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((480, 360))
        noisy = np.asarray(coarse, dtype=np.int16) + random.integers(-12, 13, (360, 480, 1), dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:03d}.jpg", quality=90)
