"""open_clip's networks as the towers of a CLIP, and where their weights come from.

Vectors are those of open_clip's own encode; tokens and words can be read where the towers are CLIP's own, a ViT or a
ResNet and a causal text tower, which leaves out networks of timm, texts of the hub and CoCa.
"""

import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.encoders.preprocessing import Preprocessing, direct_resize, shortest_side
from cirkit.encoders.pretrained import hub
from cirkit.errors import Problem, suggestion

NAMES = {"ViT-G/14": "ViT-bigG-14"}  # the papers' names that are not open_clip's with a stroke for a dash
FITS = {"shortest": shortest_side, "squash": direct_resize}  # by open_clip's resize_mode
PARTS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}  # of an architecture that is described


class OpenClipTowers(nn.Module):
    """`network` of open_clip by its description `config`; `tokenise` is its tokenizer."""

    padding = 0

    def __init__(self, network: nn.Module, tokenise: Any, config: Mapping[str, Any], name: str, size: int):
        super().__init__()
        self.network, self.tokenise, self.config, self.name = network, tokenise, config, name
        self.width: int = config["embed_dim"]
        self.size = size
        self.context: int = config["text_cfg"].get("context_length", 77)

    def image(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        return self.network.encode_image(pixels, normalize=False)

    def image_tokens(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b p e"]:
        visual = self._visual()
        if self._is_resnet():  # what its attention pool reads
            return (
                visual.forward_intermediates(pixels, 1, intermediates_only=True)["image_intermediates"][0].flatten(2).mT
            )
        found = visual.forward_intermediates(
            pixels,
            1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        return torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], dim=1)

    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]:
        return tokens @ self._transformer().proj

    @property
    def image_blocks(self) -> nn.ModuleList:
        return self._transformer().transformer.resblocks

    @property
    def text_blocks(self) -> nn.ModuleList:
        return self._textual().transformer.resblocks

    @property
    def channels(self) -> int:
        visual = self._visual()
        return visual.attnpool.positional_embedding.shape[1] if self._is_resnet() else visual.proj.shape[0]

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        pieces = self.tokenise(list(texts)).to(self.network.logit_scale.device)
        return self.network.encode_text(pieces, normalize=False)

    def encode(self, text: str) -> list[int]:
        self._textual()
        return self.tokenise.encode(text)

    @property
    def start(self) -> int:
        return self.tokenise.sot_token_id

    @property
    def end(self) -> int:
        return self.tokenise.eot_token_id

    @property
    def word_width(self) -> int:
        return self._textual().token_embedding.embedding_dim

    def embed(self, pieces: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
        return self._textual().token_embedding(pieces)

    def read(self, words: Float[Tensor, "b t c"]) -> Float[Tensor, "b t d"]:
        tower, t = self._textual(), words.shape[1]
        states = tower.transformer(words + tower.positional_embedding[:t], attn_mask=tower.attn_mask[:t, :t])
        states, project = tower.ln_final(states), tower.text_projection
        return project(states) if isinstance(project, nn.Linear) else states @ project

    def _is_resnet(self) -> bool:
        return isinstance(self.config["vision_cfg"].get("layers", 12), Sequence)

    def _visual(self) -> nn.Module:
        """The image tower, if it is CLIP's. Raises Problem."""
        config = self.config["vision_cfg"]
        other = config.get("timm_model_name") or config.get("attentional_pool") or config.get("final_ln_after_pool")
        if other or config.get("pool_type", "tok") != "tok":
            raise Problem(f"The image tower of {self.name} is not CLIP's, and gives no tokens. Use ViT-B-32 or RN50.")
        return self.network.visual

    def _transformer(self) -> nn.Module:
        """The image tower, if it is a Transformer of CLIP. Raises Problem."""
        if self._is_resnet():
            raise Problem(f"The image tower of {self.name} is a ResNet, not a Transformer. Use ViT-B-32.")
        return self._visual()

    def _textual(self) -> nn.Module:
        """The text tower, if it is CLIP's; `CLIP` of open_clip holds its parts itself. Raises Problem."""
        config = self.config["text_cfg"]
        other = config.keys() & {"hf_model_name", "hf_tokenizer_name", "embed_cls", "no_causal_mask", "proj_type"}
        if other or config.get("pool_type", "argmax") != "argmax":
            raise Problem(f"The text tower of {self.name} is not CLIP's, and its words cannot be read. Use ViT-B-32.")
        return getattr(self.network, "text", self.network)


def load(
    arch: str | Mapping[str, Any], pretrained: str | None, given: Preprocessing | None = None
) -> tuple[OpenClipTowers, Preprocessing]:
    """The towers in evaluation mode, and `given` or the preprocessing of their weights. Raises Problem."""
    library = open_clip_library()
    if isinstance(arch, str):
        towers, own = _listed(library, NAMES.get(arch, arch.replace("/", "-")), pretrained)
    else:
        towers, own = _described(library, arch, pretrained)
    return towers, given or own


def tags(arch: str) -> list[str]:
    """The pretrained weights that open_clip lists for one of its own architectures. Raises Problem for another."""
    library = open_clip_library()
    if arch not in library.list_models():
        advice = suggestion(arch, library.list_models()) or "open_clip.list_models() names them all."
        raise Problem(f"open_clip knows no architecture {arch!r}. {advice}")
    return library.list_pretrained_tags_by_model(arch)


def open_clip_library() -> ModuleType:
    """open_clip itself. Raises Problem where it is not installed."""
    ensure_torchvision()
    try:
        with warnings.catch_warnings():  # notes of its own dependencies
            warnings.simplefilter("ignore")
            import open_clip
    except ImportError as error:
        raise Problem("open_clip is not installed. Run: pip install open_clip_torch") from error
    return open_clip


def _listed(library: ModuleType, arch: str, pretrained: str | None) -> tuple[OpenClipTowers, Preprocessing]:
    known = tags(arch)  # before anything else: open_clip would look up other names on a hub
    config = library.get_model_config(arch)
    local = pretrained is not None and pretrained not in known
    if local and not Path(pretrained).is_file():
        tell = f"Its tags: {', '.join(known)}." if known else "It has no tags, so give the path of a file."
        raise Problem(f"{pretrained!r} is neither a file nor a tag of {arch}. {tell}")
    if local and "openai" in Path(pretrained).name.casefold() and not config.get("quick_gelu", False):
        raise Problem(f"OpenAI's weights ({pretrained}) use QuickGELU, {arch} does not. Use {arch}-quickgelu.")
    if pretrained is None and any(key.startswith("hf_") for key in config["text_cfg"]):
        raise Problem(f"{arch} takes parts of its text tower from a hub. Give its weights, or another architecture.")
    with _loading(arch, pretrained, local):
        network = library.create_model(arch, pretrained, device=torch.get_default_device(), pretrained_text=False)
        tokenise = library.get_tokenizer(arch)
    settings = library.get_model_preprocess_cfg(network)
    sides = settings["size"] if isinstance(settings["size"], Sequence) else (settings["size"],) * 2
    if sides[0] != sides[1]:
        raise Problem(f"{arch} reads images of {sides[0]} by {sides[1]} pixels. Choose an architecture for squares.")
    preprocessing = Preprocessing(
        size=int(sides[0]),
        mean=tuple(float(value) for value in settings["mean"]),
        std=tuple(float(value) for value in settings["std"]),
        fit=FITS[settings.get("resize_mode", "shortest")],
        resample=settings.get("interpolation", "bicubic"),
    )
    return OpenClipTowers(network.eval(), tokenise, config, arch, preprocessing.size), preprocessing


def _described(
    library: ModuleType, arch: Mapping[str, Any], pretrained: str | None
) -> tuple[OpenClipTowers, Preprocessing]:
    name, parts = "the described architecture", [arch.get("vision_cfg"), arch.get("text_cfg")]
    if not arch.keys() <= PARTS or not all(isinstance(part, Mapping) for part in parts):
        raise Problem(f"An architecture has {', '.join(sorted(PARTS))} and nothing else. Correct its description.")
    if any(key.startswith(("hf_", "timm_")) for part in parts for key in part):
        raise Problem("A described architecture takes no parts from timm or a hub. Name one of open_clip's own.")
    try:
        network = library.CLIP(**{key: dict(part) if isinstance(part, Mapping) else part for key, part in arch.items()})
    except TypeError as error:
        raise Problem(f"open_clip has no such architecture ({error}). Correct its description.") from error
    tokenise = library.tokenizer.SimpleTokenizer(context_length=network.context_length)
    if network.vocab_size < tokenise.vocab_size:
        raise Problem(
            f"CLIP's texts have {tokenise.vocab_size} pieces, not {network.vocab_size}. Leave out vocab_size."
        )
    if pretrained is not None:
        with _loading(name, pretrained, True):
            library.load_checkpoint(network, pretrained)
    size = arch["vision_cfg"].get("image_size", 224)
    return OpenClipTowers(network.eval(), tokenise, arch, name, size), Preprocessing(size=size)


@contextmanager
def _loading(arch: str, pretrained: str | None, local: bool) -> Iterator[None]:
    """What open_clip raises and logs on the way, as one sentence."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), nullcontext() if local else hub():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="QuickGELU mismatch")
            yield
    except UserWarning as error:
        other = arch.removesuffix("-quickgelu") if arch.endswith("-quickgelu") else f"{arch}-quickgelu"
        raise Problem(f"The weights {pretrained!r} and {arch} disagree on QuickGELU. Use {other}.") from error
    except Exception as error:  # download, unpickling and shape errors have no common type in open_clip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if local and (isinstance(error, pickle.UnpicklingError) or "TorchScript" in reason):
            raise Problem(
                f"The file {pretrained} does not hold tensors alone: it is damaged, or would run code when it is read. "
                "Save its weights as safetensors where you trust it."
            ) from error
        if local:
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
