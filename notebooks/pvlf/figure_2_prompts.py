# %% [markdown]
# # PVLF, Figure 2: prompts elsewhere, and controls
#
# > "Different from the existing methods that utilize prompt tokens for either uni-modal representations [...] or
# > multi-modal representations [...], we explore a new resolution for multi-modal fusion." (PVLF, section 1)
#
# Prompts in the text tower (CoOp), in the image tower (VPT), in both (MaPLe), or between the two, in the fusion. The
# paper draws the four and compares no numbers.
#
# **What we measure.** All four over the same frozen encoder and under the same fusion. Then controls: is it that
# prompts are *learned*, or that the sequence has more positions? Is it prompts, or the focal loss that came with them?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.encoders.prompts import CoupledPrompts
from cirkit.experiments.page import Page
from cirkit.figures import claims, plots, tables
from cirkit.figures.code import code
from cirkit.models.pvlf import norm_on_both, norm_on_residual
from cirkit.models.transagg import pre_norm

page = Page.of(paper="pvlf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# MaPLe makes the image tower's prompts out of the text tower's by a linear map for each layer.

# %% tags=["remove-input"]
code(CoupledPrompts)

# %% [markdown]
# Three readings of a residual: the usual one, equation 10 and equation 11. In the latter two no path goes around the
# norms.

# %% tags=["remove-input"]
code(pre_norm, norm_on_residual, norm_on_both)

# %% [markdown]
# ## Where prompts stand

# %%
tables.table(page, "Figure 2")

# %% [markdown]
# ## Controls
#
# *Random frozen prompts* are as many positions, with nothing learned in them. *TransAgg, focal loss* is PVLF without
# prompts. *PVLF-Shallow* has prompts in the first layer alone.

# %%
tables.table(page, "Controls")

# %% tags=["remove-input"]
plots.dots(page, "Controls", "Figure 2.5")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figure 2", "Controls")))

# %% [markdown]
# ## Training
#
# TransAgg learns under cross entropy, PVLF under the focal loss: compare their curves in shape, not in level.

# %% tags=["remove-input"]
plots.loss_curves(page, "Controls", "Figure 2.6")

# %% tags=["remove-input"]
plots.validation_curves(page, "Controls", "Figure 2.7")

# %% [markdown]
# ## What differs from the papers, for all rows alike
#
# CoOp, VPT and MaPLe were made for classification; here they prompt the towers under TransAgg's fusion, which learns
# with them. Lengths and depths are theirs at `paper` scale and smaller elsewhere, since the towers are
# (`fusion_settings.InTowers`). What is said of towers, steps and batch under [Table 1](table_1_fashioniq) holds here.
#
# ## What this shows, and what it does not
#
# It shows where prompts help one fusion over one encoder. It is no verdict on prompts inside towers for the tasks that
# they were made for.
