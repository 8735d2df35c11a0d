# %% [markdown]
# # The wardrobe world
#
# FashionIQ pairs an image of a product with two relative captions that say how another one differs. Its images were
# Amazon's and many are gone. This world draws product images of dresses, shirts and tops, writes captions in the same
# hasty register, and publishes both in FashionIQ's files.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "smoke"
shown = 24

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import dataclasses

import pandas as pd
import torch

from cirkit.benchmarks import fashioniq
from cirkit.benchmarks.fashioniq_protocols import PROTOCOLS
from cirkit.figures import images, tables
from cirkit.worlds import pinpoint as judged
from cirkit.worlds.fashioniq import FASHIONIQ, drawing
from cirkit.worlds.pinpoint import PINPOINT

size = FASHIONIQ.sizes[scale]

# %% [markdown]
# ## A contact sheet

# %% mystnb={"image": {"alt": "Product shots of dresses, shirts and tops on white, in many cuts and patterns."}}
large = dataclasses.replace(size, image=128)
every_third = [3 * row for row in range(shown)]  # dresses, shirts and tops follow one another
garments = drawing(large, "train", every_third)
images.contact_sheet(garments.images, columns=8)

# %% mystnb={"image": {"alt": "The masks of the garments above: one colour per part, white for the background."}}
images.contact_sheet(images.tinted(garments.parts - 1), columns=8)

# %% [markdown]
# ## A query
#
# The query is the left garment and the two relative captions; the target is the right one.

# %% mystnb={"image": {"alt": "Pairs of garments: the reference, and the target."}}
test = fashioniq.test(FASHIONIQ.folder(size))
rows = torch.arange(4) * (len(test) // 4)
asked = test.query[rows]
answers = test.gallery[torch.tensor([test.relevant[row][0] for row in rows])]
pairs = torch.stack([asked.image, answers], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "target"] * 4, framed=range(1, 8, 2), width=1.2)

# %%
tables.styled(pd.DataFrame({"query": range(1, 5), "both captions, as MAAF joins them": asked.text}))

# %% [markdown]
# ## Seven protocols
#
# Papers differ in the gallery they rank, in how they join the two captions, and in whether the reference is excluded.
# Each protocol is an object; how many queries and gallery items it makes of the same files:

# %%
tests = {name: fashioniq.test(FASHIONIQ.folder(size), protocol) for name, protocol in PROTOCOLS.items()}
counts = [{"protocol": name, "queries": len(found), "gallery": len(found.gallery)} for name, found in tests.items()]
tables.styled(pd.DataFrame(counts))

# %% [markdown]
# ## Paraphrases and explicit negatives
#
# The world of PinPoint asks for two attributes of a garment and leaves its cut alone, in six wordings. The other half
# of its queries, and the kinds of its hard negatives, are on the page of the groups world.

# %%
query = judged.world(PINPOINT.sizes[scale])[2][-1]
tables.styled(pd.DataFrame({"paraphrase": range(1, 1 + len(query.texts)), "modification text": query.texts}))

# %% [markdown]
# ## The same files

# %%
tables.styled(pd.DataFrame(fashioniq.check(FASHIONIQ.folder(size))))

# %% [markdown]
# ## What this world does not show
#
# Cloth, folds, models, taste. What it keeps is that two garments differ in one or two things out of a dozen, and that
# people name them shortly, in their own words, and not always all of them.
