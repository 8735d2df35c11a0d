# %% [markdown]
# # ITSELF, Table S1: the scheduler, by epochs or by steps, and where it ends
#
# > "step-level scheduling achieves the best performance" (ITSELF, supplement, Table 1)
#
# The adaptive token scheduler begins with .65 of the tokens and comes down to .5 geometrically, at each epoch or at
# each step. The table's *Baseline* is the row with one layer and no scheduler, not the global-only model.
#
# **What we measure.** The three rows of the table; then other end points, and the control that the paper lacks: the
# scheduler's own last ratio, held constant. Rows without a scheduler select .4, so a gain may come from the ratio
# alone.

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
from cirkit.models.retention import ATS
from cirkit.papers.itself.person_figures import noise_floor, three_columns
from cirkit.papers.itself.person_rows import SCHEDULE

page = Page.of(paper="itself", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters

# %% tags=["remove-input"]
code(ATS)

# %% [markdown]
# ## The table

# %%
tables.table(page, "Table S1")

# %% tags=["remove-input"]
pairs = [
    ("Epoch (ATS)", "Baseline (single layer)"),
    ("Step (ATS)", "Baseline (single layer)"),
    ("Step (ATS)", "Epoch (ATS)"),
]
noise_floor(page, "Table S1", pairs, "Table S1.2")

# %% tags=["remove-input"]
three_columns(page, "Table S1", "Table S1.3")

# %% [markdown]
# ## Other end points

# %%
tables.table(page, SCHEDULE)

# %% tags=["remove-input"]
plots.dots(page, SCHEDULE, "Figure S1.1")

# %% tags=["remove-input"]
three_columns(page, SCHEDULE, "Table S1.4")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table S1", "Schedule")))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, SCHEDULE, "Figure S1.2")

# %% tags=["remove-input"]
plots.validation_curves(page, SCHEDULE, "Figure S1.3")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# The scheduler ends after a sixth of the training, as in the paper (10 of 60 epochs: "the epoch that baseline achieves
# the best results"). By epochs it takes ten equal stages until then, as ten epochs are; at the small scales an epoch of
# the scheduler is shorter than a pass over the data. What is said of towers, steps and batch under [Table
# 3](table_3_ablation) holds here.
#
# ## What this shows, and what it does not
#
# A scheduler should matter most where attention is not to be trusted yet. Here, as in the paper, it comes from a
# pretrained CLIP. How it does from random weights is not measured.
