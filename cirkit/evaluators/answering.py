"""Soft accuracy: an answer is as right as many of ten people say it; TextVQA's measure, and ANLS beside it.

Of the ten people each in turn is left out, and an answer scores min(1, n / 3) where n of the other nine gave it; the
mean over the ten is its accuracy (Antol et al. 2015; Singh et al. 2019). Both sides are normalised first.
"""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

PEOPLE = 10
MARKS = ';/[]"{}()=+\\_-><@`,?!'
PERIOD = re.compile(r"\.(?!\d)")  # the official pattern means to spare a period after a digit, too, but does not
PERIODS = 32  # and takes away no more than these: a flag stands where the count is due
NUMBERS = {
    word: str(number)
    for number, word in enumerate("zero one two three four five six seven eight nine ten".split())  # noqa: SIM905
} | {"none": "0"}
ARTICLES = {"a", "an", "the"}
# A contraction that lacks one of its apostrophes gets it back.
WHOLE = """ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't
not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're
there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've
when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't
wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've""".split()  # noqa: SIM905
CONTRACTIONS = {
    word[:at] + word[at + 1 :]: word for word in WHOLE for at, letter in enumerate(word) if letter == "'"
} | {"somebody'd": "somebodyd"}  # the official list has this one the wrong way round


def normalise(text: str) -> str:
    """An answer as the official evaluation compares it: "The Two Dogs?" becomes "2 dogs"."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = text.replace("\n", " ").replace("\t", " ").strip()
    bare = text
    for mark in MARKS:
        loose = f"{mark} " in text or f" {mark}" in text
        bare = bare.replace(mark, "" if loose else " ")
    words = PERIOD.sub("", bare, count=PERIODS).lower().split()
    words = [NUMBERS.get(word, word) for word in words]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def scores(answers: Sequence[str]) -> dict[str, float]:
    """The accuracy of each normalised answer that somebody gave; all others have 0.

    Of ten people n agree: each of the n finds n - 1 others, and each of the rest finds n.
    """
    count: dict[str, int] = {}
    for answer in answers:
        answer = normalise(answer)
        count[answer] = count.get(answer, 0) + 1
    people = len(answers)
    return {answer: (n * min(1, (n - 1) / 3) + (people - n) * min(1, n / 3)) / people for answer, n in count.items()}


def soft_accuracy(said: Sequence[str], answers: Sequence[Sequence[str]]) -> Float[np.ndarray, " q"]:
    """The accuracy of what a model said to each question, 0 to 1; `answers[i]` are the people's.

    Raises ValueError where the two differ in length, or a question has no answers.
    """
    _alike(said, answers)
    return np.array([scores(given).get(normalise(one), 0.0) for one, given in zip(said, answers, strict=True)])


def anls(said: Sequence[str], answers: Sequence[Sequence[str]]) -> Float[np.ndarray, " q"]:
    """1 - edit distance / longer length to the nearest of the people's answers, 0 where that is below a half.

    Lower case and outer spaces aside nothing is normalised, as in the official evaluation of ST-VQA.
    """
    _alike(said, answers)
    best = [max(_likeness(one, given) for given in each) for one, each in zip(said, answers, strict=True)]
    return np.array([value if value >= 0.5 else 0.0 for value in best])


def _alike(said: Sequence[str], answers: Sequence[Sequence[str]]) -> None:
    if len(said) != len(answers):
        raise ValueError(f"{len(said)} answers to {len(answers)} questions; give one each.")
    if not all(answers):
        raise ValueError("A question without people's answers cannot be scored; leave it out.")


def _likeness(one: str, other: str) -> float:
    """1 - Levenshtein distance over the longer length; two empty strings are alike."""
    one, other = one.strip().lower(), other.strip().lower()
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return 1 - row[-1] / max(len(one), len(other), 1)
