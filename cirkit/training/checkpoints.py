"""A trained model in a folder: model.safetensors and model.json, nothing that can run code.

model.json holds the model's declaration and its words, so the folder alone gives the model back.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.files import write_atomically


def save(
    folder: Path, model: nn.Module, factory: Callable[[Sequence[str]], nn.Module], texts: Sequence[str], size: int
) -> None:
    """Write the weights of `model`, which `factory(texts)` made and which was trained on pictures of `size` pixels."""
    from safetensors.torch import save as to_bytes

    # words in first-seen order make the same vocabulary as the sentences did
    words = list(dict.fromkeys(word for text in texts for word in text.split()))
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(folder / "model.safetensors", to_bytes(state))
    plain = {"model": describe(factory), "words": words, "size": size}
    write_atomically(folder / "model.json", json.dumps(plain, indent=1) + "\n")


def load(folder: Path) -> nn.Module:
    """The model of a folder, in evaluation mode. Raises Problem when it is not one that cirkit saved."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    plain = _plain(folder)
    try:
        model = rebuild(plain["model"])(plain["words"])
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, SafetensorError, RuntimeError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise Problem(f"{folder} does not hold a whole checkpoint ({reason}). Train the model again.") from error
    return model.eval()


def image_size(folder: Path) -> int:
    """The side, in pixels, of the pictures the model of a folder was trained on."""
    return _plain(folder)["size"]


def _plain(folder: Path) -> dict[str, Any]:
    try:
        plain = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(
            f"{folder} is not a checkpoint: model.json cannot be read. Name a folder under data/weights."
        ) from error
    kinds = {"model": dict, "words": list, "size": int}
    if not isinstance(plain, dict) or not all(isinstance(plain.get(key), kind) for key, kind in kinds.items()):
        raise Problem(
            f"{folder / 'model.json'} lacks the model, its words or its size. Name a folder that cirkit saved."
        )
    return plain
