"""Examples: what a training reads. Captions, questions, and features that a model has computed once.

Triplets (`cirkit.query`) are examples, too; a training asks for nothing but rows, and the texts of its vocabulary.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cirkit.declare import PACKAGE, code_hash, describe
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Images


@runtime_checkable
class Examples(Protocol):
    """Training data by rows; a batch has `to(device)`, and `__getitem__` for some of its rows."""

    @property
    def texts(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Int[Tensor, " b"]) -> Any: ...


def at_seed(data: Callable[[], Any], seed: int) -> Callable[[], Any]:
    """`data` as a run of `seed` reads them: another draw for each seed where `data` has `of_seed`, else the same."""
    of_seed = getattr(data, "of_seed", None)
    return data if of_seed is None else of_seed(seed)


@dataclass(frozen=True, kw_only=True)
class Captions:
    """Texts alone, or images and texts; row i of every part belongs together. A batch has its images decoded.

    `reference` numbers the images, so that captions of one are told apart; `group` names each row's category.
    """

    text: Sequence[str]
    image: Images | None = None
    reference: Int[Tensor, " n"] | None = None
    group: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _agree("captions", self.text, self.image, self.reference, self.group)

    def __len__(self) -> int:
        return len(self.text)

    @property
    def texts(self) -> Sequence[str]:
        """The captions, for the vocabulary."""
        return self.text

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Captions":
        return Captions(**{name: _rows(part, index) for name, part in vars(self).items()})

    def to(self, device: torch.device) -> "Captions":
        """The same rows with decoded images on `device`."""
        return replace(self, image=_on(self.image, device))


@dataclass(frozen=True)
class Words:
    """What an OCR system read in an image: words, and left, top, right, bottom in parts of its sides."""

    text: tuple[str, ...]
    boxes: Float[np.ndarray, "t 4"]


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Questions about images; row i of every part belongs to question i, but `images` are counted by `about`.

    `answers` are what people gave to each: one (CLEVR) or ten (TextVQA); None where they are not published. `words` are
    those read in its image; `group` is its type. A batch has an image for each question, decoded.
    """

    images: Images
    about: Int[Tensor, " q"]  # the image of each question
    text: Sequence[str]
    answers: Sequence[Sequence[str]] | None = None
    words: Sequence[Words] | None = None
    group: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _agree("questions", self.text, self.about, self.answers, self.words, self.group)

    def __len__(self) -> int:
        return len(self.text)

    @property
    def texts(self) -> Sequence[str]:
        """The questions, for the vocabulary."""
        return self.text

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Questions":
        return Questions(
            images=self.images[self.about[index]],
            about=torch.arange(len(index)),
            text=_rows(self.text, index),
            answers=_rows(self.answers, index),
            words=_rows(self.words, index),
            group=_rows(self.group, index),
        )

    def to(self, device: torch.device) -> "Questions":
        """The same rows with decoded images on `device`."""
        return replace(self, images=_on(self.images, device))


@dataclass(frozen=True, kw_only=True)
class Features:
    """What a model computed of examples, by name: row i of every tensor belongs to example i."""

    tensors: Mapping[str, Shaped[Tensor, "n ..."]]
    texts: Sequence[str] = ()
    reference: Int[Tensor, " n"] | None = None
    group: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _agree("features", *self.tensors.values(), self.reference, self.group)

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Features":
        return Features(
            tensors={name: tensor[index] for name, tensor in self.tensors.items()},
            reference=_rows(self.reference, index),
            group=_rows(self.group, index),
        )

    def to(self, device: torch.device) -> "Features":
        """The same rows on `device`."""
        return replace(self, tensors={name: tensor.to(device) for name, tensor in self.tensors.items()})


@dataclass(frozen=True, kw_only=True)
class CachedFeatures:
    """Data whose features a model computes once, for all trainings that read them.

    `encode(model, batch)` gives a batch's features by name, on the device where `model()` is. They lie in a safetensors
    file below `root` (by default `features` in the data folder), named by the fingerprints of model and data: another
    configuration, other weights or other code compute anew.
    """

    data: Callable[[], Examples]
    model: Callable[[], nn.Module]
    encode: Callable[[nn.Module, Any], Mapping[str, Tensor]]
    batch: int = 64
    root: Path | str | None = None

    def __call__(self) -> Features:
        """The features of all examples, computed where no whole file of them is there."""
        examples, model = self.data(), self.model().eval()
        path = self._path(model)
        tensors = _read(path, len(examples))
        if tensors is None:
            tensors = self.compute(model, examples)
            _write(path, tensors)
        names = ("reference", "group")
        return Features(
            tensors=tensors, texts=examples.texts, **{name: getattr(examples, name, None) for name in names}
        )

    def of_seed(self, seed: int) -> "CachedFeatures":
        """The features of the data that a run of `seed` reads."""
        return replace(self, data=at_seed(self.data, seed))

    @torch.no_grad()
    def compute(self, model: nn.Module, examples: Examples) -> dict[str, Tensor]:
        """The features of all examples by name, computed now, whatever lies in a file."""
        device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
        parts: list[Mapping[str, Tensor]] = []
        with closing(decoded_ahead(examples, torch.arange(len(examples)).split(self.batch))) as batches:
            for batch in batches:
                parts.append({name: t.cpu() for name, t in self.encode(model, batch.to(device)).items()})
        return {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}

    def _path(self, model: nn.Module) -> Path:
        model_key = {"model": describe(self.model), "encode": describe(self.encode), "weights": weights_digest(model)}
        keys = [model_key, describe(self.data), code_hash([self.model, self.encode]), code_hash(self.data)]
        key = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:32]
        home = Path(os.environ.get("CIRKIT_DATA", PACKAGE.parent / "data")) / "features"
        return Path(self.root or home) / f"{key}.safetensors"


def decoded_ahead(examples: Examples, rows: Iterable[Tensor]) -> Iterator[Any]:
    """The batches of `rows` in their order; while one is in use a thread decodes the next, and no further one.

    What decoding raises is raised where its batch is due.
    """
    with ThreadPoolExecutor(1, "decode") as thread:
        due = None
        for each in rows:
            following = thread.submit(examples.__getitem__, each)
            if due is not None:
                yield due.result()
            due = following
        if due is not None:
            yield due.result()


def weights_digest(model: nn.Module) -> str:
    """Hexadecimal digits that change with any weight's name, type, shape or value."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _read(path: Path, n: int) -> dict[str, Tensor] | None:
    """The tensors of a file, or None where it is missing, damaged, or not of n examples."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError):
        return None
    return tensors if tensors and {len(tensor) for tensor in tensors.values()} == {n} else None


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    write_atomically(path, save(dict(tensors)))


def _agree(noun: str, *parts: Any) -> None:
    """Raises Problem where the parts that are there differ in length, or there is none."""
    sizes = {len(part) for part in parts if part is not None}
    if len(sizes) != 1:
        raise Problem(f"The parts of {noun} differ in length ({sorted(sizes)}); give each the same number of rows.")


def _rows(part: Any, index: Int[Tensor, " b"]) -> Any:
    """The rows of a part: lists and tuples one by one, images and tensors at once."""
    if part is None:
        return None
    return [part[row] for row in index.tolist()] if isinstance(part, list | tuple) else part[index]


def _on(image: Images | None, device: torch.device) -> Images | None:
    return image.to(device) if isinstance(image, Tensor) else image
