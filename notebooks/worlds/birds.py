# %% [markdown]
# # The birds world
#
# A query of Birds-to-Words is an image of one bird and a paragraph that compares it with another; CUB describes one
# bird in ten ways. This world draws birds of invented species and publishes them in both formats.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
birds = 24

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import pandas as pd
import torch

from cirkit.benchmarks import birds_to_words, cub
from cirkit.figures import images, tables
from cirkit.worlds.birds_to_words import BIRDS_TO_WORDS, drawing
from cirkit.worlds.cub import CUB

size = BIRDS_TO_WORDS.sizes[scale]

# %% [markdown]
# ## A contact sheet

# %% mystnb={"image": {"alt": "Birds of invented species on branches, in many colours and poses."}}
images.contact_sheet(BIRDS_TO_WORDS.images(size, "train", list(range(birds))), columns=8)

# %% mystnb={"image": {"alt": "The masks of the birds above: one colour per part of the body."}}
images.contact_sheet(images.tinted(drawing(size, "train", list(range(birds))).owner - 1), columns=8)

# %% [markdown]
# ## Two birds and a paragraph
#
# The query is the left bird and the paragraph; the target is the right one.

# %% mystnb={"image": {"alt": "Three pairs of birds: the reference, and the target."}}
test = birds_to_words.test(BIRDS_TO_WORDS.folder(size))
rows = torch.arange(3) * (len(test) // 3)
asked = test.query[rows]
answers = test.gallery[torch.tensor([test.relevant[row][0] for row in rows])]
pairs = torch.stack([asked.image, answers], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "target"] * 3, framed=(1, 3, 5), width=1.5)

# %%
tables.styled(pd.DataFrame({"query": [1, 2, 3], "paragraph": asked.text}))

# %% [markdown]
# ## The same files

# %%
found = [
    {"benchmark": world.name, **row}
    for world, reader in ((BIRDS_TO_WORDS, birds_to_words), (CUB, cub))
    for row in reader.check(world.folder(world.sizes[scale]))
]
tables.styled(pd.DataFrame(found))

# %% [markdown]
# ## What this world does not show
#
# Feathers, blur, leaves in front of the bird. What it keeps is that two birds are told apart by the colour of a part
# and the shape of a beak, and that the paragraph talks about both birds at once.
