"""How PALAVRA's f_θ learns: a set of images of one concept becomes a word that reads as the concept's name.

Cohen et al. (2022), §4.2. Images' and captions' vectors come computed; a caption must name the concept of its image.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.examples import Captions, Features
from cirkit.losses.contrastive import nt_xent
from cirkit.models.oti import TEMPLATES
from cirkit.models.palavra import PALAVRA


@dataclass(frozen=True, kw_only=True)
class named_images:
    """Those images and captions of the data whose caption names one of `concepts`, which is their `group`.

    Of several names the longest counts, and of these the first that is listed. Raises Problem where none is named.
    """

    data: Callable[[], Captions]
    concepts: tuple[str, ...]

    def __call__(self) -> Captions:
        """Decoded as `data` has them."""
        examples, rows, group = self.data(), [], []
        patterns = [(name, re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")) for name in self._longest_first()]
        for row, text in enumerate(examples.text):
            name = next((name for name, pattern in patterns if pattern.search(text)), None)
            if name is not None:
                rows.append(row)
                group.append(name)
        if not rows:
            raise Problem("No caption names one of the concepts. Give concepts that the captions speak of.")
        there = examples[torch.tensor(rows)]
        return Captions(text=there.text, image=there.image, group=group)

    def _longest_first(self) -> list[str]:
        return sorted(self.concepts, key=lambda name: -len(name))


def named_features(clip: nn.Module, batch: Captions) -> dict[str, Tensor]:
    """Unit vectors of images and of their captions."""
    return {"image": normalize(clip.image(batch.image), dim=-1), "text": normalize(clip.text(batch.text), dim=-1)}


@dataclass(frozen=True)
class sets_of_one_concept:
    """Batches of sets, `size` rows of one concept after the other; no concept twice in a batch.

    Within a set rows may come again, as where a concept has fewer. Raises Problem where concepts are too few.
    """

    size: int = 5

    def __call__(self, examples: Features, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
        names = list(dict.fromkeys(examples.group))
        owner = torch.tensor([names.index(name) for name in examples.group])
        members, count = [(owner == number).nonzero()[:, 0] for number in range(len(names))], batch // self.size
        if not 1 < count <= len(names):
            raise Problem(
                f"A batch of {batch} has {count} sets of {self.size}, of {len(names)} concepts. Choose a batch of "
                f"{2 * self.size} to {len(names) * self.size}."
            )
        while True:
            chosen = torch.randperm(len(names), generator=generator)[:count].tolist()
            rows = [members[one][torch.randint(len(members[one]), (self.size,), generator=generator)] for one in chosen]
            yield torch.cat(rows)


@dataclass(frozen=True, kw_only=True)
class name_concepts:
    """A word for each set of a batch of `sets_of_one_concept`, of its images and again of its captions.

    For either, the contrastive loss between a template with the word and the template with the name, and the squared
    distance of the word to the name's first piece, both of length one. The captions are first taken by A to where
    images are; A learns by the squared distance from a caption to its image.
    """

    # paper: captions are also rewritten with names of other concepts; released code: and turn by turn, not at once
    size: int = 5
    templates: tuple[str, ...] = TEMPLATES
    loss: nt_xent = field(default_factory=nt_xent)
    weight: float = 1.0  # released code: 512 times a mean over 512 dimensions

    def __call__(self, model: PALAVRA, batch: Features) -> Float[Tensor, ""]:
        names = batch.group[:: self.size]
        image, text = (normalize(batch.tensors[part], dim=-1) for part in ("image", "text"))
        aligned = normalize(model.align(text), dim=-1)
        template = self.templates[int(torch.rand(()) * len(self.templates))]
        with torch.no_grad():
            spoken = normalize(model.clip.text([template.replace("$", name) for name in names]), dim=-1)
            first = normalize(model.clip.word_embeddings(names)[:, 1], dim=-1)  # after the start
        whole = (aligned - image).square().sum(-1).mean()
        for vectors in (image, aligned.detach()):
            word = model.invert(vectors.unflatten(0, (-1, self.size)))  # (b, 1, c)
            read = normalize(model.clip.text_with([template] * len(names), word), dim=-1)
            views = torch.cat([spoken, read])
            near = (normalize(word[:, 0], dim=-1) - first).square().sum(-1).mean()
            whole = whole + self.loss(views @ views.mT) + self.weight * near
        return whole
