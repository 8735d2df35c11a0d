"""transformers' CLIPModel as the towers of a CLIP, from a local folder or the hub.

LinCIR and CompoDiff read CLIP through transformers; their causal mask is given here as a mask of positions, which every
version of the library obeys.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.encoders.preprocessing import Preprocessing, shortest_side
from cirkit.errors import Problem

BOTH = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps",
    "attention_dropout",
)  # fmt: skip
TEXT = (*BOTH, "vocab_size", "max_position_embeddings", "pad_token_id", "bos_token_id", "eos_token_id")
IMAGE = (*BOTH, "num_channels", "image_size", "patch_size")
SPECIALS = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True, kw_only=True)
class ClipLayout:
    """A CLIPModel without its weights: what a checkpoint keeps beside them, so that nothing is fetched to load it."""

    text: Mapping[str, Any]
    image: Mapping[str, Any]
    width: int
    pieces: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    specials: Mapping[str, str]


class TransformersTowers(nn.Module):
    """A CLIPModel and its tokenizer."""

    def __init__(self, network: nn.Module, tokenizer: Any):
        super().__init__()
        text, image = network.config.text_config, network.config.vision_config
        self.network, self.tokenizer = network, tokenizer
        self.tokenizer.model_max_length = 10**9  # texts are cut here
        self.width: int = network.config.projection_dim
        self.word_width: int = text.hidden_size
        self.channels: int = image.hidden_size
        self.context: int = text.max_position_embeddings
        self.size: int = image.image_size
        self.start: int = tokenizer.bos_token_id
        self.end: int = tokenizer.eos_token_id
        self.padding: int = tokenizer.pad_token_id

    def image(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        return self.network.visual_projection(self.network.vision_model(pixel_values=pixels).pooler_output)

    def image_tokens(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b p e"]:
        tower = self.network.vision_model
        return tower.post_layernorm(tower(pixel_values=pixels).last_hidden_state)

    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]:
        return self.network.visual_projection(tokens)

    @property
    def image_blocks(self) -> nn.ModuleList:
        return self.network.vision_model.encoder.layers

    @property
    def text_blocks(self) -> nn.ModuleList:
        return self.network.text_model.encoder.layers

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=self.context, return_tensors="pt")
        pieces = batch["input_ids"].to(self.network.logit_scale.device)
        return self.network.text_projection(self.network.text_model(input_ids=pieces).pooler_output)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def embed(self, pieces: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
        return self.network.text_model.embeddings.token_embedding(pieces)

    def read(self, words: Float[Tensor, "b t c"]) -> Float[Tensor, "b t d"]:
        tower, t = self.network.text_model, words.shape[1]
        later = words.new_full((t, t), -torch.inf).triu(1)[None, None]  # (1, 1, t, t)
        states = words + tower.embeddings.position_embedding.weight[:t]
        states = tower.encoder(inputs_embeds=states, attention_mask=later).last_hidden_state
        return self.network.text_projection(tower.final_layer_norm(states))

    def layout(self) -> ClipLayout:
        """What it takes to lay it out again."""
        config, model = self.network.config, json.loads(self.tokenizer.backend_tokenizer.to_str())["model"]
        merges = (tuple(each.split() if isinstance(each, str) else each) for each in model["merges"])
        known = self.tokenizer.get_vocab()
        return ClipLayout(
            text={name: getattr(config.text_config, name) for name in TEXT},
            image={name: getattr(config.vision_config, name) for name in IMAGE},
            width=config.projection_dim,
            pieces=tuple(sorted(known, key=known.__getitem__)),
            merges=tuple(merges),
            specials={name: getattr(self.tokenizer, name) for name in SPECIALS},
        )


def blank(layout: ClipLayout) -> TransformersTowers:
    """Towers before their weights are put in. Raises Problem for a layout that no CLIPModel has."""
    ensure_torchvision()
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    other = (layout.text.keys() - set(TEXT)) | (layout.image.keys() - set(IMAGE))
    if other:
        raise Problem(f"A CLIPModel has no {min(other)!r}. Use a checkpoint cirkit saved.")
    vocabulary = {piece: number for number, piece in enumerate(layout.pieces)}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[tuple(pair) for pair in layout.merges], **layout.specials)
    config = CLIPConfig(text_config=dict(layout.text), vision_config=dict(layout.image), projection_dim=layout.width)
    return TransformersTowers(CLIPModel(config).eval(), tokenizer)


def load(source: Path | str, given: Preprocessing | None) -> tuple[TransformersTowers, Preprocessing]:
    """The towers of `source`, and `given` or its own preprocessing. Raises Problem where it is no whole CLIPModel."""
    ensure_torchvision()
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    with pretrained.reading(source, "CLIP", "tokenizer.json"):
        if CLIPConfig.get_config_dict(source)[0].get("model_type") != "clip":
            raise Problem(f"{source} has no config.json of a CLIP. Name another model or folder.")
        tokenizer = CLIPTokenizer.from_pretrained(source)
        network = pretrained.weights(CLIPModel, source, "CLIP")
        preprocessing = given or pretrained.preprocessing(
            source, network.config.vision_config.image_size, shortest_side
        )
    if len(tokenizer) > network.config.text_config.vocab_size or len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise Problem(f"{source} has no tokenizer that fits its weights ({len(tokenizer)} pieces). Download it again.")
    return TransformersTowers(network, tokenizer), preprocessing
