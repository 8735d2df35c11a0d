# %% [markdown]
# # PVLF, Table 4: how many prompts
#
# > "we observe that an excessive length of prompt tokens tends to adversely affect the performance of the model"
# > (PVLF, section 4.4)
#
# Five to thirty-five prompts in each layer. Of seven numbers of one run each, one is always the best; whether length
# matters is another question.
#
# **What we measure.** The slope of R@1 over the length, with its interval over seeds, over all lengths and beyond the
# paper's choice. Without prompts (p = 0) the model is TransAgg, under PVLF's loss.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments.page import Page
from cirkit.experiments.slope import slope
from cirkit.figures import claims, plots, tables
from cirkit.figures.code import code
from cirkit.papers.pvlf.fusion_settings import LENGTHS
from cirkit.papers.pvlf.prompt_figures import size_curves

page = Page.of(paper="pvlf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# A slope is a sum of the levels of all rows, each with the factor that it has in the line of least squares; so its
# interval is that of a sum, seed by seed.

# %% tags=["remove-input"]
code(slope)

# %% [markdown]
# ## The table
#
# On the left what we measured, on the right what the paper reports for the original data and BLIP or CLIP-L/14. The two
# must not be compared with each other. Compare rows within a column.

# %%
tables.table(page, "Table 4")

# %% [markdown]
# ## Along the length
#
# The paper's curve stands beside ours, on an axis of its own: its points are one run each.

# %% tags=["remove-input"]
lengths = {"PVLF": {0: "p = 0"} | {p: f"p = {p}" for p in LENGTHS}}
size_curves(page, "Table 4", lengths, "prompt length", "Figure 4.1")

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
# Towers are the world CLIP, trained from scratch on the synthetic data's own captions (see *The world CLIP*), where the
# paper has BLIP; they are frozen here and learn there, so that their tokens are computed once. All rows take one number
# of steps, one batch and one optimiser (`fusion_settings.small`); the `paper` scale keeps TransAgg's released recipe:
# two learning rates, one cosine, clipped gradients. TransAgg's best checkpoint on validation is not chosen here: the
# last one counts.
#
# ## What this shows, and what it does not
#
# It shows whether a line through all lengths rises or falls on this data, and by how much seeds differ. A sequence here
# has a few dozen tokens beside the prompts, the paper's several hundred: the same number of prompts is a larger share
# of ours.
