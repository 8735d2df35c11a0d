"""BLIP: a ViT and a BERT with one joint space, whose tokens PVLF reads.

Li et al. (2022); PVLF §4 and TransAgg take BLIP-base, fine-tuned for retrieval on COCO: all image tokens and all 35
text tokens, each through its projection.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.encoders.preprocessing import Preprocessing, direct_resize
from cirkit.errors import Problem


class Blip(nn.Module):
    """BlipForImageTextRetrieval without its matching head in use; texts are cut and padded to `context` pieces.

    `width` d is that of the joint space, `channels` e of the image tower's tokens. Vectors are those of the class
    tokens, not normalised.
    """

    def __init__(self, network: nn.Module, tokenizer: Any, preprocessing: Preprocessing, *, context: int):
        super().__init__()
        self.network, self.tokenizer = network, tokenizer
        self.preprocessing, self.context = preprocessing, context
        self.width: int = network.vision_proj.out_features
        self.channels: int = network.vision_proj.in_features

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.project(self.image_tokens(images)[:, 0])

    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b p e"]:
        """All tokens after the last norm, the class token first."""
        return self.network.vision_model(pixel_values=self.preprocessing(images)).last_hidden_state

    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]:
        """Image tokens into the joint space."""
        return self.network.vision_proj(tokens)

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        return self.text_tokens(texts)[0][:, 0]

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        """Every position in the joint space, and which are pieces of the text, from class token to separator."""
        batch = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.context,
            return_token_type_ids=False,
            return_tensors="pt",
        )
        batch = batch.to(self.network.vision_proj.weight.device)
        states = self.network.text_encoder(**batch).last_hidden_state
        return self.network.text_proj(states), batch["attention_mask"].bool()

    def text_position(self, mask: Bool[Tensor, "b t"]) -> Int[Tensor, " b"]:
        """Which of a text's tokens is its vector: the first."""
        return mask.new_zeros(len(mask), dtype=int)


def blip(*, source: Path | str, context: int = 35, preprocessing: Preprocessing | None = None) -> Blip:
    """The BLIP of `source`: a local folder, or a name on the hub, such as "Salesforce/blip-itm-base-coco".

    Without `preprocessing` it is that of preprocessor_config.json; TransAgg and PVLF give CLIP4Cir's. Raises Problem
    where the source cannot be read or is not a whole BLIP for retrieval.
    """
    ensure_torchvision()
    from transformers import BertTokenizer, BlipConfig, BlipForImageTextRetrieval

    with pretrained.reading(source, "BLIP", "vocab.txt"):
        if BlipConfig.get_config_dict(source)[0].get("model_type") != "blip":
            raise Problem(f"{source} has no config.json of a BLIP. Name another model or folder.")
        tokenizer = BertTokenizer.from_pretrained(source)
        network = pretrained.weights(BlipForImageTextRetrieval, source, "BLIP")
        size = network.config.vision_config.image_size
        own = preprocessing or pretrained.preprocessing(source, size, direct_resize)
    if len(tokenizer) > network.config.text_config.vocab_size:
        raise Problem(f"{source} has more pieces than word vectors. Download it again.")
    if own.size != size:
        raise Problem(f"BLIP reads images of {size} pixels, the preprocessing gives {own.size}. Give its own size.")
    return Blip(network, tokenizer, own, context=context)
