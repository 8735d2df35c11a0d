# %% [markdown]
# # MAAF, Table 4: one sequence or two streams
#
# > "Alternating self-attention within a modality and cross-attention between the modalities also allows these
# > interactions, but we hypothesized that the modality-agnostic self attention method would work better." (MAAF,
# > section 2.2)
#
# Image tokens φx and word tokens φt may stay two sequences. *Cross(φx, φt)* lets image tokens attend to words;
# *Self(φx)* lets them attend to each other. Commas stand for one after the other, bars for side by side. In MAAF's
# *Self(Φ)* every token attends to every other, with one set of weights.
#
# **What we measure.** Does the single sequence score higher than every way of keeping two, and does the order of
# self- and cross-attention matter?

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
from cirkit.models.two_stream import Both, Cross

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# One step of a block each: cross-attention of one stream, and of both side by side, each reading the other as it was
# before the step.

# %% tags=["remove-input"]
code(Cross.forward, Both.forward)

# %% [markdown]
# ## The table
#
# On the left what we measured, on the right what the paper reports for the original data. The two must not be
# compared with each other: images, encoders and length of training differ. Compare rows within a column.

# %%
tables.table(page, "Table 4")

# %% tags=["remove-input"]
plots.dots(page, "Table 4", "Figure 4.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table 4",)))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, "Table 4", "Figure 4.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table 4", "Figure 4.3")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# What [Table 2](table_2_pooling) says of encoders, images and training holds here as well. The paper found one model
# unstable, tried gentler learning rates for each, and reports the best of each row; here all rows are trained alike.
# Which settings of the released code made which row of the table is not recorded, so the rows follow the table and
# the equations of supplement S1.
#
# A gallery image has no words to attend to. Here, as the supplement says, there is nothing to attend to, and the step
# is left out. The released code feeds one word of zeros instead, whose attention weight is one since it is alone, and
# later pools it as if it were an image token.
#
# Streams that are kept apart learn more slowly than one sequence: what a doubling of the steps moves stands under
# [long enough](../../how_to_read.md). Where it moves a row by more than the rule allows, the claims about that row are
# verdicts on this length of training.
#
# ## What this shows, and what it does not
#
# It compares rows of the same width and number of blocks. Where streams have attention of several kinds they have
# more parameters than the single sequence, as in the paper; nothing here matches the rows in size. Our sequences are
# a few dozen tokens long. How the ways of mixing compare on hundreds of them is not tested.
