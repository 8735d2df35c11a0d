"""A model of transformers from a local folder or the hub: quietly, whole, or refused in one sentence.

Nothing that can run code is read: weights are safetensors, and a model brings no code of its own.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import nn

from cirkit.encoders.preprocessing import Fit, Preprocessing, direct_resize, shortest_side
from cirkit.errors import Problem

RESAMPLES = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


@contextmanager
def reading(source: Path | str, kind: str, files: str) -> Iterator[None]:
    """Without transformers' bar and reports, on the CPU; what it raises on the way is a Problem that names `files`."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with hub(), torch.device("cpu"):  # its weights are read, whatever device the rest is laid out on
            yield
    except Problem:
        raise
    except Exception as error:  # files, hub, headers and shapes fail with no common type in transformers
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Problem(
            f"Cannot load {kind} from {source} ({reason}). Give a name on the Hugging Face hub, or a folder with "
            f"config.json, model.safetensors and {files}."
        ) from error
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@contextmanager
def hub() -> Iterator[None]:
    """Where the hub does not answer, its cache alone is asked: the library would try again for half a minute."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(endpoint: str) -> bool:
    """Whether anybody listens at an address; behind a proxy nobody can tell before asking."""
    address = urlsplit(endpoint)
    if address.scheme in getproxies():
        return True
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=5).close()
    except OSError:
        return False
    return True


def weights(model: Any, source: Path | str, kind: str, **keywords: Any) -> nn.Module:
    """`model.from_pretrained(source)` in single precision and evaluation mode. Raises Problem where weights lack."""
    network, report = model.from_pretrained(
        source, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **keywords
    )
    lacking = len(report["missing_keys"]) + len(report["mismatched_keys"])
    if lacking:
        raise Problem(f"{source} lacks {lacking} of {kind}'s weights. Download it again.")
    return network.eval()


def preprocessing(source: Path | str, size: int, fit: Fit) -> Preprocessing:
    """What preprocessor_config.json says, for a network of side `size`; what it leaves out is OpenAI's, and `fit`.

    Raises Problem for what no object says.
    """
    settings = _settings(source)
    sides = settings.get("size", {"shortest_edge" if fit is shortest_side else "height": size})
    sides = sides if isinstance(sides, Mapping) else {"shortest_edge": sides}
    crop = settings.get("crop_size", size) if settings.get("do_center_crop", True) else size
    crops = set(crop.values()) if isinstance(crop, Mapping) else {crop}
    resample, scale = RESAMPLES.get(settings.get("resample", 3)), settings.get("rescale_factor", 1 / 255)
    if set(sides.values()) | crops != {size} or resample is None or abs(scale * 255 - 1) > 1e-6:
        raise Problem(f"{source} prepares images in a way of its own. Give a preprocessing of {size} pixels.")
    names = (("mean", "image_mean"), ("std", "image_std"))
    return Preprocessing(
        size=size,
        fit=shortest_side if "shortest_edge" in sides else direct_resize,
        resample=resample,
        **{own: tuple(float(value) for value in settings[name]) for own, name in names if name in settings},
    )


def _settings(source: Path | str) -> dict[str, Any]:
    """The content of preprocessor_config.json; empty where a folder has none."""
    from transformers.image_processing_base import ImageProcessingMixin

    if Path(source).is_dir() and not (Path(source) / "preprocessor_config.json").is_file():
        return {}
    return ImageProcessingMixin.get_image_processor_dict(source)[0]
