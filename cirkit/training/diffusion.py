"""How CompoDiff learns: to restore noised embeddings, in two stages; and how its one-shot rivals learn.

Gu et al. (2024), §3.2, eq. 1 to 3. The training code is not released; where the paper says nothing, the code of the
DALL·E 2 prior that it follows decides: the mean of squared differences over all channels, times drawn evenly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, pad

from cirkit.examples import Captions, Features, at_seed
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.compodiff import CompoDiff, EmbeddedQuery, Encoders
from cirkit.models.denoiser import SIDE
from cirkit.models.eclipse import OneShot, Student
from cirkit.models.masking import Segment, random_boxes, resize
from cirkit.query import Batch
from cirkit.training.distributed import gather
from cirkit.training.objectives import Loss, Objective

Noised = Callable[[Mapping[str, Tensor]], Tensor]  # the features of eq. 2 -> the embedding that noise is added to


def triplet_features(encoders: Encoders, batch: Batch) -> dict[str, Tensor]:
    """Triplets for `CachedFeatures`: `image`, `target`, the texts' tokens, and the mask where there is one."""
    query = batch.query
    features = {"image": encoders.image(query.image, query.mask), "target": encoders.image(batch.target)}
    mask = {} if query.mask is None else {"mask": resize(query.mask, SIDE, SIDE)}
    return features | mask | _tokens(encoders, query.text)


def caption_features(encoders: Encoders, batch: Captions) -> dict[str, Tensor]:
    """Captioned images for `CachedFeatures`, as stage 1 reads them: `target` and the captions' tokens."""
    return {"target": encoders.image(batch.image)} | _tokens(encoders, batch.text)


@dataclass(frozen=True)
class masked_caption_features:
    """Captioned images as stage 2 reads them: with a mask of each, and the image erased inside it as `image`."""

    segment: Segment = field(default_factory=random_boxes)

    def __call__(self, encoders: Encoders, batch: Captions) -> dict[str, Tensor]:
        mask = self.segment(batch.image, batch.text)
        masked = {"image": encoders.image(batch.image, mask), "mask": resize(mask, SIDE, SIDE)}
        return caption_features(encoders, batch) | masked


def _tokens(encoders: Encoders, texts: Sequence[str]) -> dict[str, Tensor]:
    named = enumerate(encoders.read(texts))
    return {f"{name} {i}": part for i, both in named for name, part in zip(("tokens", "words"), both, strict=True)}


def embedded(encoders: Encoders, features: Mapping[str, Tensor], *, drop: float = 0.0) -> EmbeddedQuery:
    """Queries from features; each text and each image gives way to its null with probability `drop`, a mask never.

    The last of the texts is the empty one, which is also every query's negative text.
    """
    with torch.no_grad():
        empty = encoders.read([""])
    texts = []
    for i, null in enumerate(empty):
        both = (features[f"tokens {i}"], null[0]), (features[f"words {i}"], null[1])
        longest = max(part.shape[1] for part in both[0])
        tokens = torch.cat([pad(part, (0, 0, 0, longest - part.shape[1])) for part in both[0]])
        texts.append((tokens, torch.cat([pad(part, (0, longest - part.shape[1])) for part in both[1]])))
    b, target = len(features["target"]), features["target"]
    text_lost, image_lost = torch.rand(2, b, device=target.device) < drop
    row, last = torch.arange(b, device=target.device), torch.full((b,), b, device=target.device)
    image = features.get("image", torch.zeros_like(target)).masked_fill(image_lost[:, None], 0)
    mask = features.get("mask", torch.zeros(b, SIDE, SIDE, dtype=torch.bool, device=target.device))
    return EmbeddedQuery(texts=tuple(texts), text=torch.where(text_lost, last, row), avoid=last, image=image, mask=mask)


def add_noise(clean: Float[Tensor, "b d"], time: Int[Tensor, " b"], alphas: Sequence[float]) -> Float[Tensor, "b d"]:
    """√ᾱ_t z + √(1 - ᾱ_t) ε."""
    alpha = torch.tensor(alphas, device=clean.device, dtype=clean.dtype)[time][:, None]
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * torch.randn_like(clean)


def _restore(model: CompoDiff, noised: Tensor, clean: Tensor, query: EmbeddedQuery) -> Float[Tensor, ""]:
    """The squared difference of a clean embedding and what the denoiser makes of a noised one, at random times."""
    time = torch.randint(len(model.alphas), (len(clean),), device=clean.device)
    noisy = add_noise(noised, time, model.alphas)[:, None]
    return mse_loss(model.denoiser(noisy, time, model.denoiser.context(query.conditions()))[:, 0], clean)


