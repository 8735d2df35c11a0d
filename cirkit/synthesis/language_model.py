"""Caption triplets by a language model: it reads a caption and writes an instruction and the changed caption.

Gu et al. (2024), "CompoDiff", §4.2: OPT-6.7B with LoRA, tuned on InstructPix2Pix's triplets (Brooks et al., 2023), with
its delimiters. Any causal model of transformers will do.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.files import write_atomically
from cirkit.synthesis.base import CaptionTriplet, Route
from cirkit.synthesis.low_rank import add_low_rank

TRIES = 100  # captions that are completed for each triplet that is wanted, before the route gives up
AFTER_CAPTION, AFTER_INSTRUCTION, END = "\n##\n", "\n%%\n", "\nEND"  # InstructPix2Pix's


class TripletWriter(nn.Module):
    """A causal language model with LoRA, which completes `caption ## ` to `instruction %% changed caption END`.

    `source` is a folder of transformers, or a name on the hub; `layers` are the linear layers that learn. Raises
    Problem where the source cannot be read.
    """

    def __init__(
        self,
        texts: Sequence[str] = (),
        *,
        source: Path | str,
        layers: tuple[str, ...] = ("q_proj", "v_proj"),
        rank: int = 8,
        alpha: float = 16.0,
        longest: int = 256,  # pieces of a triplet
    ):
        super().__init__()
        ensure_torchvision()
        from transformers import AutoModelForCausalLM, AutoTokenizer

        with pretrained.reading(source, "a causal language model", "the tokenizer's files"):
            self.tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
            self.network = pretrained.weights(AutoModelForCausalLM, source, "the language model")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.longest = longest
        add_low_rank(self.network, layers, rank, alpha)

    def loss(self, texts: Sequence[str]) -> Float[Tensor, ""]:
        """The mean negative log-likelihood of the pieces of whole triplets, padding left out."""
        pieces = self._pieces(texts)
        predicted = self.network(input_ids=pieces.input_ids, attention_mask=pieces.attention_mask).logits[:, :-1]
        aim = pieces.input_ids[:, 1:].masked_fill(pieces.attention_mask[:, 1:] == 0, -100)
        return cross_entropy(predicted.flatten(0, 1).float(), aim.flatten())

    @torch.no_grad()
    def complete(self, captions: Sequence[str], seed: int, temperature: float = 0.7) -> list[str]:
        """What follows each caption, one continuation each, drawn from the seed; the global state stays as it was."""
        pieces = self._pieces([caption + AFTER_CAPTION for caption in captions])
        settings = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            whole = self.network.generate(
                input_ids=pieces.input_ids,
                attention_mask=pieces.attention_mask,
                max_new_tokens=self.longest,
                pad_token_id=self.tokenizer.pad_token_id,
                stopping_criteria=[self._ended],
                **settings,
            )
        new = whole[:, pieces.input_ids.shape[1] :]
        return self.tokenizer.batch_decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _ended(self, pieces: Int[Tensor, "b t"], *unused: Any, **also_unused: Any) -> Bool[Tensor, " b"]:
        """Which rows have written the end."""
        written = self.tokenizer.batch_decode(pieces[:, -8:])
        return torch.tensor([END in text for text in written], device=pieces.device)

    def _pieces(self, texts: Sequence[str]) -> Any:
        settings = {"return_tensors": "pt", "padding": True, "truncation": True, "max_length": self.longest}
        return self.tokenizer(list(texts), **settings).to(self.network.device)

    def save(self, path: Path) -> None:
        """Write what LoRA learnt, and nothing of the network that it stands in."""
        from safetensors.torch import save

        learnt = {name: each.detach().contiguous() for name, each in self.named_parameters() if each.requires_grad}
        write_atomically(path, save(learnt))

    def load(self, path: Path) -> "TripletWriter":
        """Take what `save` wrote. Raises Problem where it is of other layers, of another rank, or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        wanted = {name for name, each in self.named_parameters() if each.requires_grad}
        try:
            learnt = load_file(path)
            if learnt.keys() != wanted:
                raise KeyError("it is of other layers")
            self.load_state_dict(learnt, strict=False)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise Problem(f"{path} does not fit this language model ({reason}). Tune it again.") from error
        return self


def as_text(triplet: CaptionTriplet) -> str:
    """A triplet as the model learns it."""
    return f"{triplet.reference}{AFTER_CAPTION}{triplet.instruction}{AFTER_INSTRUCTION}{triplet.target}{END}"


@dataclass(frozen=True)
class triplet_texts:
    """Caption triplets of a route as training data: the first `count` of shard 0."""

    route: Route
    count: int

    def __call__(self) -> Captions:
        return Captions(text=[as_text(each) for each in self.route(0, self.count)])


def next_piece(model: TripletWriter, batch: Captions) -> Float[Tensor, ""]:
    """The objective that tunes a `TripletWriter`."""
    return model.loss(batch.text)


def parse(caption: str, completion: str) -> CaptionTriplet | None:
    """The triplet that a completion writes; None where it keeps no form, never ends, or changes nothing."""
    body, end, _ = completion.partition(END)
    instruction, _, target = (part.strip() for part in body.partition(AFTER_INSTRUCTION))
    if not (end and instruction and target) or "\n" in instruction + target or _plain(target) == _plain(caption):
        return None
    return CaptionTriplet(reference=caption, instruction=instruction, target=target)


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


@dataclass(frozen=True, kw_only=True)
class language_model:
    """The route of §4.2: captions are drawn, and what the model writes is kept where it is a triplet."""

    captions: Callable[[], Sequence[str]]
    writer: Callable[[], TripletWriter]
    temperature: float = 0.7
    batch: int = 16
    seed: int = 0

    @cached_property
    def tools(self) -> tuple[Sequence[str], TripletWriter]:
        """The captions, and the model in evaluation mode."""
        return self.captions(), self.writer().eval()

    def __call__(self, shard: int, count: int) -> Sequence[CaptionTriplet]:
        """`count` triplets. Raises Problem where the model hardly writes any."""
        found: list[CaptionTriplet] = []
        for triplets in self._batches(shard, TRIES * count // self.batch + 1):
            found += triplets
            if len(found) >= count:
                return found[:count]
        raise Problem(f"The language model wrote {len(found)} of {count} triplets. Tune it for longer.")

    def _batches(self, shard: int, most: int) -> Iterator[list[CaptionTriplet]]:
        rng = np.random.default_rng([self.seed, shard, 63])
        captions, writer = self.tools
        for _ in range(most):
            drawn = [captions[row] for row in rng.integers(len(captions), size=self.batch).tolist()]
            written = writer.complete(drawn, int(rng.integers(2**62)), self.temperature)
            every = (parse(caption, text) for caption, text in zip(drawn, written, strict=True))
            yield [each for each in every if each is not None]
