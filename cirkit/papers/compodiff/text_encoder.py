"""A text encoder that has read language alone, beside CLIP's: T5, or the small BERT of the synthetic data's corpus.

CompoDiff §5.1 and Table 7: "a text-oriented model such as T5 in addition to the CLIP textual encoder".
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.encoders.bert import load
from cirkit.encoders.t5 import t5
from cirkit.worlds import corpus
from cirkit.worlds.corpus import bert_folder


class BertStates(nn.Module):
    """The last states of a BERT; texts are cut and padded to `context` pieces, and `width` d is that of its states."""

    def __init__(self, network: nn.Module, tokenizer: Any, *, context: int):
        super().__init__()
        self.network, self.tokenizer, self.context = network, tokenizer, context
        self.width: int = network.config.hidden_size

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        """Every position's state, and which are pieces of the text, start and end among them."""
        batch = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.context, return_tensors="pt"
        ).to(self.network.device)
        states = self.network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return states, batch["attention_mask"].bool()


def world_bert_states(*, size: corpus.Size, context: int) -> BertStates:
    """The BERT of the corpus of this size, learnt first where it is not there yet."""
    tokenizer, network = load(bert_folder(size))
    return BertStates(network, tokenizer, context=context)


def language_model(scale: str, context: int) -> Callable[[], nn.Module]:
    """The text encoder of a scale; at `paper` scale T5-XL, of which the paper does not say which release."""
    if scale == "paper":
        return partial(t5, source="google/t5-v1_1-xl", context=context)
    return partial(world_bert_states, size=corpus.SIZES[scale], context=context)
