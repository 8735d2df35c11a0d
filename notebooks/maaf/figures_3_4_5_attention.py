# %% [markdown]
# # MAAF, Figures 3 to 5: what words attend to
#
# > "The position word does not attend to the position it references; rather it attends to everything else. This
# > behavior – a word systematically ignoring what it references – seems to contradict the intuition provided by image
# > captioning work." (MAAF, section 4)
#
# The paper looks at MAAF with the softmax, trained on CSS, and averages over heads and queries. Every figure below
# comes from what a run kept of its attention; of synthetic images we also know what each pixel shows, so what the
# figures suggest can be measured.
#
# **What we measure.** Do words ignore what they refer to, or do they ignore objects as such? And does it hold under
# another weighting, another depth, another pooling?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.evaluators.attention_maps import to_words
from cirkit.experiments.page import Page
from cirkit.figures import claims
from cirkit.figures.code import code
from cirkit.papers.maaf import attention_figures

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
softmax = "maaf/css/maaf_softmax"
words = ("place", "empty place", "colour", "size", "shape", "verb")

# %% [markdown]
# ## The code that matters
#
# Of a block's weights over the joint sequence, the words' rows and the image tokens' columns.

# %% tags=["remove-input"]
code(to_words)

# %% [markdown]
# ## Position words (Figure 3)

# %% tags=["remove-input"]
attention_figures.position_maps(page, softmax, "Figure 3")

# %% [markdown]
# ## One whole matrix (Figure 4)
#
# A single query is noisy; Figure 3 is the average of very many such rows.

# %% tags=["remove-input"]
attention_figures.matrix(page, softmax, "Figure 4")

# %% [markdown]
# ## Colour words (Figure 5)
#
# In the upper row, which follows the paper, what stays visible is what the word ignores. The lower row is not in the
# paper. An image in whose text somebody says *red* has a red object in it, so coloured spots appear whether or not
# the word ignores them. The spots alone are no evidence; the comparison of the rows, and the numbers below, can be.

# %% tags=["remove-input"]
colours = ("red", "yellow", "green", "cyan", "blue", "purple", "brown", "gray")
attention_figures.ignored_images(page, softmax, colours, "Figure 5")

# %% [markdown]
# ## Measured
#
# For each word that refers to something in the image: its mean attention to exactly the pixels of that object, minus
# a control. The controls rule out different explanations:
#
# - *elsewhere in the image*: what Figures 3 and 5 show. Alone it misleads, for a word may attend to objects as such,
#   or avoid them, or prefer the side of the image on which they stand.
# - *another object* of the same image, of which the word is not true. It is the control that the claims rest on.
# - *another word* of the same text at the same object, as the paper's supplement compares.
# - *a mismatched word of the same class*: the same image with another query's text, whose word is of the same class.
#
# *Empty position* is a position word where something is to be added; its other object is another empty position. The
# *verb* comes first, before the text has said which object it is about, so it should lie near zero against another
# object.

# %% tags=["remove-input"]
attention_figures.differences(page, {"Softmax, one block": softmax}, "words", words, "Figure 5.1")

# %% [markdown]
# ## Another weighting, another depth, another pooling
#
# Under the identity weights may be negative, and a head's sign says nothing by itself, since its values can undo it:
# so the magnitude of the weights is what is averaged over heads. With two blocks it is the second that is looked at,
# whose tokens have already attended to each other. In the last panel only image tokens are pooled, so words can act
# through attention alone.

# %% tags=["remove-input"]
others = {
    "Identity": "maaf/css/maaf_identity",
    "Softmax, two blocks": "maaf/css/maaf_softmax_2_blocks",
    "Softmax, only image tokens pooled": "maaf/css/maaf_softmax_image_pooled",
}
attention_figures.differences(page, others, "words", words, "Figure 5.2")

# %% [markdown]
# ## The claims
#
# Uniform attention gives every image token the same weight; the unit of the claims is that weight.

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figure 3", "Figure 5", "§4, our additions")))

# %% [markdown]
# ## What differs from the paper
#
# The paper's maps have seven tokens a side, ours fewer, since images and encoder are small; four heads are averaged
# where the paper has eight. Figure 5 does not say in which unit a map is subtracted from one. Raw weights are so
# small that nothing would be dimmed, and so every map is divided by its greatest weight. Words that say what an
# object is to become are left out of Figure 5, as are, in the paper too, objects that are to be added.
#
# ## What this shows, and what it does not
#
# It shows what words attend to, on average, in models that were trained alike but for one choice. It does not show
# that attention weights explain what is retrieved: what a token collects passes through further layers, and the
# embedding is an average over all tokens. A word's token is the state of an LSTM that has read the text up to there,
# so *yellow* in *remove bottom-left yellow* knows the position as well. The figures are of the first seed; the
# measured differences are over all seeds that kept their attention, and each panel says how many those are.
