# %% [markdown]
# # PVLF, Figure 1: retrieved images, and where prompts attend
#
# > "adapts representations in VLP models to dynamically fuse the vision and language (V&L) representation spaces"
# > (PVLF, abstract)
#
# **What we look at.** The same queries under TransAgg and under PVLF, evenly spread over CIRR's and chosen by nobody;
# and, in the fusion, what prompts attend to and what attends to them. The paper shows improvements and examples, no
# attention.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.evaluators.attention_maps import spread
from cirkit.experiments.page import Page
from cirkit.figures.code import code
from cirkit.figures.top_k import queries_of, retrievals
from cirkit.papers.clip_family.retrieved import cirr_images
from cirkit.papers.pvlf.explorers import size_explorer
from cirkit.papers.pvlf.fusion_rows import CIRR, FASHIONIQ
from cirkit.papers.pvlf.prompt_attention import between_kinds
from cirkit.papers.pvlf.prompt_figures import attention, attention_to_prompts, gains

page = Page.of(paper="pvlf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
transagg, ours = page.experiment("pvlf/transagg_combined"), page.experiment("pvlf/combined")

# %% [markdown]
# ## The gain (Figure 1 c)

# %% tags=["remove-input"]
pairs = {"PVLF − TransAgg": ("pvlf/combined", "pvlf/transagg_combined")}
gains(page, pairs, (CIRR[0], CIRR[1], FASHIONIQ[0], FASHIONIQ[1]), "Figure 1.1")

# %% [markdown]
# ## The same queries under both

# %% tags=["remove-input"]
few = [queries_of(transagg)[number] for number in spread(len(queries_of(transagg)), 6)]
retrievals(page, transagg, few, cirr_images(page.scale), "Figure 1.2")

# %% tags=["remove-input"]
same = [queries_of(ours)[number] for number in spread(len(queries_of(ours)), 6)]
retrievals(page, ours, same, cirr_images(page.scale), "Figure 1.3")

# %% [markdown]
# ## Where prompts attend, and what attends to them
#
# Weights over what uniform attention would give: one means no preference. Of the last layer only the class token and
# the text's own token go on, so there those two lines are all that counts.

# %% tags=["remove-input"]
code(between_kinds)

# %% tags=["remove-input"]
attention(page, ours, "Figure 1.4")

# %% [markdown]
# Are all prompts used, or few?

# %% tags=["remove-input"]
attention_to_prompts(page, ours, "Figure 1.5")

# %% [markdown]
# ## Length and depth, for yourself
#
# What was measured for each length and depth. In JupyterLab, with the world's tokens at hand, it trains a fusion of the
# chosen size while you watch.

# %% tags=["remove-input"]
size_explorer(page)

# %% [markdown]
# ## What this shows, and what it does not
#
# Attention says from where a token reads, not what it takes from there; a prompt that is attended to by all may carry a
# constant. The strips are a sample of queries, too small for a number.
