"""Reading scenes of signs: questions about the words, what ten people answer, and what an OCR system sees.

TextVQA (Singh et al. 2019): an answer is copied from the picture, taken from a fixed vocabulary, or made of both;
people err and disagree, so ten of them are asked. M4C (the attention paper's third model) chooses word by word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from cirkit.worlds.signs import COLOURS, KINDS, PLACES, WARES, WAYS, Printed, Scene, printed

# Words that answers take from no picture: a fixed vocabulary, to which models add their own marks.
VOCABULARY = (
    "yes", "no", *map(str, range(8)), *COLOURS, *KINDS, *WAYS.values(), "sign", "dollars", "milliliters",
    *sorted({word.lower() for wares in WARES.values() for word in wares}),
)  # fmt: skip
NEAR = {"red": "maroon", "blue": "navy", "green": "dark green", "yellow": "gold", "orange": "amber", "purple": "violet"}
UNANSWERABLE = "unanswerable"
CONFUSED = {  # letters that OCR takes for one another
    "O": "0Q", "I": "1L", "S": "5", "B": "8", "E": "F", "G": "6C", "Z": "2", "N": "H", "U": "V", "L": "I", "T": "I",
    "D": "O", "C": "G", "A": "4", "R": "K", "M": "N", "K": "R", "P": "F", "V": "U", "0": "O", "1": "I", "5": "S",
    "8": "B", "6": "G", "2": "Z", "3": "8", "4": "A", "7": "1", "9": "8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, where the words of the answer come from, and the thing asked about (-1: several)."""

    text: str
    answer: str
    source: Literal["words", "vocabulary", "both"]
    sign: int = -1


def ask(scene: Scene, rng: np.random.Generator) -> list[Question]:
    """Every question that the scene allows, in a random order; none can be answered without reading or counting."""
    found: list[Question] = []
    for number, sign in enumerate(scene.signs):
        name, what = sign.name.lower(), _describe(scene, number, rng)
        words = [word.lower() for word in sign.words]

        def add(text: str, answer: str, source: Literal["words", "vocabulary", "both"], at: int = number) -> None:
            found.append(Question(text, answer, source, at))

        if sign.kind == "shop":
            add(f"what is the name of {what}?", f"{words[0]} {words[1]}", "words")
            add(f"what word is below {name}?", words[1], "words")
            add(f"what color is the awning of {name} {words[1]}?", sign.colour, "vocabulary")
        elif sign.kind == "bus":
            add(f"what number is on {what}?", words[0], "words")
            add(f"where is {what} going?", name, "words")
            add(f"what color is the bus to {name}?", sign.colour, "vocabulary")
        elif sign.kind == "plate":
            add("what street is this?", f"{name} {WAYS[sign.words[1]]}", "both")
        elif sign.kind == "book":
            add(f"what is the title of {what}?", f"{words[0]} {words[1]}", "words")
            add(f"what color is the book that says {name}?", sign.colour, "vocabulary")
        else:
            add(f"what brand is {what}?", name, "words")
            add(f"what is in the {sign.kind} of {name}?", words[1], "words")
            add(f"what color is the {sign.kind} of {name}?", sign.colour, "vocabulary")
            if sign.kind == "bottle":
                add(f"how many ml are in {what}?", words[2], "words")
                add(f"how much does {what} hold?", f"{words[2]} milliliters", "both")
            else:
                add(f"how much is {what}?", f"{words[2]} dollars", "both")
        others = [other.name.lower() for other in scene.signs if other is not sign]
        said = others[rng.integers(len(others))] if others and rng.integers(2) else name
        add(f"does {what} say {said}?", "yes" if said == name else "no", "vocabulary")
        add(f"what says {name}?", "sign" if sign.kind == "plate" else sign.kind, "vocabulary")
    for kind in PLACES[scene.place][: 1 if scene.place == "street" else 3]:
        many = sum(sign.kind == kind for sign in scene.signs)
        found.append(Question(f"how many {kind}{'es' if kind == 'box' else 's'} are there?", str(many), "vocabulary"))
    for one, other in pairwise(scene.signs):
        apart = (one.slot[0] + one.slot[2] - other.slot[0] - other.slot[2]) / 2
        if abs(apart) > 0.15:  # else left and right are a matter of taste
            a, b = (one, other) if rng.integers(2) else (other, one)
            left = (apart < 0) == (a is one)
            text = f"is {a.name.lower()} to the left of {b.name.lower()}?"
            found.append(Question(text, "yes" if left else "no", "vocabulary"))
    return [found[i] for i in rng.permutation(len(found)).tolist()]


