# %% [markdown]
# # ITSELF, Figure 7: which layers, and how much to discard
#
# The paper reads the entropy of attention layer by layer, composes layers of different depth, and discards a share of
# the smallest weights before.
#
# **What we measure.** Early (E), middle (M) and late (L) layers in all combinations, the last layer alone, which is
# what RDE takes; discard ratios from none to .45; and the entropy of every block.

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
from cirkit.models.mars import product, row_of_product, without_smallest
from cirkit.papers.itself.explorers import selection_explorer
from cirkit.papers.itself.person_attention import entropies
from cirkit.papers.itself.person_attention_figures import entropy
from cirkit.papers.itself.person_figures import noise_floor, three_columns
from cirkit.papers.itself.person_rows import DISCARD, LAYERS

page = Page.of(paper="itself", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# The paper writes a product of matrices. Of it one row is read, so a vector goes through the matrices from the last
# layer to the first.

# %% tags=["remove-input"]
code(product, row_of_product)

# %% tags=["remove-input"]
code(without_smallest)

# %% [markdown]
# ## Layers

# %%
tables.table(page, LAYERS)

# %% tags=["remove-input"]
plots.dots(page, LAYERS, "Figure 7.1")

# %% tags=["remove-input"]
pairs = [("M + L", "Single layer 3"), ("M + L", "E + M"), ("M + L", "E + L"), ("M + L", "E + M + L")]
noise_floor(page, LAYERS, pairs, "Table 7.2")

# %% tags=["remove-input"]
three_columns(page, LAYERS, "Table 7.3")

# %% [markdown]
# ## Discard ratios
#
# The paper sweeps eight ratios; the three here span them, and none at all is added. Of a text nothing but what the
# causal mask has zeroed is discarded.

# %%
tables.table(page, DISCARD)

# %% tags=["remove-input"]
noise_floor(page, DISCARD, [("0.25", "0.45"), ("0.25", "0")], "Table 7.4")

# %% tags=["remove-input"]
three_columns(page, DISCARD, "Table 7.5")

# %% [markdown]
# ## Entropy of each block
#
# The paper's definition is not stated. Here: of the attention among patches, averaged over heads; of the class token's
# row, and of all rows.

# %% tags=["remove-input"]
code(entropies)

# %% tags=["remove-input"]
names = {"Baseline": "itself/rstp/baseline", "RDE": "itself/rstp/rde", "Ours": "itself/rstp/ours"}
entropy(page, names, "Figure 7.2")

# %% [markdown]
# ## Layers, discard ratio and retention, for yourself
#
# Scores of six people under every choice. The retained patches are framed. In JupyterLab, with the row's weights at
# hand, it composes any layers at any ratio.

# %% tags=["remove-input"]
selection_explorer(page)

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figure 7, layers", "Figure 7, discard ratio")))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, LAYERS, "Figure 7.3")

# %% tags=["remove-input"]
plots.validation_curves(page, LAYERS, "Figure 7.4")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# The released code's middle and late layers are the fifth and the twelfth of twelve; early is the first, which its list
# of ratios suggests. Our tower has four blocks, of which they are the second, the fourth and the first. What is said of
# towers, steps and batch under [Table 3](table_3_ablation) holds here.
#
# ## What this shows, and what it does not
#
# With four blocks there are fewer layers to tell apart than with twelve. What a sweep over layers or ratios shows
# beside the spread of seeds, Table 7.2 and Table 7.4 say.
