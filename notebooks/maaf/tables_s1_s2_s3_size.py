# %% [markdown]
# # MAAF, Tables S1 to S3: how large a model
#
# > "The result is not very sensitive to this hyperparameter, and all other results in the paper use our original
# > setting of 256." (MAAF, supplement S1, on the width of the fully connected layers)
#
# Three tables vary the size of MAAF on FashionIQ: with and without the finer of two resolutions, the width of the
# fully connected layers, the number of attention blocks.
#
# **What we measure.** Which of the three matters, and does more of it stop helping?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.attention.blocks import TransformerBlock
from cirkit.encoders.image import tokens
from cirkit.experiments.page import Page
from cirkit.figures import breakdowns, claims, plots, tables
from cirkit.figures.code import code

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# Every position of every feature map is a token, so the finer resolution adds most of them; a block is attention and
# a feed-forward layer, whose width Table S2 varies, and Table S3 stacks blocks.

# %% tags=["remove-input"]
code(tokens, TransformerBlock.forward)

# %% [markdown]
# ## The finer resolution (Table S1)
#
# On the left what we measured, on the right what the paper reports for the original data. The two must not be
# compared with each other: images, encoders and length of training differ. Compare rows within a column.

# %%
tables.table(page, "Table S1")

# %% tags=["remove-input"]
breakdowns.by_category(page, "Table S1", "Table S1.1")

# %% tags=["remove-input"]
plots.dots(page, "Table S1", "Figure S1.1")

# %% [markdown]
# ## The width of the feed-forward layer (Table S2)

# %%
tables.table(page, "Table S2")

# %% tags=["remove-input"]
breakdowns.by_category(page, "Table S2", "Table S2.1")

# %% tags=["remove-input"]
plots.dots(page, "Table S2", "Figure S2.1")

# %% [markdown]
# ## The number of blocks (Table S3)

# %%
tables.table(page, "Table S3")

# %% tags=["remove-input"]
breakdowns.by_category(page, "Table S3", "Table S3.1")

# %% tags=["remove-input"]
plots.dots(page, "Table S3", "Figure S3.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table S1", "Table S2", "Table S3")))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, "Table S1", "Figure S1.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table S1", "Figure S1.3")

# %% tags=["remove-input"]
plots.loss_curves(page, "Table S2", "Figure S2.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table S2", "Figure S2.3")

# %% tags=["remove-input"]
plots.loss_curves(page, "Table S3", "Figure S3.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table S3", "Figure S3.3")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# What [Table 2](table_2_pooling) says of encoders, images and training holds here as well. The reported widths are
# 64, 128, 256 and 512 where tokens are 512 wide; ours are the same fractions of our width *d*, and the rows are named
# after them.
#
# What a doubling of the steps moves stands under [long enough](../../how_to_read.md). Where it moves a row by more than
# the rule allows, the claims about that row are verdicts on this length of training.
#
# ## What this shows, and what it does not
#
# The three tables share one row, the model of the paper, and so their rows are not independent of each other. A small
# model that has not finished learning may gain from size for other reasons than a large one; where training stops is
# the same for all rows, and a deeper model may have needed longer.
