# %% [markdown]
# # PVLF, Table 5: how deep
#
# > "it is worth noting that J is also the number of layers in fusion Transformer" (PVLF, section 4.4)
#
# The paper varies the layers that have prompts and the layers of the fusion together. What a further layer gives by
# itself is in none of its rows.
#
# **What we measure.** Three slopes of R@1: with layers and prompts together, as in the paper; with prompts in one, two
# or three layers of a fusion that always has three; and with one, two or three layers and no prompt at all.

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
from cirkit.models.pvlf import Prompts
from cirkit.papers.pvlf.prompt_figures import size_curves

page = Page.of(paper="pvlf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# There are as many sets of prompts as layers that have their own; in the others, what became of the last prompts goes
# on.

# %% tags=["remove-input"]
code(Prompts)

# %% [markdown]
# ## The table
#
# On the left what we measured, on the right what the paper reports for the original data and BLIP or CLIP-L/14. The two
# must not be compared with each other. Compare rows within a column.

# %%
tables.table(page, "Table 5")

# %% [markdown]
# ## Along the depth

# %% tags=["remove-input"]
depths = {
    "layers and prompts (the paper's J)": {j: f"PVLF, J = {j}" for j in (1, 2, 3)},
    "prompts, in three layers": {j: f"PVLF, 3 layers, prompts in {j}" for j in (1, 2)} | {3: "PVLF, J = 3"},
    "layers, no prompts": {1: "TransAgg, layers: 1", 2: "TransAgg", 3: "TransAgg, layers: 3"},
}
size_curves(page, "Table 5", depths, "depth", "Figure 5.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table 5",)))

# %% [markdown]
# ## Training
#
# TransAgg learns under cross entropy, PVLF under the focal loss: compare their curves in shape, not in level.

# %% tags=["remove-input"]
plots.loss_curves(page, "Table 5", "Figure 5.2")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table 5", "Figure 5.3")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# Towers are the world CLIP, trained from scratch on the synthetic data's own captions (see *The world CLIP*), where the
# paper has BLIP; they are frozen here and learn there, so that their tokens are computed once. All rows take one number
# of steps, one batch and one optimiser (`fusion_settings.small`); the `paper` scale keeps TransAgg's released recipe:
# two learning rates, one cosine, clipped gradients. TransAgg's best checkpoint on validation is not chosen here: the
# last one counts.
#
# The paper's row of TransAgg has two layers, whatever J it stands beside.
#
# ## What this shows, and what it does not
#
# It tells layers from prompts on this data. Three depths make a short line: its slope says whether deeper was better
# between one and three, and nothing beyond.
