"""What M4C's answers attend to and copy: a few questions, and the shares of question words and of the right OCR word.

Cao et al. (2022), Figures 8 to 11, show four questions; in a world the word to be copied is known for hundreds.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.encoders.text import words
from cirkit.evaluators.attention_maps import spread
from cirkit.evaluators.evidence import Evidence
from cirkit.examples import Questions
from cirkit.experiments.artifacts import column
from cirkit.models.m4c import END, M4C, tidy


def stated(answers: Sequence[str]) -> str:
    """What most people say, the first of those in case of a tie."""
    return max(dict.fromkeys(answers), key=answers.count)


def named_word(answer: str, read: Sequence[str], known: Collection[str]) -> int | None:
    """The place of an answer's first word among those read; None unless it was read once and is in no vocabulary."""
    first = tidy(answer).split()[:1]
    if not first or first[0] in known or read.count(first[0]) != 1:
        return None
    return read.index(first[0])


@dataclass(frozen=True, kw_only=True)
class ReadShares:
    """What the first step of an answer attends to, in multiples of uniform attention, on `questions` test questions.

    Of those whose answer's first word was read once and can only be copied. Columns by class, a number for each
    question: `answer`, that word less the other words of the image; `question`, a word of the question less all other
    entries. `share` is the weight itself, of all words of the question together; `mask` the same as `own` for another
    word of the image, drawn at random, and None where there is none.
    """

    questions: int = 400
    name: str = "read"
    every_seed: bool = True

    def __call__(self, model: M4C, questions: Questions, evidence: Callable[[], Evidence]) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        lines: dict[str, list[dict[str, float]]] = {"answer": [], "question": []}
        chosen = torch.tensor(spread(len(questions), self.questions))
        for rows in chosen.split(100):
            batch = questions[rows]
            read, found = model.read(batch.images), model.attention(batch.images, batch.text)
            for i, row in enumerate(rows.tolist()):
                place = named_word(stated(batch.answers[i]), read[i], model.number)
                if place is None:
                    continue
                own = found.words[i, 0, : len(read[i])]
                others = [j for j in range(len(own)) if j != place]
                beside = others[rng.integers(len(others))] if others else None
                mask = np.nan if beside is None else lead(own, beside)
                answer = np.nan if beside is None else lead(own, place)
                lines["answer"].append({"query": row, "share": float(own[place]), "own": answer, "mask": mask})
                share, rest = float(found.question[i, 0].sum()), float(found.objects[i, 0].sum() + own.sum())
                n, t = int(found.mask[i].sum()), int(found.mask[i, : found.question.shape[2]].sum())
                question = n * (share / t - rest / (n - t))
                lines["question"].append({"query": row, "share": share, "own": question, "mask": np.nan})
        return {
            "values": {
                kind: {"query": [line["query"] for line in those]}
                | {name: column(np.array([line[name] for line in those])) for name in ("share", "own", "mask")}
                for kind, those in lines.items()
                if those
            }
        }


def lead(weights: Float[Tensor, " w"], place: int) -> float:
    """The weight of a word over the mean of the others, as a multiple of what uniform attention to them would give."""
    relative = weights / weights.sum().clamp(min=1e-12) * len(weights)
    return float(relative[place] - (relative.sum() - relative[place]) / (len(relative) - 1))


@dataclass(frozen=True, kw_only=True)
class AnswerExamples:
    """A few questions of the first seed: what each step of the answer attends to, and where its word comes from.

    Per question: `question`, `image` (its number among the images asked about), `words` asked and `read`, `boxes` of
    those read, `to_question` (s, t), `to_read` (s, w), `to_objects` (s, r) with `objects`, the `steps` as said, whether
    each was `copied` (the place of the word, else None), the answer `given`, and the one `stated`.
    """

    questions: int = 16
    name: str = "answers"
    every_seed: bool = False

    def __call__(self, model: M4C, questions: Questions, evidence: Callable[[], Evidence]) -> dict[str, Any]:
        rows = torch.tensor(spread(len(questions), self.questions))
        batch = questions[rows]
        found, read = model.attention(batch.images, batch.text), model.read(batch.images)
        lines = []
        for i, row in enumerate(rows.tolist()):
            numbers = found.given[i].tolist()
            steps = numbers[: numbers.index(END) + 1] if END in numbers else numbers
            asked, count, known = words(batch.text[i]), len(read[i]), len(model.answers)
            objects = int(batch.images.objects.mask[i].sum())
            lines.append(
                {
                    "question": row,
                    "image": int(questions.about[row]),
                    "words": asked,
                    "read": list(read[i]),
                    "boxes": rounded(batch.images.boxes[i, :count]),
                    "objects": rounded(batch.images.objects.boxes[i, :objects]),
                    "to_question": rounded(found.question[i, : len(steps), : len(asked)]),
                    "to_read": rounded(found.words[i, : len(steps), :count]),
                    "to_objects": rounded(found.objects[i, : len(steps), :objects]),
                    "steps": [model.spoken([n], read[i]) if n != END else "(end)" for n in steps],
                    "copied": [n - known if n >= known else None for n in steps],
                    "given": model.spoken(numbers, read[i]),
                    "stated": stated(batch.answers[i]),
                }
            )
        return {"questions": lines}


def rounded(values: Tensor) -> Any:
    """Numbers for a file, to four digits after the point, since the paper draws the line at .001."""
    return np.round(values.double().cpu().numpy(), 4).tolist()
