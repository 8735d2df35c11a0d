# %% [markdown]
# # MAAF, Figures 3 to 5: what words attend to
#
# > "The position word does not attend to the position it references; rather it attends to everything else. This
# > behavior – a word systematically ignoring what it references – seems to contradict the intuition provided by image
# > captioning work." (MAAF, section 4)
#
# The paper looks at MAAF with the softmax, trained on CSS, and averages over heads and questions. Every figure below
# is drawn from what a run left of its attention; of a world of our own we also know what each pixel shows, so what
# the figures suggest can be measured.
#
# **Our question.** Do words ignore what they speak of, or do they ignore things as such? And does it hold for another
# weighing, another depth, another pooling?

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
from cirkit.worlds.css import CSS

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
size = CSS.sizes.get(scale)  # None for the original pictures, which no world describes
softmax = registry.experiment("maaf/css/maaf_softmax", scale)
maps = attention_figures.kept(softmax, "maps")

# %% [markdown]
# ## Place words (Figure 3)
#
# For each place word, the mean of its weights on the picture over all test questions that say it; larger weights are
# whiter. A ring marks where the place is seen. The numbers are the smallest and the largest weight of the map; one is
# what a word that looks everywhere alike would give each square.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Nine grey maps, one per place word, a ring at its place."}}
attention_figures.place_maps(maps, size)

# %% [markdown]
# ## One whole matrix (Figure 4)
#
# The rows of one question: each token, of the picture or of the sentence, gathers from all tokens. Below, the maps
# that the words' rows hold, laid over the picture: red squares get more than an even spread, blue ones less. A single
# question is noisy; Figure 3 is the average of very many such rows.

# %% tags=["hide-input"] mystnb={"image": {"alt": "A matrix of weights; below, a picture and a map per word."}}
attention_figures.matrix(maps, size)

# %% [markdown]
# ## Colour words (Figure 5)
#
# The upper row follows the paper: every picture whose thing is described by the word is multiplied by one minus the
# word's map, averaged, and the average over all colour words taken off. What stays visible is what the word ignores.
# The lower row is not in the paper: the same pictures without any attention. A picture of which somebody says *red*
# has a red thing in it, so coloured spots appear whether or not the word ignores them. The spots alone are no
# evidence; the comparison of the rows, and the numbers below, can be.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean pictures per colour word, with and without attention."}}
attention_figures.ignored_pictures(maps, ("red", "yellow", "green", "cyan", "blue", "purple", "brown", "gray"))

# %% [markdown]
# ## Measured
#
# For each word that speaks of something in the picture: its mean weight on exactly the pixels of that thing, less a
# control. Left of the line, the word looks less at its own thing than the control has it; small dots are seeds, lines
# 95 % intervals. The controls take different explanations away:
#
# - *elsewhere in the picture*: what Figures 3 and 5 show. It misleads alone, for a word may seek or avoid things as
#   such, or the side of the picture on which they stand.
# - *another thing* of the same picture, of which the word is not true. It is the control that the claims rest on.
# - *another word* of the same sentence at the same thing, as the paper's supplement compares.
# - *a like word that is wrong*: the same picture asked with another question, whose word is of the same class.
#
# *Empty place* is a place word where something is to be added; its other thing is another empty place. The *verb*
# comes first, before the sentence has said which thing it is about, so it should lie near zero against another thing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Differences with intervals, by class of word and control."}}
words = ("place", "empty place", "colour", "size", "shape", "verb")
attention_figures.differences({"Softmax, one block": softmax}, "words", words)

# %% [markdown]
# ## Another weighing, another depth, another pooling
#
# Under the identity weights may be negative, and a head's sign says nothing by itself, since its values can undo it: so
# the size of the weights is what is averaged over heads. With two blocks it is the second that is looked at, whose
# tokens have already seen each other. In the last panel only image tokens are averaged into the answer, so words can
# act through attention alone.

# %% tags=["hide-input"] mystnb={"image": {"alt": "The same for three other models, one panel each."}}
others = {
    "Identity": "maaf_identity",
    "Softmax, two blocks": "maaf_softmax_2_blocks",
    "Softmax, only image tokens pooled": "maaf_softmax_image_pooled",
}
attention_figures.differences(
    {title: registry.experiment(f"maaf/css/{name}", scale) for title, name in others.items()},
    "words",
    words,
)

# %% [markdown]
# ## The claims
#
# An even look gives every place the same weight: 1 is that weight.

# %% tags=["hide-input"]
tables.ledger_table("maaf", where=("Figure 3", "Figure 5", "§4, our questions"))

# %% [markdown]
# ## What differs from the paper
#
# The paper's maps have seven squares a side, ours fewer, since pictures and encoder are small; four heads are
# averaged where the paper has eight. Figure 5 does not say in which unit a map is subtracted from one. Raw weights are
# so small that nothing would be dimmed, and so every map is divided by its greatest weight. Words that say what a
# thing is to become are left out of Figure 5, as are, in the paper too, things that are to be added.
#
# ## What this shows, and what it does not
#
# It shows where words gather from, on average, in models that were trained alike but for one choice. It does not show
# that weights explain answers: what is gathered passes through further layers, and the answer is an average over all
# tokens. A word's token is the state of an LSTM that has read the sentence up to there, so *yellow* in *remove
# bottom-left yellow* knows the place as well. The figures are of the first seed; the measured differences are over
# all seeds.
