# %% [markdown]
# # The CLIP family on FashionIQ
#
# A garment, two captions that say how another one differs from it, and the gallery of its category. Two kinds of
# methods meet on this page: those that never see a triplet, and those that learn from FashionIQ's own.
#
# **What we measure.** Over one and the same CLIP: what do its two vectors give alone, added, and multiplied; how much
# does a word made of the image add (Pic2Word, SEARLE, LinCIR); and how much is learned from triplets (CLIP4Cir's two
# stages, ARTEMIS)? All rows answer the same queries: one for each annotation, against the whole gallery of its
# category, the reference kept. Each method joins the two captions as its paper does.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import json

from cirkit.experiments.page import Page
from cirkit.figures import claims, plots, tables
from cirkit.figures.code import code
from cirkit.models.combiner import Combiner
from cirkit.models.late_fusion import product, total
from cirkit.papers.clip_family.true_titles import with_titles

page = Page.of(paper="clip_family", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# The sum and the product of the two cosines need no training. The Combiner learns a mixture of both vectors, and adds
# it to a convex combination of them whose share it learns, too.

# %% tags=["remove-input"]
code(total, product, Combiner.forward)

# %% [markdown]
# ## The table
#
# On the left what we measured, on the right what papers report for the original data and a CLIP that has read hundreds
# of millions of images. The two must not be compared with each other. Compare rows within a column.

# %%
tables.table(page, "FashionIQ")

# %% tags=["remove-input"]
plots.dots(page, "FashionIQ", "Figure F.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("FashionIQ",)))

# %% [markdown]
# ## Training
#
# Rows without training have no curve.

# %% tags=["remove-input"]
plots.loss_curves(page, "FashionIQ", "Figure F.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "FashionIQ", "Figure F.3")

# %% [markdown]
# ## What differs from the papers, for all rows alike
#
# Every row reads the same CLIP, which was trained from scratch on the synthetic data's own captions (see *The world
# CLIP*); the papers take OpenAI's weights, not always of the same architecture. Rows that learn take one batch and one
# optimiser (`recipes.small`), and each the least number of steps, doubled from 600, after which a doubling moves
# nothing that is claimed ([long enough](../../how_to_read.md)), where the papers have each their own; the `paper` scale
# keeps those. Where CLIP is frozen, as in all papers here but for CLIP4Cir's first stage, its vectors are computed
# once. What methods know beforehand (names of things, styles, phrases) are the words of the synthetic data.
#
# ARTEMIS has no encoders of its own at the small scales: its two attentions stand on CLIP's vectors, so that the row
# differs from CLIP4Cir in the fusion, and in the text tower that the latter has tuned. Its paper scores both orders of
# the captions as two queries and leaves the reference out; here the first order is the query, and the reference stays,
# as for all other rows.
#
# The whole configuration of one row:

# %% tags=["hide-output"]
print(json.dumps(page.experiment("clip_family/fashioniq/combiner").declared(), indent=1))

# %% [markdown]
# ## Is it the word, or how CLIP reads it?
#
# Some methods make a word of the reference. If they score low, is the word bad, or does a prompt carry less than a
# vector? One row has in the word's place the reference's true title, as the world knows it. A title names a part of
# what an image shows, so a word may do better.

# %% tags=["remove-input"]
code(with_titles.__call__)

# %% [markdown]
# ## What this shows, and what it does not
#
# It shows what fusion adds where all else is equal. It says nothing about how a method gains from a larger CLIP, which
# the reported numbers mix with everything else. CLIP4Cir's first stage learns in the text tower, the other rows do not.
