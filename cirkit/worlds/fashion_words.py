"""The words for what garments are like: several for each fact, as different people choose them.

In the register of FashionIQ's relative captions (MAAF §3.2) and of Fashion200k's product titles.
"""

COLOUR_WORDS = {
    "black": ("black", "jet black", "black colored"),
    "white": ("white", "bright white", "white in color"),
    "grey": ("grey", "gray", "silver grey", "gray colored"),
    "cream": ("cream", "cream colored", "ivory", "off white"),
    "beige": ("beige", "tan", "khaki", "tan colored", "sand colored"),
    "brown": ("brown", "chocolate brown", "brown in color"),
    "red": ("red", "bright red", "red colored"),
    "burgundy": ("burgundy", "maroon", "dark red", "wine colored"),
    "pink": ("pink", "light pink", "pink in color"),
    "coral": ("coral", "salmon colored", "coral pink", "peach"),
    "orange": ("orange", "orange colored", "bright orange"),
    "yellow": ("yellow", "bright yellow", "gold yellow"),
    "green": ("green", "green colored", "grass green"),
    "olive": ("olive", "army green", "olive green"),
    "mint": ("mint", "light green", "mint green", "pale green"),
    "teal": ("teal", "blue green", "turquoise", "aqua"),
    "blue": ("blue", "royal blue", "blue in color", "blue colored"),
    "navy": ("navy", "navy blue", "dark blue"),
    "purple": ("purple", "violet", "purple in color"),
    "lavender": ("lavender", "lilac", "light purple", "lavender colored"),
}
PATTERN_WORDS = {  # adjectives; nouns
    "striped": (
        ("striped", "horizontally striped"),
        ("stripes", "horizontal stripes", "a striped pattern", "stripe design"),
    ),
    "pinstriped": (("pinstriped", "vertically striped"), ("pinstripes", "vertical stripes", "thin stripes")),
    "dotted": (("dotted", "polka dotted", "spotted"), ("polka dots", "dots", "a dotted print", "spots")),
    "floral": (("floral", "flowered"), ("flowers", "a floral print", "a flower pattern", "floral designs")),
    "plaid": (("plaid", "checkered", "checked"), ("a plaid pattern", "checks", "a tartan print", "checkers")),
    "leopard": (("leopard print", "animal print"), ("an animal print", "leopard spots", "a cheetah print")),
    "zigzag": (("zigzagged", "geometric"), ("zig zags", "a chevron pattern", "a geometric pattern", "wavy lines")),
    "ombre": (("ombre", "two toned", "faded"), ("an ombre effect", "a gradient", "fading colors")),
    "blocked": (
        ("color blocked", "two toned", "half and half"),
        ("color blocks", "two blocks of color", "a different colored bottom"),
    ),
}
SLEEVE_WORDS = {
    "strapless": (("is", "strapless"), ("has", "no straps"), ("has", "bare shoulders"), ("is", "a tube style")),
    "straps": (("has", "spaghetti straps"), ("has", "thin straps"), ("has", "skinny straps"), ("is", "strappy")),
    "sleeveless": (("is", "sleeveless"), ("has", "no sleeves"), ("is", "a tank style"), ("is", "without sleeves")),
    "cap": (("has", "cap sleeves"), ("is", "cap sleeved"), ("has", "tiny sleeves"), ("has", "very short sleeves")),
    "short": (("has", "short sleeves"), ("is", "short sleeved"), ("has", "t shirt sleeves"), ("is", "short sleeve")),
    "half": (
        ("has", "half sleeves"),
        ("has", "elbow length sleeves"),
        ("has", "3/4 sleeves"),
        ("has", "mid length sleeves"),
    ),
    "long": (("has", "long sleeves"), ("is", "long sleeved"), ("has", "full sleeves"), ("has", "wrist length sleeves")),
}
NECK_WORDS = {
    "high": (("has", "a turtleneck"), ("has", "a high neck"), ("is", "high necked"), ("has", "a mock neck")),
    "collar": (("has", "a collar"), ("is", "collared"), ("has", "a pointed collar"), ("is", "polo style")),
    "round": (("has", "a round neck"), ("has", "a crew neck"), ("is", "crew necked"), ("has", "a rounded neckline")),
    "halter": (
        ("has", "a halter neck"),
        ("is", "a halter style"),
        ("has", "halter straps"),
        ("is", "tied at the neck"),
    ),
    "across": (("has", "a straight neckline"), ("is", "cut straight across")),
    "square": (("has", "a square neck"), ("has", "a squared neckline"), ("is", "square necked")),
    "scoop": (("has", "a scoop neck"), ("has", "a scooped neckline"), ("has", "a wide neck"), ("is", "scoop necked")),
    "v": (("has", "a v neck"), ("has", "a v shaped neckline"), ("is", "v necked"), ("has", "a plunging v neckline")),
}
TRIM_WORDS = {
    "belt": (("has", "a belt"), ("is", "belted"), ("has", "a sash"), ("has", "a band around the waist")),
    "bow": (("has", "a bow"), ("has", "a bow in front"), ("has", "a ribbon"), ("has", "a tied bow")),
    "ruffles": (("has", "ruffles"), ("has", "a ruffled hem"), ("is", "frilly"), ("has", "frills at the bottom")),
    "lace": (("has", "lace"), ("has", "a lace hem"), ("is", "lacy"), ("has", "lace trim on the bottom")),
    "buttons": (("has", "buttons"), ("has", "buttons down the front"), ("is", "button up"), ("is", "buttoned")),
    "zip": (("has", "a zipper"), ("is", "zip up"), ("has", "a zip in front")),
    "pocket": (("has", "a pocket"), ("has", "one chest pocket"), ("has", "a single breast pocket")),
    "pockets": (("has", "two pockets"), ("has", "pockets on both sides"), ("has", "two breast pockets")),
}
TRIM_NOUNS = {
    "belt": "belt",
    "bow": "bow",
    "ruffles": "ruffles",
    "lace": "lace",
    "buttons": "buttons",
    "zip": "zipper",
    "pocket": "pocket",
    "pockets": "pockets",
}
LOGO_WORDS = {
    "text": ("text", "words", "writing on the front", "lettering", "letters on it"),
    "star": ("a star", "a star on the chest", "a star logo"),
    "heart": ("a heart", "a heart on the front", "a love logo"),
    "circle": ("a circle", "a ring on it", "a round logo"),
    "skull": ("a skull", "a skull on the front", "a skeleton face"),
    "flower": ("a flower on the chest", "a single flower", "a daisy logo"),
    "cat": ("a cat", "a cat face", "a kitty on it", "an animal face"),
}
NOUNS = {
    "dress": ("dress", "gown", "frock"),
    "shirt": ("shirt", "tee", "t-shirt"),
    "toptee": ("top", "blouse", "shirt"),
    "jacket": ("jacket", "coat"),
    "skirt": ("skirt",),
    "pants": ("pants", "trousers"),
}
