# %% [markdown]
# # The CLIP family on CIRCO
#
# Several images are relevant to a query, and there is no training split: CIRCO is the home of the zero-shot methods.
#
# **What we measure.** mAP@K over the whole gallery. Pic2Word, SEARLE and LinCIR all make a word of the reference image,
# by a small network φ, and let a frozen CLIP read it in a prompt. They differ in what φ learns from: images alone
# (Pic2Word), words that were optimised for each image (SEARLE), or captions alone (LinCIR). Which teaches better?

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
from cirkit.models.textual_inversion import TextualInversion
from cirkit.training.inversion import cycle_contrast, distillation, self_masking

page = Page.of(paper="clip_family", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# One retriever, three losses. The image's vector becomes the embedding of a word, which stands in a prompt before the
# text of the query.

# %% tags=["remove-input"]
code(TextualInversion.compose, cycle_contrast.__call__, distillation.__call__, self_masking.__call__)

# %% [markdown]
# ## The table
#
# On the left what we measured, on the right what papers report for the original data and a CLIP that has read hundreds
# of millions of images. The two must not be compared with each other. Compare rows within a column. SEARLE-OTI
# optimises a word for each query's image, which takes minutes for each hundred, and is tested here alone.

# %%
tables.table(page, "CIRCO")

# %% tags=["remove-input"]
plots.dots(page, "CIRCO", "Figure C.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("CIRCO",)))

# %% [markdown]
# ## Training
#
# Rows without training have no curve.

# %% tags=["remove-input"]
plots.loss_curves(page, "CIRCO", "Figure C.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "CIRCO", "Figure C.3")

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
# The whole configuration of one row:

# %% tags=["hide-output"]
print(json.dumps(page.experiment("clip_family/searle").declared(), indent=1))

# %% [markdown]
# PALAVRA learns from sets of images whose captions name the same thing, and takes a set of one image here; it was made
# for several images of one thing. CLIP + painter edits the reference by the renderer and searches with the image, as
# [the page of CIRR](cirr) says.
#
# ## A file for the test server
#
# The targets of the 800 test queries are known to CIRCO's server alone. `cirkit submit` ranks them by a row's weights
# and writes the file that the server takes, checked by its rules before it is written:
#
# ```
# cirkit submit clip_family/searle --benchmark circo --out submissions --scale paper
# ```
#
# ## What this shows, and what it does not
#
# It shows whether a word made of an image carries what the text leaves out, in a space that CLIP has learned from a few
# ten thousand images. A CLIP that has seen little has words for little: where φ's word is not above the sum, the
# teacher may be at fault, or the space.
