# %% [markdown]
# # MAAF, Figures 6 and S1: longer, shorter, sleeves
#
# > "For additive changes such as “longer dress”, the model shows high attention weights over the corresponding image
# > region, whereas for subtractive changes such as ”shorter dress”, the model has negative attention weights over the
# > corresponding image region, focusing on the remaining parts to keep." (MAAF, section 4)
#
# The paper shows three of the eight heads of its best model on FashionIQ for three texts. Its supplement (S3) adds
# that large and small are meant in comparison with a random other word of the caption.
#
# **What we measure.** On garments whose every part is known: does *longer* attend to the hem and *shorter* away from
# it, in any head, over all queries and seeds?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments.page import Page
from cirkit.figures import claims
from cirkit.figures.code import code
from cirkit.papers.maaf import attention_figures
from cirkit.papers.maaf.part_attention import part

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
maaf = "maaf/fashioniq/maaf"

# %% [markdown]
# ## The code that matters
#
# The part of a garment that a word is about, as a mask over the pixels.

# %% tags=["remove-input"]
code(part)

# %% [markdown]
# ## All heads (Figure 6)
#
# For each word, the mean map of each head over the queries whose text says it of the length, or of sleeves. All heads
# are shown: with several heads to choose from, one that attends to the expected part is soon found.

# %% tags=["remove-input"]
attention_figures.head_maps(page, maaf, ("longer", "shorter", "sleeves"), "Figure 6")

# %% [markdown]
# ## Measured
#
# Weights averaged over heads, on the part that a word is about, minus a control. *Another word* of the same text at
# the same part is the paper's comparison. *Another object* is here the rest of the garment. *Elsewhere* includes the
# white background, to which no word has reason to attend.
#
# The paper's sentences predict *longer* on the right of *shorter*, and *longer sleeves* on the right of *shorter
# sleeves*.

# %% tags=["remove-input"]
models = {
    "The paper's model": maaf,
    "One block": "maaf/fashioniq/blocks_1",
    "Only image tokens pooled": "maaf/fashioniq/rp_ita",
}
words = ("longer", "shorter", "longer sleeves", "shorter sleeves", "sleeves")
attention_figures.differences(page, models, "parts", words, "Figure 6.1")

# %% [markdown]
# ## The claims
#
# Uniform attention gives every image token the same weight; the unit of the claims is that weight. Averaged over
# heads, and against another word as the paper compares, one seed differs from the next by more than any effect that
# is seen; so the claims ask a head that was chosen on the other half of the queries (cross-fitting), and *clearly*
# means by a quarter of uniform attention. Of *longer sleeves* against *shorter sleeves* the paper's own comparison is
# steady enough, and is kept.

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figure 6", "Figure 6, our additions")))

# %% [markdown]
# ## The images behind the maps (Figure S1)
#
# The paper sorts its photos into five clusters and keeps the largest, since garments stand in different places.
# Synthetic product shots stand in one place, so nothing is clustered here; what is blurred differs in cut, not in
# position.

# %% tags=["remove-input"]
attention_figures.category_means(page, maaf, "Figure S1")

# %% [markdown]
# ## What differs from the paper
#
# The maps are those of the finer resolution, as in the paper, with fewer tokens; there are four heads where the paper
# has eight. A softmax gives no negative weights, so *negative* in section 4 can only mean small, as the supplement
# says. The hem is the lowest third of what is seen of the body; a word counts only where the pair of images bears it
# out.
#
# ## What this shows, and what it does not
#
# Few texts say *longer* or *shorter* of the length, and seeds differ much: intervals are wide. Heads have no names
# that two seeds share, so a head is chosen seed by seed. A mean over garments of several lengths blurs where the hem
# is; the measured differences follow each garment's own parts.
