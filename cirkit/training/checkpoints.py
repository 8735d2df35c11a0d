"""A trained model in a folder: model.safetensors and model.json, nothing that can run code.

model.json holds the model's configuration and its words, so the folder alone gives the model back. A folder may be a
stranger's: what it describes is laid out without memory first, and refused where the weights beside it do not fit.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration
from torch.overrides import TorchFunctionMode

from cirkit.declare import describe, name_of, rebuild
from cirkit.errors import Problem
from cirkit.files import write_atomically

LARGEST_IMAGE = 1 << 14  # pixels of a side
NUMBER = 10**6  # whole numbers of a configuration stay below this, or below the bytes of its weights
BUFFERS = 1 << 28  # bytes that a model may hold beside what its file gives, such as position codes
KINDS = {"model": dict, "words": list, "size": int}


def save(
    folder: Path, model: nn.Module, factory: Callable[[Sequence[str]], nn.Module], texts: Sequence[str], size: int
) -> None:
    """Write the weights of `model`, which `factory(texts)` gave and which was trained on images of `size` pixels."""
    from safetensors.torch import save as to_bytes

    # words in first-seen order make the same vocabulary as the texts did
    words = list(dict.fromkeys(word for text in texts for word in text.split()))
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(folder / "model.safetensors", to_bytes(state))
    plain = {"model": _self_contained(describe(factory), model), "words": words, "size": size}
    write_atomically(folder / "model.json", json.dumps(plain, indent=1) + "\n")


def _self_contained(description: Any, model: nn.Module) -> Any:
    """The description with every part that fetches or learns weights replaced by one that only lays them out.

    Such a part of the model has `stand_in`: what built it, and the factory of its layout.
    """
    stand_ins: dict[str, Any] = {}
    for part in model.modules():
        if (pair := getattr(part, "stand_in", None)) is not None:
            name, layout = name_of(pair[0]), describe(pair[1])
            if stand_ins.setdefault(name, layout) != layout:
                raise Problem(f"The model has two parts of {name} that differ, which a checkpoint cannot tell apart.")
    return _replace(description, stand_ins)


def _replace(description: Any, stand_ins: Mapping[str, Any]) -> Any:
    if isinstance(description, list):
        return [_replace(item, stand_ins) for item in description]
    if not isinstance(description, Mapping):
        return description
    name = description.get("partial", description.get("name"))
    if isinstance(name, str) and name in stand_ins:
        return stand_ins[name]
    return {key: _replace(item, stand_ins) for key, item in description.items()}


def load(folder: Path) -> nn.Module:
    """The model of a folder, in evaluation mode. Raises Problem when it is not one that cirkit saved."""
    plain, shapes, size = _plain(folder), _shapes(folder), _size(folder)
    _check_numbers(folder, plain["model"], max(NUMBER, size))
    with torch.device("meta"), _Blank(), _registering_at_most(20 * len(shapes) + 1000):
        layout = _build(folder, plain)
    if {name: tuple(tensor.shape) for name, tensor in layout.state_dict().items()} != shapes:
        raise _unfit(folder, "its weights are not those of the model it describes")
    if sum(tensor.nbytes for tensor in layout.buffers()) > size + BUFFERS:
        raise _unfit(folder, "the model it describes is far larger than its weights")
    model = _build(folder, plain)
    state = _tensors(folder)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise _unfit(folder, str(error)) from error
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise _unfit(folder, "some of its weights are not finite")
    return model.eval()


def image_size(folder: Path) -> int:
    """The side, in pixels, of the images that the model of a folder was trained on."""
    return _plain(folder)["size"]


def _plain(folder: Path) -> dict[str, Any]:
    """The content of model.json. Raises Problem where a part is missing or is none."""
    path = folder / "model.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(
            f"{folder} is not a checkpoint: model.json cannot be read. Name a folder under data/weights."
        ) from error
    if not isinstance(plain, dict) or not all(isinstance(plain.get(key), kind) for key, kind in KINDS.items()):
        raise Problem(f"{path} lacks the model, its words or its size. Name a folder that cirkit saved.")
    if isinstance(plain["size"], bool) or not 0 < plain["size"] <= LARGEST_IMAGE:
        raise Problem(f"{path} says that images have {plain['size']} pixels. Name a folder that cirkit saved.")
    if not all(isinstance(word, str) for word in plain["words"]):
        raise Problem(f"{path} has words that are not text. Name a folder that cirkit saved.")
    return plain


def _check_numbers(folder: Path, description: Any, most: int) -> None:
    """Raises Problem for a number that no model of these weights can have."""
    waiting = [description]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, int | float) and not abs(part) <= most:  # nor is nan
            raise _unfit(folder, f"its model has a part of {part}, more than its weights can fill")


def _build(folder: Path, plain: Mapping[str, Any]) -> nn.Module:
    try:
        model = rebuild(plain["model"])(plain["words"])
    except Problem:
        raise
    except (Exception, RecursionError) as error:  # a configuration of anybody's making raises anything
        raise _unfit(folder, f"{type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise _unfit(folder, "it describes no model")
    return model


class _Blank(TorchFunctionMode):
    """No weight is drawn at random: without memory there is none, and torch would load its compiler for it."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function.__name__ in ("normal_", "uniform_") or getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)


@contextmanager
def _registering_at_most(most: int) -> Iterator[None]:
    """Stops the building of a model that has more parts than `most`: a configuration may ask for any number."""
    left = most

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError("the model it describes has more parts than its weights")

    with ExitStack() as stack:
        for kind in ("parameter", "buffer", "module"):
            handle = getattr(registration, f"register_module_{kind}_registration_hook")(count)
            stack.callback(handle.remove)
        yield


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of model.safetensors, which stay unread."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unfit(folder, str(error)) from error


def _size(folder: Path) -> int:
    return (folder / "model.safetensors").stat().st_size


def _tensors(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise _unfit(folder, str(error)) from error


def _unfit(folder: Path, reason: str) -> Problem:
    return Problem(
        f"{folder} does not hold a whole checkpoint ({' '.join(reason.split())[:200]}). Train the model again."
    )
