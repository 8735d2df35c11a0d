# %% [markdown]
# # MAAF, Tables S1 to S3: how large a model
#
# > "The result is not very sensitive to this hyperparameter, and all other results in the paper use our original
# > setting of 256." (MAAF, supplement S1, on the width of the fully connected layers)
#
# Three tables vary the size of MAAF on Fashion IQ: with and without the finer of two resolutions, the width of the
# fully connected layers, the number of attention blocks.
#
# **Our question.** Which of the three matters, and does more of it stop helping?

# %% tags=["parameters", "hide-input"]
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"]
from cirkit.evaluators.measures import Mean, Recall
from cirkit.experiments.page import Page
from cirkit.figures import breakdowns, plots, tables

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
measure = Mean((Recall(10), Recall(50)))

# %% [markdown]
# ## The finer resolution (Table S1)
#
# Left, what the paper prints, on the original data. Right, ours: the mean over seeds and queries with its 95 %
# interval. The two columns must not be compared with each other: pictures, encoder and length of training differ.
# Compare down a column.

# %%
tables.table("maaf", "Table S1", scale, measure)

# %% tags=["hide-input"]
breakdowns.by_category("maaf", "Table S1", scale)

# %% tags=["hide-input"] mystnb={"image": {"alt": "One row per model: dots for the seeds, a line for the interval."}}
plots.dots("maaf", "Table S1", scale, measure)

# %% [markdown]
# ## The width of the feed-forward layer (Table S2)

# %%
tables.table("maaf", "Table S2", scale, measure)

# %% tags=["hide-input"]
breakdowns.by_category("maaf", "Table S2", scale)

# %% tags=["hide-input"] mystnb={"image": {"alt": "One row per model: dots for the seeds, a line for the interval."}}
plots.dots("maaf", "Table S2", scale, measure)

# %% [markdown]
# ## The number of blocks (Table S3)

# %%
tables.table("maaf", "Table S3", scale, measure)

# %% tags=["hide-input"]
breakdowns.by_category("maaf", "Table S3", scale)

# %% tags=["hide-input"] mystnb={"image": {"alt": "One row per model: dots for the seeds, a line for the interval."}}
plots.dots("maaf", "Table S3", scale, measure)

# %% [markdown]
# ## The claims

# %% tags=["hide-input"]
tables.ledger_table("maaf", where=("Table S1", "Table S2", "Table S3"))

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# What [Table 2](table_2_pooling) says of encoders, pictures and training holds here as well. The printed widths are
# 64, 128, 256 and 512 where tokens are 512 wide; ours are the same fractions of our width *d*, and the rows are named
# after them.
#
# ## What this shows, and what it does not
#
# The three tables share one row, the model of the paper, and so their rows are not independent of each other. A small
# model that has not finished learning may gain from size for other reasons than a large one; where the training
# stopped is the same for all rows, and a deeper model may have needed longer.
