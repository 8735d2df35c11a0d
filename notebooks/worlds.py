# %% [markdown]
# # The worlds
#
# The original data sets cannot be had by everyone, so each benchmark here has a *world*: a program that draws
# images and writes modification texts, and publishes both in exactly the files of the original. There is one reader and
# one protocol per benchmark, and it cannot tell the two apart.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "live"
questions = 4

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import dataclasses
import json

import pandas as pd
import torch

from cirkit.benchmarks import css
from cirkit.figures import images, tables
from cirkit.query import all_rows
from cirkit.worlds.css import CSS, PALETTES, scenes
from cirkit.worlds.render import render

size = CSS.sizes[scale]

# %% [markdown]
# ## Shapes: the world of CSS
#
# > CSS "consists of 32K queries (16K for training and 16K for test) such as 'make yellow sphere small' that serve as
# > modification text for synthesized images in a 3-by-3 grid scene." (MAAF, section 3.1)
#
# Our world draws such scenes with a small ray caster. A scene is nothing but what stands where, so a whole gallery
# follows from a few numbers:

# %%
tables.styled(pd.DataFrame([dataclasses.asdict(size)]))

# %% [markdown]
# A query is a reference image and a modification text; the target is an image of the edited scene. Camera and light
# vary from image to image, so two images of one scene are never the same pixels.

# %% mystnb={"image": {"alt": "Pairs of images: a reference scene, and the scene after the edit."}}
test = css.test(CSS.folder(size))
rows = all_rows(test)[:: len(test) // questions][:questions].tolist()
asked = test.query[torch.tensor(rows)]
answers = test.gallery[torch.tensor([test.relevant[row][0] for row in rows])]
pairs = torch.stack([asked.image, answers], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "target"] * questions, framed=range(1, 2 * questions, 2), width=1.25)

# %%
tables.styled(pd.DataFrame({"query": range(1, questions + 1), "modification text": asked.text}))

# %% [markdown]
# ## What is where
#
# The ray caster knows which object each pixel belongs to. Whether a word's attention falls on the object that the word
# refers to is measured on other pages against such masks, not against anybody's impression. Here are the masks of the
# references above, drawn larger.

# %% mystnb={"image": {"alt": "The references, each beside its mask: one colour per object, white for the ground."}}
references = [test.excluded[row][0] for row in rows]  # gallery rows: the protocol excludes the reference
seen = render([scenes(size, "test")[row] for row in references], 160)
large = torch.stack([seen.images, images.tinted(seen.owner)], 1).flatten(0, 1)
images.images_row(large, ["reference", "mask"] * questions, width=1.25)

# %% [markdown]
# ## What makes it a test
#
# Training and test images never show the same scene, and in the references some colours are kept from some shapes
# in training and from others in the test. A model that learned "red cylinder" by heart is lost; one that learned
# "red" and "cylinder" is not. The rule was read off the sentences of the original.

# %%
tables.styled(
    pd.DataFrame(
        [
            {"split": split, "shape of the reference": shape, "colours": ", ".join(colours)}
            for split, shapes in PALETTES.items()
            for shape, colours in shapes.items()
        ]
    )
)

# %% [markdown]
# ## The same files
#
# The world is published as the object file and numbered images that the original consists of. This is what a check
# of the folder says; on the original it compares with the original's counts.

# %%
tables.styled(pd.DataFrame(css.check(CSS.folder(size))))

# %% [markdown]
# The reader gives training pairs and a benchmark, and from here on nothing knows where they came from. One record, as
# the reader sees it:

# %%
row = rows[0]
print(json.dumps({"text": test.query.text[row], "targets": list(test.relevant[row]), "excluded": test.excluded[row]}))

# %% [markdown]
# ## What a world does not show
#
# Nothing in it is hard to *see*: no texture, no clutter, eight colours and three shapes. What it keeps is the
# composition: the reference alone does not say what should change, and the sentence alone does not say what should
# stay.
