"""Product titles: a colour, a few details, a noun; "green button-front v-neck blouse".

Stands in for the descriptions of Fashion200k, from which TIRG makes "replace A with B" (MAAF §3.2).
"""

import numpy as np

from cirkit.worlds.garments import Garment

TITLE_WORDS = {  # how a shop calls it in front of the noun
    "pattern": {
        "striped": "striped",
        "pinstriped": "pinstripe",
        "dotted": "polka-dot",
        "floral": "floral",
        "plaid": "plaid",
        "leopard": "leopard",
        "zigzag": "zigzag",
        "ombre": "ombre",
        "blocked": "colorblock",
    },
    "finish": {"shiny": "satin", "matt": "cotton"},
    "trim": {
        "belt": "belted",
        "bow": "bow",
        "ruffles": "ruffled",
        "lace": "lace",
        "buttons": "button-front",
        "zip": "zip-front",
        "pocket": "pocket",
        "pockets": "two-pocket",
    },
    "logo": {
        "text": "slogan",
        "star": "star",
        "heart": "heart",
        "circle": "ring",
        "skull": "skull",
        "flower": "daisy",
        "cat": "cat",
    },
    "neckline": {
        "high": "turtleneck",
        "collar": "collared",
        "round": "crewneck",
        "halter": "halter",
        "square": "square-neck",
        "scoop": "scoop-neck",
        "v": "v-neck",
    },
    "sleeves": {
        "strapless": "strapless",
        "straps": "strappy",
        "sleeveless": "sleeveless",
        "cap": "cap-sleeve",
        "short": "short-sleeve",
        "half": "half-sleeve",
        "long": "long-sleeve",
    },
    "silhouette": {"fitted": "fitted", "straight": "straight", "flared": "flared"},
}
TITLE_LENGTHS = {
    "dress": ("mini", "knee-length", "midi", "maxi"),
    "skirt": ("mini", "knee-length", "midi", "maxi"),
    "toptee": ("cropped", "", "long"),
    "shirt": ("", "", "long"),
    "jacket": ("cropped", "", "long"),
    "pants": ("short", "capri", "full-length"),
}
TITLE_NOUNS = {
    "dress": ("dress", "gown"),
    "toptee": ("top", "blouse"),
    "shirt": ("t-shirt", "shirt"),
    "jacket": ("jacket", "coat"),
    "skirt": ("skirt",),
    "pants": ("pants", "trousers"),
}


def title(rng: np.random.Generator, garment: Garment, most: int = 3) -> str:
    """A product title as Fashion200k has them: colour, up to `most` details, noun; `&` between two details at times."""
    details = [words[getattr(garment, name)] for name, words in TITLE_WORDS.items() if getattr(garment, name) in words]
    details = [word for word in [*details, TITLE_LENGTHS[garment.kind][garment.length]] if word not in ("", "cotton")]
    count = int(rng.integers(0, min(most, len(details)) + 1))
    kept = [details[i] for i in sorted(rng.choice(len(details), size=count, replace=False).tolist())]
    if len(kept) > 1 and rng.random() < 0.03:
        kept[1:1] = ["&"]
    nouns = TITLE_NOUNS[garment.kind]
    return " ".join([garment.colour, *kept, nouns[0] if rng.random() < 0.7 else nouns[-1]])
