"""How each system makes queries of FashionIQ: captions joined, gallery chosen, reference excluded or kept.

MAAF Table 3 puts numbers of four protocols side by side; they differ by points. Counts are of val: 6,016 annotations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol as Shape
from typing import runtime_checkable

CATEGORIES = ("dress", "shirt", "toptee")
STRIPPED = ".?, "  # what CLIP4Cir and SEARLE strip from the ends of a caption


@runtime_checkable
class Files(Shape):
    """What a gallery is chosen from."""

    @property
    def names(self) -> list[str]: ...
    @property
    def records(self) -> list: ...


def whole_split(read: Files) -> list[str]:
    """All images of the split: 3,817, 6,346 and 5,373."""
    return read.names


def union(read: Files) -> list[str]:
    """Images that are a reference or a target: 2,628, 3,089 and 2,902. An easier gallery, VAL's."""
    used = {name for record in read.records for name in (record.candidate, record.target)}
    return [name for name in read.names if name in used]


def without_reference(row: int) -> tuple[int, ...]:
    """The reference is left out of the ranking."""
    return (row,)


def with_reference(row: int) -> tuple[int, ...]:
    """The reference stays, and takes a rank from models that lean on the image."""
    return ()


def without_blanks(captions: Sequence[str]) -> list[str]:
    """Captions that say something; three of val say nothing (shirt 1, toptee 2)."""
    return [caption for caption in captions if caption.strip()] or [""]


def with_blanks(captions: Sequence[str]) -> list[str]:
    """Captions as they are; released code joins the empty ones, too."""
    return list(captions)


def in_addition(captions: Sequence[str]) -> tuple[str, ...]:
    """MAAF: `c1 inadditiontothat c2`, one made-up word in between."""
    return (" inadditiontothat ".join(captions),)


def each_alone(captions: Sequence[str]) -> tuple[str, ...]:
    """VAL: every caption is a query of its own."""
    return tuple(captions)


def with_mark(captions: Sequence[str]) -> tuple[str, ...]:
    """ARTEMIS: both orders around the word `<and>`, two queries."""
    return _orders(captions, " <and> ")


def capitalise(captions: Sequence[str]) -> tuple[str, ...]:
    """CLIP4Cir: `C1 and c2`, stripped; the first capitalised, which puts the rest of it in lower case."""
    first, *rest = (caption.strip(STRIPPED) for caption in captions)
    return (" and ".join([first.capitalize(), *rest]),)


def four_ways(captions: Sequence[str]) -> tuple[str, ...]:
    """CLIP4Cir's training: `C1 and c2`, `C2 and c1`, `C1`, `C2`; there one at random each time, here a row each."""
    alone = [capitalise([caption]) for caption in captions]
    both = [capitalise(captions), capitalise(captions[::-1])] if len(captions) > 1 else []
    return tuple(text for one in both + alone for text in one)


def reverse(captions: Sequence[str]) -> tuple[str, ...]:
    """Pic2Word: `a photo of * , c2 and c1`, the last caption first."""
    return (f"a photo of * , {' and '.join(reversed(captions))}",)


def strip_and_join(captions: Sequence[str]) -> tuple[str, ...]:
    """`c1 and c2`, stripped: one of SEARLE's two orders."""
    return (" and ".join(caption.strip(STRIPPED) for caption in captions),)


def both_orders(captions: Sequence[str]) -> tuple[str, ...]:
    """`c1 and c2`, `c2 and c1`, stripped; two queries, where SEARLE averages (`one_a_line`)."""
    return _orders([caption.strip(STRIPPED) for caption in captions], " and ")


def one_a_line(captions: Sequence[str]) -> tuple[str, ...]:
    """Stripped, one a line: for prompts that average SEARLE's two encodings (`textual_inversion.each_order`)."""
    return ("\n".join(caption.strip(STRIPPED) for caption in captions),)


def _orders(captions: Sequence[str], between: str) -> tuple[str, ...]:
    orders = between.join(captions), between.join(reversed(captions))
    return orders if len(captions) > 1 else orders[:1]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to train and test on FashionIQ; the default is MAAF's."""

    name: str = "maaf"
    categories: tuple[str, ...] = CATEGORIES
    join: Callable[[Sequence[str]], tuple[str, ...]] = in_addition
    blanks: Callable[[Sequence[str]], list[str]] = without_blanks
    gallery: Callable[[Files], list[str]] = whole_split
    reference: Callable[[int], tuple[int, ...]] = without_reference

    def texts(self, captions: Sequence[str]) -> tuple[str, ...]:
        """The texts of the queries that the captions of one annotation make."""
        return self.join(self.blanks(captions))


MAAF = Protocol()
VAL = Protocol(name="val", join=each_alone, gallery=union)
ARTEMIS = Protocol(name="artemis", join=with_mark)
CLIP4CIR = Protocol(name="clip4cir", join=capitalise, reference=with_reference)
CLIP4CIR_TRAINING = replace(CLIP4CIR, name="clip4cir-training", join=four_ways)
PIC2WORD = Protocol(name="pic2word", join=reverse, reference=with_reference)
SEARLE = Protocol(name="searle", join=strip_and_join, reference=with_reference)
SEARLE_BOTH = Protocol(name="searle-both", join=both_orders, reference=with_reference)
SEARLE_MEAN = Protocol(name="searle-mean", join=one_a_line, reference=with_reference)
PROTOCOLS = {each.name: each for each in (MAAF, VAL, ARTEMIS, CLIP4CIR, PIC2WORD, SEARLE, SEARLE_BOTH, SEARLE_MEAN)}
