"""How many words of the captions that ITSELF's supplement quotes are selected.

Supplement, Figures 2 (ICFG-PEDES) and 3 (RSTPReid). The released code counts a caption as 75 pieces, however long it
is.
"""

from collections.abc import Mapping, Sequence

from pandas import DataFrame

from cirkit.figures.display import Display
from cirkit.figures.tables import styled
from cirkit.models.retention import count
from cirkit.models.word_counts import CLIPS

RATIOS = {"first step": 0.65, "after t_small": 0.5, "released evaluation": 0.4}
PIECES: Mapping[str, Sequence[int]] = {  # of CLIP's tokenizer, of each caption in turn, without its two ends
    "ICFG-PEDES, Figure 2": (39, 34, 37, 60, 41, 52),
    "RSTPReid, Figure 3": (34, 35, 28, 28, 33, 33),
}


def selected_words(number: str) -> Display:
    """Of each quoted caption: its pieces, and how many of them are selected at three ratios."""
    lines = [
        {
            "caption": f"{figure}, {place}",
            **{name: f"{min(pieces, count(CLIPS, ratio))} of {pieces}" for name, ratio in RATIOS.items()},
        }
        for figure, counts in PIECES.items()
        for place, pieces in enumerate(counts, 1)
    ]
    says = ", ".join(f"{name} {ratio:g}" for name, ratio in RATIOS.items())
    caption = (
        f"Pieces that are pooled of captions which the supplement quotes, at a share of {CLIPS} pieces: {says}. A "
        "caption that is shorter than the count has all of its words pooled. Pieces are those of CLIP's tokenizer."
    )
    return Display(styled(DataFrame(lines)), number, caption)
