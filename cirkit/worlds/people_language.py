"""What people write of a pedestrian they see: two or three sentences, a list, or one sentence with asides.

The register of CUHK-PEDES (ITSELF §4): garments by kind and colour, small things by where they are worn, what the
person does; about a tenth of the facts left out, the rest in any order, and words that say nothing.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from cirkit.worlds.people import Person, View

ASIDES = (
    "who appears to be in a hurry",
    "as far as one can see in this picture",
    "who seems to be on the way home",
    "while crossing a square",
    "who looks like somebody in their twenties",
    "on what might be a busy street",
    "apparently without noticing anybody",
    "as if waiting for someone",
)
TAILS = ("and a calm look", "and nothing else worth a note", "and what seems to be a relaxed posture")
DOING = {
    "front": ("facing the camera", "walking towards the camera", "looking straight ahead"),
    "back": ("walking away from the camera", "facing away", "turning away"),
    "left": ("walking to the left", "seen from the side", "heading left"),
    "right": ("walking to the right", "seen from the side", "heading right"),
}
SYNONYMS = {
    "t-shirt": ("t-shirt", "short sleeved shirt", "tee"),
    "shirt": ("shirt", "long sleeved shirt", "sweater"),
    "jacket": ("jacket", "zip up jacket"),
    "coat": ("coat", "long coat", "overcoat"),
    "trousers": ("trousers", "pants", "long pants"),
    "shorts": ("shorts", "short pants"),
    "skirt": ("skirt", "knee length skirt"),
    "shoes": ("shoes", "sneakers"),
    "boots": ("boots", "high boots"),
    "backpack": ("backpack", "rucksack"),
    "handbag": ("handbag", "purse"),
    "shoulder bag": ("shoulder bag", "bag with a long strap"),
    "striped": ("striped",),
    "checked": ("checked", "plaid"),
    "hat": ("cap", "hat"),
    "logo": ("logo", "print"),
}


@dataclass(frozen=True)
class Fact:
    """One thing seen: the phrase, its article ("" for a plural) and where it is worn, which short captions omit."""

    part: str
    article: str
    phrase: str
    where: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.article, self.phrase, self.where) if word)


@dataclass(frozen=True)
class Writer:
    """How captions are written."""

    styles: tuple[str, ...] = ("sentences", "sentences", "long", "list")  # drawn from, so twice is twice as often
    drop: float = 0.1  # of the facts
    filler: float = 0.4  # chance of each aside


def facts(person: Person, seen: Collection[str], say: Callable[[Sequence[str]], str]) -> list[Fact]:
    """All that can be said of what is seen of a person; `say` chooses among synonyms."""
    his = "his" if person.sex == "man" else "her"
    garments = [
        (
            "upper",
            person.upper_colour,
            "" if person.pattern == "plain" else say(SYNONYMS[person.pattern]),
            person.upper,
        ),
        ("lower", person.lower_colour, "", person.lower),
        ("shoes", person.shoes_colour, "", person.shoes),
    ]
    found = []
    for part, colour, pattern, kind in garments:
        if part in seen:
            words = " ".join(word for word in (colour, pattern, say(SYNONYMS[kind])) if word)
            found.append(Fact(part, "" if words.endswith("s") else "a", words))
    if "hat" in seen and person.hat is not None:
        found.append(Fact("hat", "a", f"{person.hat} {say(SYNONYMS['hat'])}", f"on {his} head"))
    if "scarf" in seen and person.scarf is not None:
        found.append(Fact("scarf", "a", f"{person.scarf} scarf", f"around {his} neck"))
    if "logo" in seen and person.logo is not None:
        found.append(Fact("logo", "a", f"{person.logo} {say(SYNONYMS['logo'])}", f"on {his} chest"))
    if "bag" in seen and person.bag is not None:
        kind, colour = person.bag
        places = {"backpack": f"on {his} back", "handbag": f"in {his} hand", "shoulder bag": f"at {his} side"}
        found.append(Fact("bag", "a", f"{colour} {say(SYNONYMS[kind])}", places[kind]))
    if "glasses" in seen and person.glasses:
        found.append(Fact("glasses", "", "dark glasses"))
    if "hair" in seen:
        found.append(Fact("hair", "", f"{'long' if person.long_hair else 'short'} {person.hair} hair"))
    return found


def caption(rng: np.random.Generator, person: Person, look: View, seen: Collection[str], writer: Writer) -> str:
    """One caption of one view: only what is seen is said, about `drop` of it is not."""

    def say(names: Sequence[str]) -> str:
        return names[int(rng.integers(len(names)))]

    every = facts(person, seen, say)
    kept = [fact for fact in every if rng.random() >= writer.drop] or every[:1]
    kept = [kept[row] for row in rng.permutation(len(kept))]
    who, doing = say((person.sex, person.sex, "person", "pedestrian")), say(DOING[look.facing])
    asides = [aside for aside in (say(ASIDES), say(ASIDES)) if rng.random() < writer.filler]
    return STYLES[say(writer.styles)](who, doing, person.sex, kept, asides, say)


def _list(
    who: str, doing: str, sex: str, kept: list[Fact], asides: list[str], say: Callable[[Sequence[str]], str]
) -> str:
    """A man, red shirt, black pants, yellow cap."""
    return _sentence(f"{say(('a', 'one'))} {who}, {', '.join(fact.phrase for fact in kept)}, {doing}")


def _sentences(
    who: str, doing: str, sex: str, kept: list[Fact], asides: list[str], say: Callable[[Sequence[str]], str]
) -> str:
    """Two sentences: what is worn, then the rest and what the person does."""
    he = "he" if sex == "man" else "she"
    half = (len(kept) + 1) // 2
    aside = f" {asides[0]}" if asides else ""
    first = _sentence(f"{say(('the', 'a', 'this'))} {who}{aside} {_verb(kept[:half], say)} {_and(kept[:half])}")
    rest = f"{say(('has', 'also has', 'can be seen with'))} {_and(kept[half:])} and " if kept[half:] else ""
    return f"{first} {_sentence(f'{he} {rest}is {doing}')}"


def _long(
    who: str, doing: str, sex: str, kept: list[Fact], asides: list[str], say: Callable[[Sequence[str]], str]
) -> str:
    """Three sentences or more, with asides between."""
    he = "he" if sex == "man" else "she"
    third = (len(kept) + 2) // 3
    groups = [kept[at : at + third] for at in range(0, len(kept), third)]
    opening = f"{say(('in this picture there is', 'we see', 'the image shows'))} a {who} {doing}"
    lines = [_sentence(" ".join([opening, *asides[:1]]))]
    for group in groups:
        tail = f" {say(TAILS)}" if len(asides) == 2 and group is groups[-1] else ""
        lines.append(_sentence(f"{he} {'has' if tail else _verb(group, say)} {_and(group)}{tail}"))
    return " ".join(lines)


def _verb(kept: Sequence[Fact], say: Callable[[Sequence[str]], str]) -> str:
    """Wears, unless hair or a bag is among the things."""
    if {"hair", "bag"} & {fact.part for fact in kept}:
        return say(("has", "can be seen with"))
    return say(("is wearing", "wears", "is dressed in"))


STYLES = {"list": _list, "sentences": _sentences, "long": _long}


def _and(kept: Sequence[Fact]) -> str:
    """a, b and c."""
    words = [str(fact) for fact in kept]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def tokens(text: str) -> list[str]:
    """Lower-case words, as the `processed_tokens` of the official files."""
    return re.findall(r"[a-z0-9]+", text.lower().replace("-", ""))