def _bare(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without image and mask."""
    return {name: part for name, part in features.items() if name not in ("image", "mask")}


@dataclass(frozen=True, kw_only=True)
class conversion:
    """Eq. 1, which is all of stage 1: from a caption to its image; no image is told, and nothing is masked."""

    drop: float = 0.1  # paper: "randomly"; Table A.1 has a dropout of 0.1

    def __call__(self, model: CompoDiff, batch: Features) -> Float[Tensor, ""]:
        clean = batch.tensors["target"]
        return _restore(model, clean, clean, embedded(model.encoders, _bare(batch.tensors), drop=self.drop))


def masked(features: Mapping[str, Tensor]) -> Float[Tensor, "b d"]:
    """Eq. 2 to the letter: noise is added to the embedding of the masked image, and the whole one's restored."""
    return features["image"]


def whole(features: Mapping[str, Tensor]) -> Float[Tensor, "b d"]:
    """Noise is added to the embedding that is restored, as in eq. 1 and 3."""
    return features["target"]


@dataclass(frozen=True, kw_only=True)
class masked_conversion:
    """Eq. 2: from a caption, an image without a region of it, and the mask of the region, to the whole image."""

    drop: float = 0.1
    noised: Noised = masked

    def __call__(self, model: CompoDiff, batch: Features) -> Float[Tensor, ""]:
        query = embedded(model.encoders, batch.tensors, drop=self.drop)
        return _restore(model, self.noised(batch.tensors), batch.tensors["target"], query)


@dataclass(frozen=True, kw_only=True)
class edit:
    """Eq. 3: from a reference image and a modification text to the target image."""

    drop: float = 0.1

    def __call__(self, model: CompoDiff, batch: Features) -> Float[Tensor, ""]:
        clean = batch.tensors["target"]
        return _restore(model, clean, clean, embedded(model.encoders, batch.tensors, drop=self.drop))


@dataclass(frozen=True, kw_only=True)
class Both:
    """Captioned images beside triplets, row by row; the longer goes through once while the shorter begins again."""

    captions: Features
    triplets: Features

    @property
    def texts(self) -> Sequence[str]:
        """The texts of both."""
        return [*self.captions.texts, *self.triplets.texts]

    def __len__(self) -> int:
        return max(len(self.captions), len(self.triplets))

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Both":
        captions, triplets = (part[index % len(part)] for part in (self.captions, self.triplets))
        return Both(captions=captions, triplets=triplets)

    def to(self, device: torch.device) -> "Both":
        """The same rows on `device`."""
        return Both(captions=self.captions.to(device), triplets=self.triplets.to(device))


@dataclass(frozen=True, kw_only=True)
class side_by_side:
    """The data of stage 2: features of captioned images and of triplets."""

    captions: Callable[[], Features]
    triplets: Callable[[], Features]

    def __call__(self) -> Both:
        return Both(captions=self.captions(), triplets=self.triplets())

    def of_seed(self, seed: int) -> "side_by_side":
        """Those that a run of `seed` reads."""
        return replace(self, captions=at_seed(self.captions, seed), triplets=at_seed(self.triplets, seed))


@dataclass(frozen=True, kw_only=True)
class stage_2:
    """One task for each update, drawn with these shares: conversion, masked conversion, edit."""

    shares: tuple[float, float, float] = (0.3, 0.3, 0.4)  # (0, 0, 1) is Table 8's row with eq. 3 alone
    conversion: Objective = field(default_factory=conversion)
    masked_conversion: Objective = field(default_factory=masked_conversion)
    edit: Objective = field(default_factory=edit)

    def __call__(self, model: CompoDiff, batch: Both) -> Float[Tensor, ""]:
        drawn = torch.multinomial(torch.tensor(self.shares), 1).item()
        task = (self.conversion, self.masked_conversion, self.edit)[drawn]
        return task(model, batch.triplets if task is self.edit else batch.captions)


@dataclass(frozen=True, kw_only=True)
class projection:
    """ECLIPSE's loss, on triplets: the squared difference to the target's vector and `weight` times a contrast.

    The paper contrasts an image with the texts of a batch; a query is contrasted with the targets.
    """

    loss: Loss = batch_softmax
    weight: float = 0.2
    drop: float = 0.0

    def __call__(self, model: OneShot, batch: Features) -> Float[Tensor, ""]:
        target = batch.tensors["target"]
        found = model.regressor(embedded(model.encoders, batch.tensors, drop=self.drop))
        return mse_loss(found, target) + self.weight * self.loss(model.score(gather(found), gather(target)))


@dataclass(frozen=True, kw_only=True)
class guided_distillation:
    """One minus the cosine of the student's vector and what its teacher samples under guidance.

    A share `avoid` of the queries has a negative text, that of another row; texts and images are dropped as in the
    teacher's training, so that the student answers a query of any parts. A target image is not looked at.
    """

    avoid: float = 0.25
    drop: float = 0.1

    def __call__(self, model: Student, batch: Features) -> Float[Tensor, ""]:
        query = embedded(model.encoders, batch.tensors, drop=self.drop)
        other = query.text.roll(1)
        chosen = torch.rand(len(other), device=other.device) < self.avoid
        query = replace(query, avoid=torch.where(chosen, other, query.avoid))
        aim = model.teacher.sample(query)
        return (1 - cosine_similarity(model.regressor(query), aim)).mean()
