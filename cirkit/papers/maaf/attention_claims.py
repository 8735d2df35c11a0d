"""What MAAF says its words attend to, as claims: Figures 3, 5 and 6.

§4 draws maps and gives no number; ours come from the exhibits of `word_attention` and `part_attention`, in multiples
of uniform attention (under the identity, by how large weights are, whatever their sign).
"""

from cirkit.experiments.claims import Attention, Claim, Expectation, above, below, within
from cirkit.papers.maaf.settings import claim

LESS, MORE = below(0.0), above(0.0)
LABELS = {"place": "position", "colour": "colour"}
OURS = "not in the paper: our addition"  # put when the first seed had been measured; its direction is the paper's
# The verb stands before any word that says which object is meant, so nothing can draw it to that object or push it off.
# A tenth of uniform attention is what we call no difference; set when only the first seed had been measured.
NONE = within(0.1)

SOFTMAX, IDENTITY = "maaf/css/maaf_softmax", "maaf/css/maaf_identity"
ELSEWHERE = {  # the same measurement on other models
    IDENTITY: "under the identity, too",
    "maaf/css/maaf_softmax_2_blocks": "also in the second of two blocks",
    "maaf/css/maaf_softmax_image_pooled": "also where only image tokens are pooled",
}
DRESSED = {
    "maaf/fashioniq/blocks_1": "with one block instead of two",
    "maaf/fashioniq/rp_ita": "where only image tokens are pooled",
}


def _claim(number: int, where: str, says: str, reported: str, quantity: Attention, expect: Expectation) -> Claim:
    return claim(number, where, says, reported, quantity, expect, unit="× uniform attention")


def _objects(name: str, word: str) -> Attention:
    """Weight on the object a word refers to minus that on another object of the same image, which it does not fit."""
    return Attention(name, word, than="mask")


def _parts(
    word: str, minus: str | None = None, name: str = "maaf/fashioniq/maaf", than: str = "word", of: str = "own"
) -> Attention:
    """Weight of a word on its part of the garment minus that of a random other word, as the paper's S3 compares."""
    return Attention(name, word, than=than, minus=minus, exhibit="parts", of=of)


CLAIMS = [
    _claim(
        33,
        "Figure 3",
        "On CSS, a position word attends less to the object at the position it names than to another object.",
        "“attends to everything else” (maps, no number)",
        _objects(SOFTMAX, "place"),
        LESS,
    ),
    _claim(
        34,
        "Figure 5",
        "On CSS, a colour word attends less to the object it describes than to an object of another colour.",
        "“systematically ignores the object to which it refers” (pictures, no number)",
        _objects(SOFTMAX, "colour"),
        LESS,
    ),
    _claim(
        35,
        "§4, our additions",
        "Calibration: on CSS, the verb, which precedes the object's name, attends to that object as to any other.",
        OURS,
        _objects(SOFTMAX, "verb"),
        NONE,
    ),
    _claim(
        36,
        "§4, our additions",
        "On CSS, a position word attends less to the empty position it names than to another empty one.",
        OURS,
        _objects(SOFTMAX, "empty place"),
        LESS,
    ),
    *(
        _claim(
            number,
            "§4, our additions",
            f"On CSS, a {LABELS[word]} word attends less to the object it refers to than to another, {how}.",
            OURS,
            _objects(name, word),
            LESS,
        )
        for number, (name, how, word) in enumerate(
            ((name, how, word) for name, how in ELSEWHERE.items() for word in ("place", "colour")), 37
        )
    ),
    _claim(
        43,
        "Figure 6",
        "On FashionIQ, “longer” attends more to the hem than a random other word of its text does.",
        "“high attention weights over the corresponding image region” (maps, no number)",
        _parts("longer"),
        MORE,
    ),
    _claim(
        44,
        "Figure 6",
        "On FashionIQ, “shorter” attends less to the hem than a random other word of its text does.",
        "“small attention weights” (maps, no number)",
        _parts("shorter"),
        LESS,
    ),
    _claim(
        45,
        "Figure 6",
        "On FashionIQ, “longer” attends to the hem more than “shorter” does, each against other words.",
        "large weights against small ones (maps, no number)",
        _parts("longer", minus="shorter"),
        MORE,
    ),
    _claim(
        46,
        "Figure 6",
        "On FashionIQ, the sleeves in “longer sleeves” attend to sleeves more than those in “shorter sleeves”.",
        "additive against subtractive changes (maps, no number)",
        _parts("longer sleeves", minus="shorter sleeves"),
        MORE,
    ),
    _claim(
        47,
        "Figure 6",
        "On FashionIQ, “sleeves” attends to sleeves more than elsewhere in a head that was chosen on other queries.",
        "“several attention heads highlight the corresponding parts” (maps, no number)",
        _parts("sleeves", than="elsewhere", of="best"),
        MORE,
    ),
    *(
        _claim(
            number,
            "Figure 6, our additions",
            f"On FashionIQ, “longer” attends to the hem more than “shorter” does, {how}.",
            OURS,
            _parts("longer", minus="shorter", name=name),
            MORE,
        )
        for number, (name, how) in enumerate(DRESSED.items(), 48)
    ),
]
