# %% [markdown]
# # ITSELF, Figures S1 to S4: people found, beside other models
#
# > "our approach shows superior robustness in capturing subtle cues like clothing textures, color combinations, and
# > carried objects" (ITSELF, supplement, section 3)
#
# **What we look at.** The same captions under each model, evenly spread over the test and chosen by nobody; and, before
# that, the numbers of all models on RSTPReid's counterpart.

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
from cirkit.losses.identity_matching import sdm, tbps_clip
from cirkit.papers.itself.person_figures import noise_floor, strips, three_columns
from cirkit.papers.itself.person_rows import BESIDE

page = Page.of(paper="itself", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# RDE has the same two branches under the alignment loss alone. IRRA and TBPS-CLIP compare the class token with the end
# token, under losses of their own.

# %% tags=["remove-input"]
code(sdm, tbps_clip)

# %% [markdown]
# ## The table

# %%
tables.table(page, BESIDE)

# %% tags=["remove-input"]
plots.dots(page, BESIDE, "Figure S4.1")

# %% tags=["remove-input"]
noise_floor(page, BESIDE, [("Ours", "RDE"), ("Ours", "IRRA"), ("Ours", "TBPS-CLIP")], "Table S4.2")

# %% tags=["remove-input"]
three_columns(page, BESIDE, "Table S4.3")

# %% [markdown]
# ## CUHK-PEDES (Figure S1)

# %% tags=["remove-input"]
strips(page, {"Baseline": "itself/cuhk/baseline", "Ours": "itself/cuhk/ours"}, "cuhk", "Figure S1")

# %% [markdown]
# ## ICFG-PEDES (Figure S2)

# %% tags=["remove-input"]
strips(page, {"Baseline": "itself/icfg/baseline", "Ours": "itself/icfg/ours"}, "icfg", "Figure S2")

# %% [markdown]
# ## RSTPReid (Figures S3 and S4)

# %% tags=["remove-input"]
names = {"Baseline": "itself/rstp/baseline", "RDE": "itself/rstp/rde", "Ours": "itself/rstp/ours"}
strips(page, names, "rstp", "Figure S3")

# %% tags=["remove-input"]
names = {"IRRA": "itself/rstp/irra", "TBPS-CLIP": "itself/rstp/tbps", "Ours": "itself/rstp/ours"}
strips(page, names, "rstp", "Figure S4")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Baselines",)))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, BESIDE, "Figure S4.4")

# %% tags=["remove-input"]
plots.validation_curves(page, BESIDE, "Figure S4.5")

# %% [markdown]
# ## What differs from the papers, for all rows alike
#
# All models begin from one CLIP and take one number of steps, one batch and one optimiser. RDE has no division into
# clean and noisy pairs; IRRA has a reader of one block where its own has four; TBPS-CLIP has no second image view and
# no back-translated captions (`person_baselines`). The `paper` scale has each one's own batch and number of epochs.
#
# ## What this shows, and what it does not
#
# Strips are a sample of queries, too small for a number; the table has the numbers. People come in families who wear
# the same and differ in small things, so a wrong first image mostly shows somebody in the right clothes.
