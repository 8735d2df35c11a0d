# %% [markdown]
# # The groups world
#
# CIRR has groups of six similar images; CIRCO allows several relevant items; GeneCIS gives each query a gallery of its
# own; PinPoint has paraphrases and explicit negatives. This world arranges shapes freely, in two materials, in groups
# of six: a first scene, and five that are one to three changes away from it. Most changes are of a small object (more,
# fewer, moved, different), some recolour a large one. Whether a modification text is true of an image is computed.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "smoke"
shown = 3

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import pandas as pd
import torch

from cirkit.benchmarks import circo, cirr, genecis, pinpoint
from cirkit.figures import images, tables
from cirkit.worlds import pinpoint as judged
from cirkit.worlds.circo import CIRCO
from cirkit.worlds.cirr import CIRR
from cirkit.worlds.genecis import GENECIS
from cirkit.worlds.judging import NEGATIVES
from cirkit.worlds.pinpoint import PINPOINT

size = CIRR.sizes[scale]

# %% [markdown]
# ## Groups of six

# %% mystnb={"image": {"alt": "Six scenes a row, a few changes apart: mostly small objects, sometimes a large one."}}
images.contact_sheet(CIRR.images(size, "val", list(range(6 * shown))), columns=6)

# %% [markdown]
# ## A query of CIRR
#
# The reference is excluded from the ranking; the second measure ranks the five others of the group alone.

# %% mystnb={"image": {"alt": "Pairs of scenes: the reference, and the target."}}
test = cirr.test(CIRR.folder(size))
rows = torch.arange(shown) * (len(test) // shown)
asked = test.query[rows]
answers = test.gallery[torch.tensor([test.relevant[row][0] for row in rows])]
pairs = torch.stack([asked.image, answers], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "target"] * shown, framed=range(1, 2 * shown, 2), width=1.4)

# %%
tables.styled(pd.DataFrame({"query": range(1, shown + 1), "modification text": asked.text}))

# %% [markdown]
# ## Several relevant items
#
# How many targets each of CIRCO's validation queries has in this world:

# %%
several = circo.test(CIRCO.folder(CIRCO.sizes[scale]))
tables.styled(
    pd.Series([len(found) for found in several.relevant], name="queries")
    .value_counts()
    .sort_index()
    .rename_axis("targets")
    .reset_index()
)

# %% [markdown]
# ## Paraphrases and explicit negatives
#
# PinPoint words each instruction six times, and lists hard negatives beside the relevant images. Here a negative
# satisfies one *part* of the text alone, or has the *look* of the reference and satisfies nothing (the reference is one
# of these), or satisfies the whole *text* on other large objects. Half of the queries are about scenes, half about the
# garments of the wardrobe world. A query, one of its relevant images, and a negative of each kind that it has:

# %% mystnb={"image": {"alt": "Scenes: the reference, a relevant image, and near misses of different kinds."}}
point = PINPOINT.sizes[scale]
query = judged.world(point)[2][0]
misses = {kind: query.negatives[kind][-1] for kind in NEGATIVES if query.negatives[kind]}
row = judged.images(point, "index", [query.source, query.positives[0], *misses.values()])
images.images_row(row, ["reference", "relevant", *misses], framed=range(1, 2), width=1.4)

# %%
tables.styled(pd.DataFrame({"paraphrase": range(1, 1 + len(query.texts)), "modification text": query.texts}))

# %% [markdown]
# ## The same files

# %%
found = [
    {"benchmark": world.name, **row}
    for reader, world in ((cirr, CIRR), (circo, CIRCO), (genecis, GENECIS), (pinpoint, PINPOINT))
    for row in reader.check(world.folder(world.sizes[scale]))
]
tables.styled(pd.DataFrame(found))

# %% [markdown]
# ## What this world does not show
#
# Everyday objects, viewpoints, common sense. What it keeps is that the near misses are near: five images
# almost alike, of which one is the target.
