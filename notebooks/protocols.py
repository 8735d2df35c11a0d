# %% [markdown]
# # One checkpoint, every protocol
#
# Papers put numbers of FashionIQ side by side that do not measure the same. Which captions make a query, which images
# are the gallery, and whether the reference stays in it differ from one released code to the next. MAAF's Table 3 and
# CompoDiff's Table B.1 mix several such protocols in a column.
#
# **What we measure.** One and the same trained model, MAAF's on FashionIQ, is scored under every protocol that we found
# in the literature, those of the collections M-BEIR and mteb among them. Not one weight changes. How far does the
# protocol alone move R@10, R@50 and nDCG@10?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.benchmarks import fashioniq_protocols
from cirkit.experiments.page import Page
from cirkit.figures import claims
from cirkit.figures.code import code
from cirkit.papers import protocol_figures

page = Page.of(paper="protocols", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The protocols
#
# A protocol joins the captions of an annotation to queries, chooses the gallery, and keeps the reference in it or
# leaves it out. Below those of the literature stand six in which one thing alone is changed in MAAF's.

# %% tags=["remove-input"]
protocol_figures.protocols()

# %% [markdown]
# What an annotation with two captions becomes is one line each:

# %% tags=["remove-input"]
code(
    fashioniq_protocols.in_addition,
    fashioniq_protocols.each_alone,
    fashioniq_protocols.with_mark,
    fashioniq_protocols.capitalise,
    fashioniq_protocols.reverse,
    fashioniq_protocols.both_orders,
)

# %% [markdown]
# ## The table
#
# Nothing here is a number of a paper: every line is of our checkpoint, on synthetic garments.

# %%
protocol_figures.table(page, "Table 1")

# %% [markdown]
# ## How far each moves it

# %% tags=["remove-input"]
protocol_figures.chart(page, "Figure 1.1")

# %% [markdown]
# ## The claims
#
# The first sets what one choice of gallery moves beside the lead that MAAF reports over VAL, a lead across two
# protocols. All margins were set before anything was run.

# %% tags=["remove-input"]
claims.claims_table(page.claims())

# %% [markdown]
# ## What this shows, and what it does not
#
# It shows how much of a difference between two reported numbers may be none between models. A protocol that adds
# images to a gallery can only lower a score, and one that takes images away can only raise it; how far is what is
# measured here. The checkpoint has learnt from texts that are joined as MAAF joins them, so a protocol that joins them
# otherwise is also one that it has not been trained for; a model trained for that protocol would lose less.
#
# The counts are those of synthetic data. On the original, VAL's galleries are about half of MAAF's, and M-BEIR's is
# almost five times the three of them together, so there the protocols may differ by more. M-BEIR's benchmark reports
# R@10, and mteb reports nDCG@10 on the same files: our nDCG@10 is that of mteb's own code on the same scores.
#
# ## Repeat it
#
# ```
# cirkit run --missing --paper protocols --scale cpu
# ```
#
# The command first trains MAAF's rows of FashionIQ, three seeds of them, where their weights are not there.
