"""Any open_clip model as a retriever: 'image + text sum', the standard zero-shot baseline of composed retrieval.

CompoDiff §5 compares with CLIP features; the composed query is the normalised sum of the normalised image and text
vectors, the gallery side is the normalised image vector. Nothing is trained.
"""

import hashlib
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from cirkit.compat import ensure_torchvision
from cirkit.errors import Problem, suggestion
from cirkit.models.base import Cosine
from cirkit.query import Query


class OpenClip(nn.Module):
    """open_clip's `arch` with the weights `pretrained`: a tag that open_clip knows, or a local file.

    A local file carries no preprocessing: open_clip then takes the architecture's own, so what is in use is kept in
    `preprocessing` and can be overruled with `mean` and `std`. Raises a Problem for an architecture or tag that
    open_clip does not know, a file that does not fit, weights that cannot be downloaded, and a QuickGELU mismatch.
    """

    def __init__(
        self,
        arch: str,
        pretrained: str,
        *,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
    ):
        super().__init__()
        open_clip = _open_clip()
        model = _create(open_clip, arch, pretrained, mean, std)
        self.model = model.eval().requires_grad_(False)
        self.tokenise = open_clip.get_tokenizer(arch)
        self.arch, self.pretrained = arch, pretrained
        self.preprocessing = _preprocessing(open_clip, arch, model)
        self.size: int = self.preprocessing["size"]
        self.register_buffer("mean", torch.tensor(self.preprocessing["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.preprocessing["std"]).view(3, 1, 1), persistent=False)
        self.score = Cosine(1.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Unit vectors of square images; another size than the model's is resampled (bicubic)."""
        pixels = images.to(self.mean.device, torch.float32)
        if pixels.shape[-2] != pixels.shape[-1]:
            raise Problem(f"open_clip wants square images, got {tuple(pixels.shape[-2:])}. Decode them to a square.")
        if pixels.shape[-1] != self.size:
            shape = (self.size, self.size)
            pixels = interpolate(pixels, shape, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)
        return normalize(self.model.encode_image((pixels / 255 - self.mean) / self.std), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        """Unit vectors of texts; open_clip cuts them after the model's context length."""
        return normalize(self.model.encode_text(self.tokenise(list(texts)).to(self.mean.device)), dim=-1)

    def compose(self, query: Query) -> Float[Tensor, "q d"]:
        """Image + text sum; the text's vector alone without an image, the image's alone without a text."""
        if query.avoid is not None or query.mask is not None:
            raise Problem("open_clip's sum knows no negative text and no mask. Leave them out, or use CompoDiff.")
        parts = []
        if query.image is not None:
            parts.append(self.encode(query.image[torch.arange(len(query.image))]))
        if query.text is not None:
            parts.append(self.encode_text(query.text))
        return normalize(torch.stack(parts).sum(0), dim=-1)

    def fingerprint(self) -> str:
        """sha256 over the weights and the preprocessing: equal exactly where the vectors are."""
        digest = hashlib.sha256(repr((self.arch, sorted(self.preprocessing.items()))).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy() if tensor.ndim else b"")
            digest.update(repr(tensor.item()).encode() if not tensor.ndim else b"")
        return digest.hexdigest()


def tags(arch: str) -> list[str]:
    """The pretrained weights that open_clip lists for one of its own architectures. Raises Problem for another."""
    open_clip = _open_clip()
    if arch not in open_clip.list_models():
        advice = suggestion(arch, open_clip.list_models()) or "open_clip.list_models() names them all."
        raise Problem(f"open_clip knows no architecture {arch!r}. {advice}")
    return open_clip.list_pretrained_tags_by_model(arch)


def _open_clip() -> ModuleType:
    ensure_torchvision()
    try:
        with warnings.catch_warnings():  # notes of its own dependencies
            warnings.simplefilter("ignore")
            import open_clip
    except ImportError as error:
        raise Problem("open_clip is not installed. Run: pip install open_clip_torch") from error
    return open_clip


def _create(open_clip: ModuleType, arch: str, pretrained: str, mean: tuple | None, std: tuple | None) -> nn.Module:
    listed = tags(arch)  # before anything else: open_clip would look up other names on a hub
    config = open_clip.get_model_config(arch)
    local = pretrained not in listed
    if local and not Path(pretrained).is_file():
        tell = f"Its tags: {', '.join(listed)}." if listed else "It has no tags, so give the path of a file."
        raise Problem(f"{pretrained!r} is neither a file nor a tag of {arch}. {tell}")
    if local and "openai" in Path(pretrained).name.casefold() and not config.get("quick_gelu", False):
        raise Problem(f"OpenAI's weights ({pretrained}) use QuickGELU, {arch} does not. Use {arch}-quickgelu.")
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)  # open_clip logs what it also raises; the user gets one sentence
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="QuickGELU mismatch")
            return open_clip.create_model_and_transforms(arch, pretrained, image_mean=mean, image_std=std)[0]
    except UserWarning as error:
        other = arch.removesuffix("-quickgelu") if arch.endswith("-quickgelu") else f"{arch}-quickgelu"
        raise Problem(f"The weights {pretrained!r} and {arch} disagree on QuickGELU. Use {other}.") from error
    except Exception as error:  # download, unpickling and shape errors have no common type in open_clip
        if local:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise Problem(
                f"The file {pretrained} does not hold weights of {arch} ({reason}). "
                "Give the architecture that it was saved from."
            ) from error
        raise Problem(
            f"Cannot get the weights {pretrained!r} of {arch}: no answer from the hub and nothing in its cache. "
            "Fetch the file where there is a network, copy it here, and give its path in place of the tag."
        ) from error
    finally:
        logging.disable(before)


def _preprocessing(open_clip: ModuleType, arch: str, model: nn.Module) -> dict:
    """What open_clip's own transform does before the network, as plain values for an index or a record."""
    settings = open_clip.get_model_preprocess_cfg(model)
    size = settings["size"]
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height != width:
        raise Problem(f"{arch} reads images of {height} by {width} pixels. Choose an architecture for squares.")
    return {
        "size": int(height),
        "mean": tuple(float(value) for value in settings["mean"]),
        "std": tuple(float(value) for value in settings["std"]),
        "interpolation": settings.get("interpolation", "bicubic"),
        "resize_mode": settings.get("resize_mode", "shortest"),
        "quick_gelu": bool(open_clip.get_model_config(arch).get("quick_gelu", False)),
    }
