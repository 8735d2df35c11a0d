"""Trained weights: those that are there are used, those that are missing are trained, once, and before what needs them.

A training's folder, data/weights/<fingerprint>-s<seed>, holds the model and, in training.json, what a record says of
how it came to be: so rows that share a training share its weights, and a second stage finds the first. What git keeps
under data/pretrained goes before it: processors round differently, and rows must begin from the same on all of them.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.declare import code_hash, describe, fingerprint
from cirkit.errors import Problem
from cirkit.examples import at_seed
from cirkit.experiments.environment import environment
from cirkit.experiments.experiment import LOOP, records_home, weights_folder
from cirkit.experiments.locks import lock
from cirkit.files import write_atomically
from cirkit.training import checkpoints, distributed
from cirkit.training.looks import Looks
from cirkit.training.loop import Training, Weights, fit
from cirkit.training.memory import keep_freed_memory

FACTS = "training.json"


class Busy(Problem):
    """Another process trains what is needed; it can be had later."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """How weights came to be: whose they are, by which code, in what time, and the loss on the way."""

    fingerprint: str
    seed: int
    code: str
    seconds: float  # with looks at the training
    parameters: int
    trainable: int
    where: Mapping[str, Any]
    loss: list[tuple[int, float]]  # (step, mean loss since the last entry)
    start: Mapping[str, Mapping[str, Any]]  # by part: fingerprint, seed and code of the training it began from


@dataclass(frozen=True)
class Outcome:
    """A trained model in evaluation mode, and how it came to be."""

    model: nn.Module
    facts: Facts


@dataclass(frozen=True)
class Start:
    """What a part of a model begins from: tensors, and whose they are."""

    tensors: Mapping[str, Tensor]
    origin: dict[str, Any]  # fingerprint, seed and code of the training, and which part of it


def pretrained_home() -> Path:
    """data/pretrained, beside the records: weights that many rows begin from, in git (`cirkit keep`)."""
    return records_home().parent / "pretrained"


def kept_folder(training: Training, seed: int) -> Path:
    """Where git keeps the weights of a training, if it does."""
    return pretrained_home() / f"{fingerprint(training)}-s{seed}"


def any_code(facts: Facts, training: Training) -> bool:
    """Accept weights of this configuration, whichever code made them."""
    return True


def same_code(facts: Facts, training: Training) -> bool:
    """Accept weights that today's code made."""
    return facts.code == code_hash(training, also=LOOP)


def never(facts: Facts, training: Training) -> bool:
    """Train anew."""
    return False


