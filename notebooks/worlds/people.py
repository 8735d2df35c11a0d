# %% [markdown]
# # The people world
#
# Text-based person retrieval looks for one person by a description. ITSELF and the benchmarks it uses (CUHK-PEDES,
# ICFG-PEDES, RSTPReid) show pedestrians from several cameras; none of their images may be passed on. This world
# draws pedestrians of its own and publishes them in the three official formats.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
people = 16

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import dataclasses

import pandas as pd

from cirkit.benchmarks import pedes
from cirkit.figures import images, tables
from cirkit.worlds import pedes as people_world
from cirkit.worlds.pedes import CUHK_PEDES, ICFG_PEDES, RSTPREID

size = CUHK_PEDES.sizes[scale]
large = dataclasses.replace(size, height=384, width=128)

# %% [markdown]
# ## Four views each
#
# Every group of images is one identity in pose, light, crop and camera of its own. People come in families of
# look-alikes, who wear the same and differ in small accessories alone: there the description's last words decide, and a
# model that reads the coat and stops is lost.

# %% mystnb={"image": {"alt": "Pedestrians in rows; the same person in several views stands side by side."}}
rows = list(range(2 * people))
images.contact_sheet(CUHK_PEDES.images(large, "train", rows), columns=16)

# %% [markdown]
# ## What is where, and what is said
#
# Every pixel knows which garment or accessory it shows, so a caption names only what can be seen in that very
# image, and attention can be measured against it.

# %% mystnb={"image": {"alt": "Pedestrians, and below each the mask of garments and accessories."}}
seen = people_world.drawing(large, "train", rows[:16])
images.contact_sheet(seen.images, columns=16)

# %% mystnb={"image": {"alt": "The masks of the pedestrians above: one colour per garment or accessory."}}
images.contact_sheet(images.tinted(seen.owner - 1), columns=16)

# %%
said = people_world.captions(large, "train", rows[:4], seen.owner[:4])
tables.styled(pd.DataFrame({"picture": range(1, 5), "first caption": [captions[0] for captions in said]}))

# %% [markdown]
# ## The same files
#
# What a check of the published folder finds, for each of the three formats.

# %%
found = [
    {"benchmark": world.name, **row}
    for world in (CUHK_PEDES, ICFG_PEDES, RSTPREID)
    for row in pedes.LAYOUTS[world.name].check(world.folder(world.sizes[scale]))
]
tables.styled(pd.DataFrame(found))

# %% [markdown]
# ## What this world does not show
#
# Faces, crowds, cloth: nothing here is hard to see. What it keeps is that people differ in little things, that a
# description names them, and that a crop or a pole may hide them.
