# %% [markdown]
# # MAAF: a pretrained image encoder
#
# > "The model is trained at an initial learning rate of 0.001 for the image model parameters (which are pretrained on
# > ImageNet when not otherwise stated) and 0.01 for all other parameters." (MAAF, section 2.4)
#
# So every row of the paper begins with an image encoder that can already see, and moves it at a tenth of the rate of
# the rest. ImageNet is not a world, so the small encoder of the `cpu` and `gpu` scales learns to see from synthetic
# images: scenes, groups of things, garments, products, shoes, birds, people and signs. **Every image is a class of its
# own**: the encoder is asked which of the images of a batch a mirrored and shifted view shows (instance
# discrimination). No label is read, so no word of any query; and these worlds are drawn from a seed of their own, so no
# image of a benchmark is seen.
#
# **What we measure.** Does the encoder find an image that it has not seen, given another view of it, among all held-out
# images?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import json

import torch

from cirkit.experiments.page import Page
from cirkit.figures import images, plots, tables
from cirkit.figures.code import code
from cirkit.papers.maaf import pretrained_image

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# A batch asks each view for its own image; no text, no label.

# %% tags=["remove-input"]
code(pretrained_image.triplets, pretrained_image.start)

# %% [markdown]
# Two held-out images of each family, and above them the views that ask for them:

# %% tags=["remove-input"]
row = page.experiment("maaf/pretraining")
benchmark = row.tests["views"].data()
each = len(benchmark) // len(set(benchmark.group))
shown = torch.arange(0, len(benchmark), each // 2)[: 2 * len(set(benchmark.group))]
images.contact_sheet(torch.cat([benchmark.query.image[shown], benchmark.gallery[shown]]), columns=len(shown))

# %% [markdown]
# ## The table

# %% tags=["remove-input"]
tables.table(page, "Pretraining")

# %% [markdown]
# The task is easy, and meant to be: its number says that the encoder tells images apart, not that it knows what a query
# will ask. What it is worth is seen where rows begin from it, in Table 7 and Table S5.

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, "Pretraining", "Figure P.1")

# %% [markdown]
# ## What differs from the paper
#
# ImageNet names a thousand kinds of things in a million photos; here nothing is named, and there are some ten thousand
# images. The `paper` scale begins from ImageNet's weights. The whole configuration:

# %% tags=["hide-output"]
print(json.dumps(row.declared(), indent=1))