@dataclass
class Trainer:
    """Finds or trains the weights of one run.

    `accept` decides which weights of the run's own training are good enough; those it starts from only have to be of
    their configuration. `wait` False raises Busy where another process trains what is needed.
    """

    device: str = "cpu"
    local: bool = False
    accept: Callable[[Facts, Training], bool] = same_code
    wait: bool = True
    keep: bool = True  # weights and the state of an interrupted training, in its folder
    watch: Callable[[int, float], None] | None = None
    tell: Callable[[str], None] = print
    _outcomes: dict[str, Outcome] = field(default_factory=dict)  # by folder: a part may be asked for twice

    def __call__(self, training: Training, seed: int, looks: Looks | None = None) -> Outcome:
        """The weights of a training at a seed; `looks` sees it, if it is trained now. Raises Problem."""
        return self._outcome(training, seed, self.accept, looks)

    def _outcome(
        self, training: Training, seed: int, accept: Callable[[Facts, Training], bool], looks: Looks | None = None
    ) -> Outcome:
        where = weights_folder(training, seed, self.local)
        if where.name not in self._outcomes:
            self._outcomes[where.name] = (
                self._found(kept_folder(training, seed), training, accept)
                or self._found(where, training, accept)
                or self._trained(where, training, seed, accept, looks)
            )
        return self._outcomes[where.name]

    def _found(self, where: Path, training: Training, accept: Callable[[Facts, Training], bool]) -> Outcome | None:
        facts = read(where)
        if facts is None or facts.fingerprint != fingerprint(training) or not accept(facts, training):
            return None
        if where.parent != pretrained_home() and facts.code != code_hash(training, also=LOOP):
            self.tell(f"The weights in {where} were trained by other code than today's; they are used as they are.")
        try:
            return Outcome(load(where, training).to(self.device), facts)
        except Problem as problem:  # a broken checkpoint is as good as none
            self.tell(str(problem))
            return None

    def _trained(
        self,
        where: Path,
        training: Training,
        seed: int,
        accept: Callable[[Facts, Training], bool],
        looks: Looks | None,
    ) -> Outcome:
        begun = self.start(training, seed)
        if not self.keep or distributed.rank():  # of several processes that train together the first alone writes
            return self._fit(where, training, seed, begun, looks)

        def waiting() -> None:
            if not self.wait:
                raise Busy(f"{where.name} is being trained by another process. Wait for it to end.")
            self.tell(f"{where.name} is being trained by another process; this one waits for it.")

        with lock(where.name, waiting):
            if accept is not never and (found := self._found(where, training, accept)):  # while we waited
                return found
            outcome = self._fit(where, training, seed, begun, looks)
            try:
                save(where, outcome, training, seed)
            except Problem as problem:  # weights that cannot be written must not cost the record
                self.tell(f"The weights of {where.name} are not kept. {problem}")
            return outcome

    def start(self, training: Training, seed: int) -> dict[str, Start]:
        """What each part of a training begins from; trained first where it is missing."""
        return {part: self._start(weights, seed) for part, weights in training.start.items()}

    def _start(self, weights: Weights, seed: int) -> Start:
        outcome = self._outcome(weights.of, seed if weights.seed is None else weights.seed, any_code)
        try:
            tensors = outcome.model.get_submodule(weights.part).state_dict()
        except AttributeError as error:
            raise Problem(f"The training to start from has no part {weights.part!r}. Name one that it has.") from error
        facts = outcome.facts
        origin = {"fingerprint": facts.fingerprint, "seed": facts.seed, "code": facts.code, "part": weights.part}
        return Start(tensors, origin)

    def _fit(
        self, where: Path, training: Training, seed: int, begun: Mapping[str, Start], looks: Looks | None
    ) -> Outcome:
        started, code = time.perf_counter(), code_hash(training, also=LOOP)
        keep_freed_memory()
        trained = fit(
            training,
            seed,
            device=self.device,
            watch=self.watch,
            looks=looks,
            resume=where.with_suffix(".partial") if self.keep else None,
            start={part: each.tensors for part, each in begun.items()},
            code=code,
            tell=self.tell,
        )
        facts = Facts(
            fingerprint=fingerprint(training),
            seed=seed,
            code=code,
            seconds=round(time.perf_counter() - started, 2),
            parameters=trained.parameters,
            trainable=trained.trainable,
            where=environment(self.device),
            loss=[(step, round(value, 5)) for step, value in trained.loss],
            start={part: each.origin for part, each in begun.items()},
        )
        return Outcome(trained.model, facts)


def save(where: Path, outcome: Outcome, training: Training, seed: int) -> None:
    """Write the model, then the facts that make it count. Raises Problem where they cannot be written."""
    examples = at_seed(training.data, seed)()
    (where / FACTS).unlink(missing_ok=True)  # killed on the way, no old facts stand beside new weights
    checkpoints.save(where, outcome.model, training.model, examples.texts, _side(examples))
    content = asdict(outcome.facts) | {"declared": describe(training)}
    write_atomically(where / FACTS, json.dumps(content, indent=1) + "\n")


def load(where: Path, training: Training) -> nn.Module:
    """The model of a training's folder, in evaluation mode. Raises Problem where the folder does not hold it whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model = training.model(json.loads((where / "model.json").read_text(encoding="utf-8"))["words"])
        model.load_state_dict(load_file(where / "model.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise Problem(f"{where} does not hold the weights of its training ({reason}). Train it again.") from error
    return model.eval()


def _side(examples: Any) -> int:
    """The side of the images that a model was trained on, in pixels; 0 where there are none."""
    images = next((part for name in ("target", "image") if (part := getattr(examples, name, None)) is not None), None)
    return 0 if images is None else images[torch.tensor([0])].shape[-1]


def read(where: Path) -> Facts | None:
    """The facts of a folder, or None where it holds no whole training."""
    try:
        plain = json.loads((where / FACTS).read_text(encoding="utf-8"))
        plain["loss"] = [(int(step), float(value)) for step, value in plain["loss"]]
        return Facts(**{name: plain[name] for name in Facts.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
