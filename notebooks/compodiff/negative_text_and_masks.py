# %% [markdown]
# # CompoDiff: negative texts and masks, measured
#
# > "Furthermore, the existing benchmarks (even more recent ones, such as CIRCO and GeneCIS) cannot evaluate the
# > negative and mask conditions." (section 5.4)
#
# CompoDiff takes two conditions that no other method does: a text of what is *not* wanted, and a mask of the region
# that may change. The paper shows both on examples. On scenes whose objects are known, both can be measured.
#
# **What we measure.** *Negative text*: a scene, an object to add, another that must not be there, whether or not it is
# there before. Targets have the first and not the second; images with both break the condition. *Mask*: a scene in
# which one object of several is to become another kind, and the mask alone says which. Targets have changed there;
# images that changed at another object break the condition. Rivals are told the same in words: "without a red cube",
# "change the blue sphere". And, as photo tools do it, the negative text's vector is taken off the sum of the two
# others, which stands beside it as it is.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments.page import Page
from cirkit.figures import claims, plots, tables
from cirkit.figures.code import code
from cirkit.models.compodiff import Encoders
from cirkit.models.guidance import as_meant
from cirkit.models.subtraction import Subtraction
from cirkit.papers.compodiff import figures

page = Page.of(paper="compodiff", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# A negative text takes the place of the empty one in the branches of guidance, so that what it says is pushed away. The
# masked region is emptied before CLIP sees the image, and the mask itself is a token of its own.

# %% tags=["remove-input"]
code(Encoders.image, as_meant.__call__, Subtraction.compose)

# %% [markdown]
# ## Negative texts
#
# Recall at 1, 5 and 10 of the targets; and of the images that break the condition, the share among the first ten,
# where less is better. All are ranked in one gallery.

# %%
tables.table(page, "Negative text")

# %% tags=["remove-input"]
plots.dots(page, "Negative text", "Figure N.1")

# %% tags=["remove-input"]
figures.told(page, "negative", "Figure N.2")

# %% [markdown]
# ## Masks

# %%
tables.table(page, "Mask")

# %% tags=["remove-input"]
plots.dots(page, "Mask", "Figure M.1")

# %% tags=["remove-input"]
figures.told(page, "mask", "Figure M.2")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Negative text", "Mask")))

# %% [markdown]
# ## What this shows, and what it does not
#
# Every row reads one small CLIP, and the fusion models learn from the same triplets as CompoDiff. None of them has seen
# a negative text in training; CompoDiff has seen masks of random boxes on captioned images, and no mask with a
# modification text. A row that is not told the condition says how much of a score owes nothing to it: it may find
# targets, but it cannot tell them from images that break the condition better than by chance.
#
# The scenes hold a few large objects. A photo holds many more, a user's mask is less tidy than a box around an object,
# and words can say which object is meant only where no two are alike, which is how our scenes are drawn: the rivals get
# the best that words can do.
#
# Read the negative texts with one more thing in mind: the triplets that CompoDiff and the fusion models learn from
# exchange one object for another, and these queries ask to add one. The sum has learned from no triplet. How much a
# condition is worth is read off rows of one model, told and not told.
