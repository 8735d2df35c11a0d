# %% [markdown]
# # MAAF, Figures 6 and S1: longer, shorter, sleeves
#
# > "For additive changes such as “longer dress”, the model shows high attention weights over the corresponding image
# > region, whereas for subtractive changes such as ”shorter dress”, the model has negative attention weights over the
# > corresponding image region, focusing on the remaining parts to keep." (MAAF, section 4)
#
# The paper draws three of the eight heads of its best model on Fashion IQ for three sentences. Its supplement (S3)
# adds that large and small are meant in comparison with a random other word of the caption.
#
# **Our question.** On garments whose every part is known: does *longer* look at the hem and *shorter* away from it,
# by the paper's own comparison, over all questions and seeds?

# %% tags=["parameters", "hide-input"]
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"]
from cirkit.experiments import registry
from cirkit.experiments.page import Page
from cirkit.figures import tables
from cirkit.papers.maaf import attention_figures
from cirkit.papers.maaf.fashioniq import SIZES

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
size = SIZES.get(scale)  # None for the original photos, whose parts nobody marked
maaf = registry.experiment("maaf/fashioniq/maaf", scale)
parts = attention_figures.kept(maaf, "parts")

# %% [markdown]
# ## All heads (Figure 6)
#
# For each word, the mean map of each head over the questions that say it of the length, or of sleeves; behind it the
# mean of their pictures. Red squares get more than an even spread, blue ones less. The number is the mean weight on
# the part that the word is about, the hem or the sleeves, less that elsewhere. All heads are drawn: with several heads
# to choose from, one that looks at the right place is soon found.

# %% tags=["hide-input"] mystnb={"image": {"alt": "A map per head and word over mean pictures of garments."}}
attention_figures.head_maps(parts, size, ("longer", "shorter", "sleeves"))

# %% [markdown]
# ## Measured
#
# Weights averaged over heads, on the part that a word is about, less a control; small dots are seeds, lines 95 %
# intervals. *Another word* of the same question at the same part is the paper's comparison. *Another thing* is here
# the rest of the garment. *Elsewhere* includes the white ground, on which no word has reason to look.
#
# The paper's sentences predict *longer* on the right of *shorter*, and *longer sleeves* on the right of *shorter
# sleeves*.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Differences with intervals by class of word, a panel a model."}}
attention_figures.differences(
    {
        "The paper's model": maaf,
        "One block": registry.experiment("maaf/fashioniq/blocks_1", scale),
        "Only image tokens pooled": registry.experiment("maaf/fashioniq/rp_ita", scale),
    },
    "parts",
    ("longer", "shorter", "longer sleeves", "shorter sleeves", "sleeves"),
)

# %% [markdown]
# ## The claims
#
# An even look gives every place the same weight: 1 is that weight.

# %% tags=["hide-input"]
tables.ledger_table("maaf", where=("Figure 6", "Figure 6, our questions"))

# %% [markdown]
# ## The pictures behind the maps (Figure S1)
#
# The mean of the first few and of the first many pictures of each category. The paper sorts its photos into five
# clusters and keeps the largest, since garments stand in different places. Product shots of the world stand in one
# place, so nothing is clustered here; what is blurred differs in cut, not in position.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean pictures of dresses, shirts and tops."}}
attention_figures.category_means(size)

# %% [markdown]
# ## What differs from the paper
#
# The maps are those of the finer resolution, as in the paper, with fewer squares; there are four heads where the
# paper has eight. A softmax gives no negative weights, so *negative* in section 4 can only mean small, as the
# supplement says. The hem is the lowest third of what is seen of the body; a word counts only where the pair of
# pictures bears it out.
#
# ## What this shows, and what it does not
#
# Few questions say *longer* or *shorter* of the length, and seeds differ much: intervals are wide. Heads have no names
# that two seeds share, so the head in the last claim is chosen, seed by seed, on the other half of the questions. A
# mean over garments of several lengths blurs where the hem is; the measured differences follow each garment's own
# parts.
