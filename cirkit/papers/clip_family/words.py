"""Words that methods of the CLIP family know beforehand: subjects, styles, and the words that are never keywords.

SEARLE (Baldrati et al., 2023) takes the classes of OpenImages, BASIC (Psomas et al., 2025) names of objects and styles,
LinCIR (Gu et al., 2024) a tagger's nouns and adjectives.
"""

from dataclasses import dataclass

from cirkit.worlds import birds, garments, people, scene
from cirkit.worlds.fashion_words import NOUNS, PATTERN_WORDS

# the words that join others: what is left of a caption are its nouns, adjectives and a few verbs
FUNCTION_WORDS = (
    "a", "an", "the", "this", "that", "these", "those", "some", "any", "no", "all", "both", "each", "every", "other",
    "another", "and", "or", "but", "nor", "not", "of", "in", "on", "at", "to", "from", "by", "with", "without", "for",
    "as", "than", "into", "onto", "over", "under", "above", "below", "behind", "beside", "between", "near", "next",
    "through", "around", "across", "along", "up", "down", "off", "out", "there", "here", "it", "its", "he", "his",
    "him", "she", "her", "they", "their", "them", "who", "which", "what", "where", "while", "is", "are", "was", "were",
    "be", "been", "being", "has", "have", "had", "having", "does", "do", "very", "more", "most", "less", "too", "also",
    "only", "just", "so", "such",
)  # fmt: skip

# the eighty kinds of things that COCO marks
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """`concepts` are near images (SEARLE); `subjects` and `styles` are what BASIC's projection tells apart."""

    concepts: tuple[str, ...]
    subjects: tuple[str, ...]
    styles: tuple[str, ...]


_SOLIDS = tuple(f"{colour} {shape}" for colour in scene.COLOURS for shape in scene.SHAPES)
_GARMENTS = tuple(f"{colour} {names[0]}" for colour in garments.COLOURS for names in NOUNS.values())
_BIRDS = tuple(f"{colour} bird" for colour in birds.COLOURS)

_CONCEPTS = (*_SOLIDS, *_GARMENTS, *_BIRDS, *(f"person in a {each}" for each in people.UPPERS))

WORLDS = Lexicon(
    concepts=_CONCEPTS,
    subjects=(
        *scene.SHAPES, *(f"large {shape}" for shape in scene.SHAPES), *(f"small {shape}" for shape in scene.SHAPES),
        *dict.fromkeys(noun for names in NOUNS.values() for noun in names), "shoe", "boot", "sandal", "bird", "person",
        "man", "woman", "sign", *_CONCEPTS,  # the nouns alone span too few of the 250 directions that BASIC keeps
    ),
    styles=(
        *dict.fromkeys((*scene.COLOURS, *garments.COLOURS)), *scene.MATERIALS, "shiny", "matte",
        *(adjective for adjectives, _ in PATTERN_WORDS.values() for adjective in adjectives),
    ),
)  # fmt: skip
PHOTOS = Lexicon(
    concepts=COCO,
    subjects=COCO,
    styles=(
        "painting", "oil painting", "watercolor", "sketch", "pencil drawing", "cartoon", "comic", "origami",
        "sculpture", "statue", "toy", "embroidery", "mosaic", "graffiti", "tattoo", "engraving",
        "black and white photo", "vintage photo", "close-up", "aerial view", "at night", "at sunset", "in the snow",
        "in the rain", "in the fog", "under water", "from behind", "from above", "in a crowd", "indoors", "outdoors",
        "on a plain background",
    ),
)  # fmt: skip


def lexicon(scale: str) -> Lexicon:
    """That of a scale."""
    return PHOTOS if scale == "paper" else WORLDS
