"""T5: the encoder half, whose states CompoDiff reads beside CLIP's.

Raffel et al. (2020); CompoDiff §4.2 cuts and pads texts to 77 pieces and projects the states by one linear layer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.errors import Problem


class T5(nn.Module):
    """A T5EncoderModel; texts are cut and padded to `context` pieces, and `width` d is that of its states."""

    def __init__(self, network: nn.Module, tokenizer: Any, *, context: int):
        super().__init__()
        self.network, self.tokenizer, self.context = network, tokenizer, context
        self.width: int = network.config.d_model

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        """Every position's state, and which are pieces of the text, the end among them."""
        batch = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.context, return_tensors="pt"
        )
        batch = batch.to(self.network.device)
        return self.network(**batch).last_hidden_state, batch["attention_mask"].bool()


def t5(*, source: Path | str, context: int = 77) -> T5:
    """The encoder of the T5 of `source`: a local folder, or a name on the hub, such as "google/t5-v1_1-xl".

    Raises Problem where the source cannot be read or is not a whole T5.
    """
    ensure_torchvision()
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    with pretrained.reading(source, "T5", "tokenizer.json"):
        if T5Config.get_config_dict(source)[0].get("model_type") != "t5":
            raise Problem(f"{source} has no config.json of a T5. Name another model or folder.")
        tokenizer = T5Tokenizer.from_pretrained(source)
        network = pretrained.weights(T5EncoderModel, source, "T5")
    if max(tokenizer.get_vocab().values()) >= network.config.vocab_size:
        raise Problem(f"{source} has more pieces than word vectors. Download it again.")
    return T5(network, tokenizer, context=context)
