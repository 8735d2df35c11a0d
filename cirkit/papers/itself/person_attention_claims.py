"""What ITSELF's maps show, as claims: weight on the small things that a caption names.

ITSELF Figure 5 and its supplement, Figure 5, show maps and give no number; ours come from the exhibits of
`person_attention`, in multiples of uniform attention.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from cirkit.experiments.bootstrap import Interval, over_seeds
from cirkit.experiments.claims import Attention, Claim, above, claims_of
from cirkit.experiments.records import Record, exhibited

OURS = "not in the paper: our addition"
UNIFORM, SHARE = "× uniform attention", "of the area"
SMALL = "small things"
WHERE = "Figure S5"

_claim = partial(claims_of("itself", "itself"), "")  # without its number, which is its place in the list


@dataclass(frozen=True)
class AttentionGain:
    """How much more one experiment's map has on named parts than another's, each seed's mean counting as one number."""

    a: str
    b: str
    word: str
    of: str
    exhibit: str = "attention"

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.a, self.b)

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        one, other = ({run.seed: level for run in records[name] if (level := self._level(run)) is not None}
                      for name in (self.a, self.b))  # fmt: skip
        seeds = sorted(one.keys() & other.keys())
        return over_seeds(np.array([one[seed] - other[seed] for seed in seeds])) if len(seeds) > 1 else None

    def _level(self, run: Record) -> float | None:
        content = exhibited(run, self.exhibit)
        return None if content is None else float(np.nanmean(np.array(content["values"][self.word][self.of], float)))


def attention_claims() -> Iterator[Claim]:
    """Figure 5 in numbers: weight on the small things that a caption names."""
    name = "itself/rstp/ours"

    def kept(of: str, than: str = "elsewhere") -> Attention:
        return Attention(name, SMALL, than=than, exhibit="attention", of=of)

    named = "the small things that a caption names"
    for text, quantity, headline in (
        (f"MARS has more weight on {named} than elsewhere.", kept("mars"), True),
        (f"MARS has more weight on {named} than on litter that looks like them.", kept("mars", "mars_litter"), True),
        (f"MARS has more weight on {named} than the last layer has.", kept("mars", "last"), False),
        (f"MARS has more weight on {named} than layer 3 has.", kept("mars", "layer_3"), False),
        (f"Grad-CAM has more weight on {named} than MARS, which has not read it.", kept("gradcam", "mars"), False),
    ):
        reported = "“attends to more discriminative and semantically relevant regions” (maps, no number)"
        yield _claim(WHERE, text, reported, quantity, unit=UNIFORM, headline=headline)
    for other, label, of in (("rde", "RDE's", "gradcam"), ("baseline", "the baseline's", "gradcam"),
                             ("baseline", "the baseline's", "mars")):  # fmt: skip
        what = "Grad-CAM" if of == "gradcam" else "MARS"
        yield _claim(
            WHERE,
            f"{what} of ITSELF has more weight on the small things that a caption names than {label}.",
            "“RDE often produces diffuse or misaligned attention” (maps, no number)" if other == "rde" else OURS,
            AttentionGain(name, f"itself/rstp/{other}", SMALL, of),
            unit=UNIFORM,
        )
    yield _claim(
        WHERE,
        "The better half of the patches by MARS holds more than half of the small things that a caption names.",
        OURS,
        kept("mars_recall"),
        above(0.5),
        unit=SHARE,
    )
