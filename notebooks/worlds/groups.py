# %% [markdown]
# # The groups world
#
# CIRR asks within groups of six similar pictures; CIRCO allows several right answers; GeneCIS gives each question a
# gallery of its own. This world arranges shapes freely, in two materials, in groups of six that share what is large
# and differ in what is small, and publishes them in those formats. A sentence's truth is decided, not sampled.

# %% tags=["parameters", "hide-input"]
scale = "smoke"
shown = 3

# %% tags=["hide-input"]
import pandas as pd
import torch

from cirkit.benchmarks import circo, cirr, genecis
from cirkit.figures import images, tables
from cirkit.worlds.circo import CIRCO
from cirkit.worlds.cirr import CIRR
from cirkit.worlds.genecis import GENECIS

size = CIRR.sizes[scale]

# %% [markdown]
# ## Groups of six

# %% mystnb={"image": {"alt": "Rows of six similar scenes: the large things agree, the small ones differ."}}
images.contact_sheet(CIRR.images(size, "val", list(range(6 * shown))), columns=6)

# %% [markdown]
# ## A question of CIRR
#
# The reference is left out of the ranking; the second measure ranks the five others of the group alone.

# %% mystnb={"image": {"alt": "Pairs of scenes: the reference, and the scene the sentence leads to."}}
test = cirr.test(CIRR.folder(size))
rows = torch.arange(shown) * (len(test) // shown)
asked = test.query[rows]
answers = test.gallery[torch.tensor([test.relevant[row][0] for row in rows])]
pairs = torch.stack([asked.image, answers], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "answer"] * shown, framed=range(1, 2 * shown, 2), width=1.4)

# %%
tables.styled(pd.DataFrame({"question": range(1, shown + 1), "sentence": asked.text}))

# %% [markdown]
# ## Several right answers
#
# How many answers each of CIRCO's validation questions has in this world:

# %%
several = circo.test(CIRCO.folder(CIRCO.sizes[scale]))
tables.styled(
    pd.Series([len(found) for found in several.relevant], name="questions")
    .value_counts()
    .sort_index()
    .rename_axis("right answers")
    .reset_index()
)

# %% [markdown]
# ## The same files

# %%
found = [
    {"benchmark": world.name, **row}
    for reader, world in ((cirr, CIRR), (circo, CIRCO), (genecis, GENECIS))
    for row in reader.check(world.folder(world.sizes[scale]))
]
tables.styled(pd.DataFrame(found))

# %% [markdown]
# ## What this world does not show
#
# Everyday objects, viewpoints, common sense. What it keeps is that the near misses are near: five pictures of the
# same large things, of which one is meant.
