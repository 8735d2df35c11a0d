# %% [markdown]
# # Attention alignment, Figures 1 and 2: by what an image shows and how much a caption names
#
# > "[...] scaled dot product attention can maintain a consistent performance margin over biased general\* attention
# > when retrieving images, regardless of whether there is no object, only a few objects or many objects in the
# > caption to be aligned." (Cao et al., section 6.3)
#
# The paper takes its best and its worst row on COCO apart: by the supercategories of the objects in an image, and by
# the number of nouns in a caption. Its worst row, biased general\*, is one of the four that the layout of the
# released code affects.
#
# **What we measure.** The same two breakdowns, with biased general\* in both layouts. Does a margin remain when the
# layout is right, and is it the same whatever is named?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments.page import Page
from cirkit.figures.code import code
from cirkit.papers.alignment import matching_figures

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# Nouns are counted exactly, since the synthetic captions have few: the shapes, and *thing*. An image belongs to every
# colour that its captions name, as an image of COCO belongs to every supercategory of its annotations.

# %% tags=["remove-input"]
code(matching_figures.number_of_nouns, matching_figures.colours_shown)

# %% [markdown]
# ## By what an image shows (Figure 1)

# %% tags=["remove-input"]
matching_figures.by_colour(page, "coco", "Figure 1")

# %% [markdown]
# ## By the number of nouns (Figure 2)

# %% tags=["remove-input"]
matching_figures.by_nouns(page, "coco", "Figure 2")

# %% [markdown]
# The same on the counterpart of Flickr30k, which the paper does not show:

# %% tags=["remove-input"]
matching_figures.by_nouns(page, "flickr30k", "Figure 2, Flickr30k")

# %% [markdown]
# ## What this shows, and what it does not
#
# A group's interval is over seeds, each with images of its own, where the paper has one run and groups of as few as
# one caption. Captions with many nouns are longer here in every way: they name more attributes, too. So a rise with
# the number of nouns says that more is told, not that nouns as such help. How images of one colour differ from those
# of another is the renderer's doing, and stands for nothing in photographs.
