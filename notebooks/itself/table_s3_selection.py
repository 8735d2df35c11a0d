# %% [markdown]
# # ITSELF, Table S3: rules of selection, and their controls
#
# > "The results clearly demonstrate that our MARS method outperforms all baseline approaches across every evaluation
# > metric." (ITSELF, supplement, Table 3)
#
# Four rules rank a token by the attention it gets in all layers: its least mean (A), its greatest mean (B), its least
# deviation (C), its greatest deviation (D).
#
# **What we measure.** The five rows of the table, and three rows that it lacks: all tokens, random tokens, and the
# tokens that show the person, by a mask that only synthetic data have. If random tokens do as well, a rule chooses
# nothing; if all tokens do as well, nothing need be chosen.

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
from cirkit.models.token_rules import (
    least,
    marked_tokens,
    mean_over_layers,
    over_layers,
    random_tokens,
    std_over_layers,
)
from cirkit.papers.itself.person_figures import choices, noise_floor, three_columns
from cirkit.papers.itself.person_rows import CONTROLS
from cirkit.papers.itself.quoted_captions import selected_words

page = Page.of(paper="itself", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters

# %% tags=["remove-input"]
code(mean_over_layers, std_over_layers, over_layers.__call__, least.__call__)

# %% tags=["remove-input"]
code(random_tokens.__call__, marked_tokens.__call__)

# %% [markdown]
# ## The table

# %%
tables.table(page, "Table S3")

# %% tags=["remove-input"]
plots.dots(page, "Table S3", "Figure S3.1")

# %% tags=["remove-input"]
pairs = [("MARS", "A"), ("MARS", "B"), ("MARS", "C"), ("MARS", "D"), ("B", "A"), ("D", "C")]
noise_floor(page, "Table S3", pairs, "Table S3.2")

# %% tags=["remove-input"]
three_columns(page, "Table S3", "Table S3.3")

# %% [markdown]
# ## The controls

# %%
tables.table(page, CONTROLS)

# %% tags=["remove-input"]
plots.dots(page, CONTROLS, "Figure S3.2")

# %% tags=["remove-input"]
three_columns(page, CONTROLS, "Table S3.4")

# %% [markdown]
# ## One trained model, other choices at test time
#
# None of these needs another training. *Released* is what the published code does in evaluation, whatever rule was
# trained.

# %% tags=["remove-input"]
choices(page, "Figure S3.3")

# %% [markdown]
# ## Are words selected at all?
#
# A caption counts as 75 pieces, however short it is. Of the captions that the supplement quotes, how many words are
# pooled?

# %% tags=["remove-input"]
selected_words("Table S3.5")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table S3", "Controls", "Choices at test time")))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, "Table S3", "Figure S3.4")

# %% tags=["remove-input"]
plots.validation_curves(page, "Table S3", "Figure S3.5")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# What is said of towers, steps and batch under [Table 3](table_3_ablation) holds here. Statistics are over the blocks
# of the tower, twelve in the paper and four here. In the rows with random tokens and with the true mask, words are
# ranked by MARS, as in ours; in A to D by the same rule as patches, as released. Random tokens are others at each step
# of training, and the same positions of every image when they are tested.
#
# ## What this shows, and what it does not
#
# The controls say whether it matters *which* tokens a maximum is taken over. They say nothing of what the attention of
# a larger CLIP would choose.
