"""The encoder of an index: by open_clip's own names, or from files on this machine.

An index may come from a stranger. The encoder that it names is loaded unasked only where open_clip lists it, or where
the files have the very content that the index was built with; anything else has to be named by the user.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cirkit.benchmarks.folder import digest
from cirkit.errors import Problem
from cirkit.search.storage import is_path


@dataclass(frozen=True)
class Encoder:
    """What an index is made with: a retriever, the side of its images, and which weights it has.

    `name` is what `encoder_from` takes; `weights` is the digest of the local files behind it, None where a tag of
    open_clip is behind it. `preprocessing` is what an index says of it.
    """

    name: str
    size: int
    fingerprint: str
    retriever: Any  # nn.Module and Retriever at once
    weights: str | None = None
    preprocessing: Mapping[str, Any] = field(default_factory=dict)


def encoder_from(spec: str, tell: Callable[[str], None] = lambda line: None) -> Encoder:
    """From `open_clip:ARCH/PRETRAINED` (a tag it knows, or a local file), or from the folder of a cirkit checkpoint.

    Raises Problem for anything else, names of a hub among it.
    """
    if spec.startswith("open_clip:"):
        tell(f"Loading {'/'.join(_parts(spec))} ...")  # open_clip itself takes seconds to import
    name, files = _resolve(spec)
    weights = _weights(files)
    if name.startswith("open_clip:"):
        from cirkit.encoders.clip import open_clip
        from cirkit.models.sum import ClipSum

        arch, pretrained = _parts(name)
        model = ClipSum((), clip=partial(open_clip, arch=arch, pretrained=pretrained))
        about = _about(model.clip)
        return Encoder(name, about["size"], _fingerprint(arch, model.clip, about), model, weights, about)
    from cirkit.training.checkpoints import image_size, load

    folder = Path(name)
    return Encoder(name, image_size(folder), str(weights), load(folder), weights)


def trusted(name: str, weights: str | None) -> str:
    """The encoder that an index names, if loading it reaches nothing but what the index was built with.

    Raises Problem where the user has to name it.
    """
    with suppress(Problem):  # what the index says of its encoder is not the user's error
        resolved, files = _resolve(name)
        if _weights(files) == weights and (files or _is_listed(name)):
            return resolved
    raise Problem(f"The index names the encoder {name!r}, which is not here as it was. Name it with --encoder.")


def _resolve(spec: str) -> tuple[str, tuple[Path, ...]]:
    """The spec with an absolute path where it has one, and the local files that it stands for."""
    if not is_path(spec):
        raise Problem(f"No encoder is called {spec!r}. Give open_clip:ARCH/PRETRAINED, or a checkpoint folder.")
    if spec.startswith("open_clip:"):
        arch, pretrained = _parts(spec)
        if _is_listed(spec) or not Path(pretrained).is_file():
            return spec, ()
        path = Path(pretrained).resolve()
        return f"open_clip:{arch}/{path}", (path,)
    folder = Path(spec).resolve()
    if not folder.is_dir():
        raise Problem(f"There is no checkpoint folder {spec}. Give one, or open_clip:ARCH/PRETRAINED.")
    return str(folder), (folder / "model.json", folder / "model.safetensors")


def _parts(spec: str) -> tuple[str, str]:
    arch, _, pretrained = spec.removeprefix("open_clip:").partition("/")
    if not arch or not pretrained:
        raise Problem(f"{spec!r} lacks its weights. Write open_clip:ARCH/PRETRAINED, as in open_clip:ViT-B-32/openai.")
    return arch, pretrained


def _is_listed(spec: str) -> bool:
    """Whether open_clip's own list has the architecture and the tag."""
    if not spec.startswith("open_clip:"):
        return False
    from cirkit.encoders.open_clip_towers import tags

    arch, pretrained = _parts(spec)
    return pretrained in tags(arch)


def _weights(files: tuple[Path, ...]) -> str | None:
    if not files:
        return None
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise Problem(f"There is no {missing[0]}. Name a checkpoint folder, such as one under data/weights.")
    return hashlib.sha256("".join(map(digest, files)).encode()).hexdigest()


def _about(clip: Any) -> dict[str, Any]:
    """A CLIP's preprocessing as an index names it, in open_clip's words."""
    from cirkit.encoders.open_clip_towers import FITS

    preprocessing = clip.preprocessing
    return {
        "size": preprocessing.size,
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "interpolation": preprocessing.resample,
        "resize_mode": next(mode for mode, fit in FITS.items() if fit == preprocessing.fit),
        "quick_gelu": bool(clip.towers.config.get("quick_gelu", False)),
    }


def _fingerprint(arch: str, clip: Any, about: Mapping[str, Any]) -> str:
    """sha256 over the weights and the preprocessing: equal exactly where the vectors are."""
    digest = hashlib.sha256(repr((arch, sorted(about.items()))).encode())
    for name, tensor in sorted(clip.towers.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy() if tensor.ndim else b"")
        digest.update(repr(tensor.item()).encode() if not tensor.ndim else b"")
    return digest.hexdigest()
