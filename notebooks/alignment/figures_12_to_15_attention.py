# %% [markdown]
# # Attention alignment, Figures 12 to 15: which words attend to which regions
#
# > "With respect to the helmet indicated by the blue box in the image, both general attention and scaled dot product
# > can put more focus on the words red/helmet/hat from the caption, whereas the biased general attention would rather
# > focus on prepositions, determinants or other objects." (Cao et al., appendix A.3)
#
# The paper shows images with one region framed and, in bold, the five words of each retrieved caption whose attention
# falls most on it. For the four rows that the layout of the released code affects, a word's weights are those of
# other words, so what is in bold there says nothing about the score.
#
# **What we measure.** Of drawn scenes we know which region a noun names. How much of the noun's attention falls
# there, compared with the other regions, under every score and in both layouts?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.attention.cross_attention import CrossAttention
from cirkit.experiments.page import Page
from cirkit.figures import claims
from cirkit.figures.code import code
from cirkit.papers.alignment import alignment_figures
from cirkit.papers.alignment.attention_exhibits import spoken
from cirkit.papers.alignment.explorers import scan_explorer

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# A phrase such as *large red cube* names an object where no other object of the image fits it.

# %% tags=["remove-input"]
code(CrossAttention.attention, spoken)

# %% [markdown]
# ## Measured

# %% tags=["remove-input"]
alignment_figures.named_shares(page, "Figure 12.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figures 12 to 15",)))

# %% [markdown]
# ## Retrieved captions and their most attending words (Figures 12 to 15)

# %% tags=["remove-input"]
alignment_figures.marked_captions(page, "coco", "Figures 12 and 13")

# %% tags=["remove-input"]
alignment_figures.marked_captions(page, "flickr30k", "Figures 14 and 15")

# %% [markdown]
# ## One caption, noun by noun

# %% tags=["remove-input"]
alignment_figures.caption_maps(page, "coco", "Figure 12.2")

# %% [markdown]
# ## Look for yourself
#
# Choose a caption and a score, then a word: frames are as thick as the region's share of the word's attention. Where
# the rows' weights are at hand, in JupyterLab, a caption of your own about the image is answered by the model itself.

# %% tags=["remove-input"]
scan_explorer(page, "coco")

# %% [markdown]
# ## What this shows, and what it does not
#
# It shows where attention falls, not whether the ranking depends on it: SCAN compares each word with what it attends
# to, and a word that attends to everything can still be compared well. Objects here are few and their regions exact;
# a detector's 36 regions overlap, so that attention spread over several of them may still be on one object.