def _describe(scene: Scene, number: int, rng: np.random.Generator) -> str:
    """A phrase that names one thing of the scene: by its kind where it is alone, else by its colour."""
    sign = scene.signs[number]
    alone = sum(other.kind == sign.kind for other in scene.signs) == 1
    if sign.kind == "plate":
        return "the street sign"
    if alone and rng.integers(2):
        return f"the {sign.kind}"
    return f"the shop with the {sign.colour} awning" if sign.kind == "shop" else f"the {sign.colour} {sign.kind}"


def answers(question: Question, rng: np.random.Generator, agree: float, people: int = 10) -> tuple[str, ...]:
    """What `people` people answer, each right with chance `agree`; the others err as people do."""
    return tuple(question.answer if rng.random() < agree else _other(question.answer, rng) for _ in range(people))


def _other(answer: str, rng: np.random.Generator) -> str:
    """Another answer than the right one: part of it, a neighbour, a slip of the finger, or a refusal."""
    words, ways = answer.split(), [UNANSWERABLE]
    if answer in ("yes", "no"):
        ways.append("no" if answer == "yes" else "yes")
    elif answer in COLOURS:
        ways += [NEAR.get(answer, "gray"), list(COLOURS)[rng.integers(len(COLOURS))]]
    elif len(answer) == 1 and answer.isdigit():
        ways += [str(int(answer) + 1), str(max(0, int(answer) - 1))]
    else:
        if len(words) > 1:
            ways += [words[0], words[0], words[-1]]
        at = int(rng.integers(len(answer)))
        ways += [
            answer[:at] + answer[at + 1 :] or UNANSWERABLE,
            f"the {answer}",
            answer[:at] + answer[at] + answer[at:],
        ]
    return ways[rng.integers(len(ways))]


def read_out(answer: str, words: Sequence[str]) -> bool:
    """Whether each word of an answer is among the printed `words` or in the vocabulary."""
    seen = {word.lower() for word in words} | set(VOCABULARY)
    return all(word in seen for word in answer.split())


def recognise(
    scene: Scene, rng: np.random.Generator, *, missed: float, misread: float, spurious: float, side: int = 256
) -> list[Printed]:
    """What an OCR system makes of a scene: words left out, letters confused, and words that are not there.

    missed, misread: chances per word; spurious: chance of one word too many; side: pixels of the layout.
    In reading order of the whole picture.
    """
    found = []
    for word in printed(scene, side):
        lost, wrong = rng.random(2)
        if lost < missed:
            continue
        text = word.text
        if wrong < misread:
            at = int(rng.integers(len(text)))
            other = CONFUSED.get(text[at], "")
            text = text[:at] + (other[rng.integers(len(other))] if other else "") + text[at + 1 :]
        if text:
            found.append(Printed(text, word.sign, word.box, word.tilt))
    if rng.random() < spurious:
        x, y = (float(value) for value in rng.uniform(0.0, 0.9, 2))
        text = "".join("ILTEO01"[i] for i in rng.integers(7, size=2))
        found.append(Printed(text, -1, (x, y, 0.08, 0.04)))
    return sorted(found, key=lambda word: (round(word.box[1] * 12), word.box[0]))
