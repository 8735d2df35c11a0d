"""Weights that git keeps, because many rows begin from them and a training ends elsewhere on another processor.

No paper; the world CLIP's, of whose tens of thousands of pieces of words the training's texts have a few hundred, and
the region encoder's.
"""

import json
import zlib
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from cirkit.errors import Problem
from cirkit.experiments.experiment import weights_folder
from cirkit.experiments.trainings import FACTS, kept_folder, load, read
from cirkit.files import write_atomically
from cirkit.query import Query
from cirkit.training.loop import Training

MOST_BYTES = 20_000_000  # of one training's weights, compressed as git does
COMMON = 5000  # pieces of a vocabulary that stay as they are, learned or not: CLIP's is ordered by how common they are
BATCH = 256


def keep(training: Training, seed: int) -> Path:
    """Copy the weights of data/weights to data/pretrained, and give that folder.

    Rows of tables of embeddings that no text of the training reads are rounded to bfloat16, but for the most common
    pieces: they were never learned, and half of their digits is half of the bytes. Raises Problem where the weights
    are missing, or too many even so.
    """
    from safetensors.torch import save

    where, kept = weights_folder(training, seed), kept_folder(training, seed)
    if read(where) is None:
        raise Problem(f"{where} holds no whole training. Run the experiment first, with --again if it has a record.")
    model = load(where, training)
    words = json.loads((where / "model.json").read_text(encoding="utf-8"))["words"]  # of all its texts
    learned = rows_read(model, words)
    with torch.no_grad():
        for name, rows in learned.items():
            table = model.get_parameter(f"{name}.weight")
            rows[:COMMON] = True
            table[~rows] = table[~rows].bfloat16().to(table.dtype)
    content = save({name: each.contiguous() for name, each in model.state_dict().items()})
    if (size := len(zlib.compress(content))) > MOST_BYTES:
        raise Problem(f"The weights have {size / 1e6:.0f} MB; git keeps at most {MOST_BYTES / 1e6:.0f} here.")
    (kept / FACTS).unlink(missing_ok=True)
    write_atomically(kept / "model.safetensors", content)
    for name in ("model.json", FACTS):
        write_atomically(kept / name, (where / name).read_text(encoding="utf-8"))
    return kept


@torch.no_grad()
def rows_read(model: nn.Module, texts: list[str]) -> dict[str, Bool[Tensor, " n"]]:
    """By name of a table of embeddings, which of its n rows are read while `model` composes `texts`."""
    tables = {name: part for name, part in model.named_modules() if isinstance(part, nn.Embedding)}
    if not tables:  # a model of images alone may compose nothing
        return {}
    found = {name: torch.zeros(part.num_embeddings, dtype=torch.bool) for name, part in tables.items()}
    names = {part: name for name, part in tables.items()}

    def note(part: nn.Module, given: tuple[Tensor, ...]) -> None:
        found[names[part]][given[0].flatten()] = True

    handles = [part.register_forward_pre_hook(note) for part in tables.values()]
    for start in range(0, len(texts), BATCH):
        model.compose(Query(text=texts[start : start + BATCH]))
    for handle in handles:
        handle.remove()
    return found
