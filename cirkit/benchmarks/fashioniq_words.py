"""What a FashionIQ sentence speaks of, by the words in it: color, texture, shape, parts, type.

MAAF supplement S2 and Table S4, which give a few examples of two lists, red and stripe among them. The lists below are
ours: ordinary English for clothes, the words of the world and those frequent in the public captions. The counts differ.
"""

import string

PUNCTUATION = str.maketrans("", "", string.punctuation)  # MAAF's tokeniser: `t-shirt` is one word, `tshirt`

COLOR = """
    color colors colored coloring colorful colorfull colour colours coloured colouring colourful colourfull
    multicolor multicolored multicoloured multi monochrome monochromatic neutral rainbow hue hues shade shades tone
    tones toned twotoned dark darker light lighter bright brighter brightly pale paler pastel neon vibrant muted dull
    duller warmer cooler subdued livelier
    black blacker white whiter grey gray charcoal silver cream ivory beige tan khaki sand camel brown chocolate red
    redder reddish reds maroon burgundy wine pink pinker magenta fuchsia rose coral salmon peach melon orange rust
    yellow mustard gold golden green greener greenish lime olive mint teal turquoise aqua blue bluer blues bluish navy
    indigo purple violet lavender lilac plum
"""
TEXTURE = """
    texture textured fabric material pattern patterns patterned unpatterned print prints printed solid plain
    stripe stripes striped striping stripy pinstripe pinstripes pinstriped plaid tartan flannel check checks checked
    checker checkers checkered gingham dot dots dotted polka polkadot polkadots spots spotted
    floral florals flower flowers flowered flowery paisley tropical hawaiian geometric chevron zig zag zags zigzag
    zigzags zigzagged wavy argyle abstract animal leopard cheetah zebra tiger camo camouflage dye dyed tiedye tiedyed
    ombre gradient fading faded
    lace laced lacy lacier lacey sheer sheerer transparent seethrough mesh crochet knit knitted wool cotton denim
    leather suede velvet satin silk silky chiffon fur furry fringe embroidered embroidery sequin sequins sequined
    sparkly glitter shiny shinier shine glossy metallic matte
"""
SHAPE = """
    shape shaped shapes structured silhouette long longer short shorter length lenght mini midi maxi tall cropped crop
    fit fits fitted fitting formfitting form hugging tight tighter loose looser baggy baggier slim slimmer slimming
    narrow narrower wide wider full fuller volume flowing flowy flows billowy flare flared aline straight empire
    peplum layered layers tiered pleated pleats draped drapes draping gathered ruched wrap asymmetrical asymmetric
    uneven highlow large larger big bigger small smaller tiny thin thinner thick thicker high higher low lower deep
    deeper plunging round rounded rounder square squared scoop scooped v
"""
PARTS = """
    sleeve sleeves sleeved sleeveless sleevless longsleeve longsleeves longsleeved shortsleeve shortsleeved strap straps
    strapped strapless strappy spaghetti halter shoulder shoulders shouldered offshoulder arm arms cuff cuffs
    neck necks necked neckline vneck vnecks vnecked turtleneck cowl collar collars collared collarless lapel hood
    hooded front back backless chest breast bust bodice waist waistline waistband hips bottom hem hemline slit slits
    side sides button buttons buttoned buttonup buttondown zip zips zipper zipped pocket pockets pocketed belt belted
    sash bow bows ribbon tie ties tied ruffle ruffles ruffled frill frills frilly frilled trim piping lining panel
"""
TYPE = """
    gown frock skirt skirts blouse blouses polo tunic tank tanktop camisole cami corset bodysuit sweater sweatshirt
    hoodie pullover cardigan jersey vest jacket coat blazer suit pants trousers jeans shorts leggings jumpsuit romper
    robe kimono poncho shawl
"""  # not dress, shirt, top and tee: they name the category, in which reference and target agree
KINDS = {  # under the paper's names
    "color": frozenset(COLOR.split()),
    "texture": frozenset(TEXTURE.split()),
    "shape": frozenset(SHAPE.split()),
    "parts": frozenset(PARTS.split()),
    "type": frozenset(TYPE.split()),
}


def kinds(text: str) -> tuple[str, ...]:
    """The kinds of which a text has at least one word, in the order of `KINDS`; one text may be of several, or none."""
    words = set(text.lower().translate(PUNCTUATION).split())
    return tuple(kind for kind, mine in KINDS.items() if words & mine)
