"""Captions of ICFG-PEDES and RSTPReid as ITSELF's supplement quotes them, and how many of their words are selected.

Supplement, Figures 2 and 3. The released code counts a caption as 75 pieces, however long it is.
"""

from pandas import DataFrame

from cirkit.figures.display import Display
from cirkit.figures.tables import styled
from cirkit.models.retention import count
from cirkit.models.word_counts import CLIPS
from cirkit.training.person_augment import clip_pieces

RATIOS = {"first step": 0.65, "after t_small": 0.5, "released evaluation": 0.4}
QUOTED = (
    "A middle-aged man with short black hair is wearing a black insulated jacket with a hood. He is also wearing "
    "black fitted pants and neon green sneakers with a black Nike logo on the sides.",
    "A man in his mid 40's having a bald patch. He is wearing an off white t-shirt and black trousers. He is also "
    "holding a black backpack.",
    "A man in his fifties with medium-length with a receding hair is wearing a black bomber jacket. He is also "
    "wearing a pair of green chinos pants and blue sneakers.",
    "A man with black short hair is wearing a blue puffer jacket with a hood and a pair of fitted black pants. He "
    "is wearing green running shoes with white details and his hands are inside the pocket.",
    "A boy with black medium length hair is wearing a dark blue hoodie that has green sleeves. He is also wearing "
    "grey denim loose fitted jeans with dark blue running shoes. He has a black and orange school bag that has "
    "Mickey Mouse on it strapped on the shoulder.",
    "The woman is wearing a black coat with the hood. She wears a pair of black trousers and black shoes. She is "
    "carrying gray and black backpack and a gray handbag.",
    "The middle-aged man is wearing a black jackets with a grey hat, tight jeans and a pair of sneakers. He also "
    "wears glasses and his hands are in the pockets.",
    "The man was wearing a grey coat, blue trousers and brown shoes. He walks with his hand in his pocket and "
    "carries a gray backpack.",
    "The man is wearing a black coat, blue trousers and black sports shoes. He walks with his hand in his pocket "
    "and holds a child.",
    "Back of a male walker holding a big shoulder bag. He wears a black jacket, dark jeans and a pair of black "
    "sneakers. His hands are in his pockets.",
    "The man is wearing a tan coat, a pair of dark trousers and a pair of black shoes. He is carrying a black "
    "backpack and holding something in the hand.",
)


def selected_words(number: str) -> Display:
    """Of each quoted caption: its pieces, and how many of them are selected at three ratios."""
    lines = []
    for caption in QUOTED:
        pieces = len(clip_pieces(caption))
        kept = {name: f"{min(pieces, count(CLIPS, ratio))} of {pieces}" for name, ratio in RATIOS.items()}
        lines.append({"caption": f"{caption[:48]} …", **kept})
    says = ", ".join(f"{name} {ratio:g}" for name, ratio in RATIOS.items())
    caption = (
        f"Pieces that are pooled of captions which the supplement quotes, at a share of {CLIPS} pieces: {says}. A "
        "caption that is shorter than the count has all of its words pooled. Computed here from CLIP's own tokenizer."
    )
    return Display(styled(DataFrame(lines)), number, caption)
