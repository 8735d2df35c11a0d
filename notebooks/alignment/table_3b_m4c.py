# %% [markdown]
# # Attention alignment, Table 3b: seven scores in M4C
#
# > "Surprisingly, both VQA and TVQA models produced the best performance with a scaled dot product alignment,
# > highlighting its overall effectiveness for the VQA tasks. […] it is remarkable to find that the scaled dot product
# > achieved the best in both tasks." (Cao et al., section 6.1)
#
# M4C answers questions about the words in an image. Question, objects and the words that an OCR system read are
# entries of one Transformer; the answer is said word by word, each from a fixed vocabulary or copied from the image
# with a pointer network. The paper exchanges the alignment score of every head of that Transformer.
#
# **What we measure.** Soft accuracy (an answer counts by how many of ten people give it) and ANLS (letter by letter)
# of seven rows, and of M4C without pixels and without words. Six of the seven are one class of functions, so the
# first question is not which is best but how far apart equal rows lie.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import json

from cirkit.attention.alignment import AlignmentScore
from cirkit.attention.post_norm import KeysAsRows
from cirkit.experiments.page import Page
from cirkit.figures import claims, plots, tables
from cirkit.figures.code import code
from cirkit.models.m4c import M4C, Pointer
from cirkit.training.answer_decoding import targets

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## Six rows are one model
#
# A head scores entry $j$ for entry $i$ by $q_i \cdot k_j$, where $q_i = W_q x_i + b_q$ and $k_j = W_k x_j + b_k$ are
# learned projections. A factor $1/\sqrt d$, a matrix on either side and a bias inside it are affine maps of one of the
# two, and so can be folded into its projection; the bias of biased general† is even one number for all keys, which the
# softmax takes off. Dot product, scaled dot product, general\*, general† and both biased ones therefore are the same
# functions. They begin elsewhere (scores of dot product are eight times as far apart as those of scaled dot product
# where a head has 64 numbers) and learn at other speeds, but what one can learn all can. The ReLU of activated general
# alone makes another class.
#
# In the released code the rows with \* compute $k_i \cdot W q_j$ and take row $i$ for what entry $i$ attends to, so
# the roles of the two projections are exchanged. That is general† with $W_q$ and $W_k$ renamed, start included, so
# such a row would be another row's training to the last digit; the layout is `KeysAsRows`, and has no row here.

# %% tags=["remove-input"]
code(AlignmentScore.forward, KeysAsRows.forward)

# %% [markdown]
# ## The code that matters
#
# `decode` gives the logits of all steps at once: no entry sees a step, no step a later one. `Pointer` scores the
# image's words for each step, and `targets` says which words are right at each step: at the first, any first word of
# any answer, by how many people gave it; after it, the next word of the answer that is forced.

# %% tags=["remove-input"]
code(M4C.decode, Pointer.forward, targets)

# %% [markdown]
# ## Table 3b
#
# On the left what we measured on the synthetic counterpart of TextVQA, on the right what the paper reports (as
# fractions, here in percent), from one seed.

# %%
tables.table(page, "Table 3b")

# %% tags=["remove-input"]
plots.dots(page, "Table 3b", "Figure 3b.1")

# %% [markdown]
# ## The claims
#
# The three calibrations compare rows that are one class of functions and begin alike: where they differ by more than
# the margin, no other difference of that size means anything.

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Table 3b",)))

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, "Table 3b", "Figure 3b.2")

# %% [markdown]
# ## What differs from the paper, for all rows alike
#
# Images are streets and shelves drawn with words on them; their questions, the ten answers and the OCR system's
# mistakes are drawn, too, and no made-up name of the test is printed in a training image. Objects are where the things
# stand, with the mean colours of a few fields as their vectors, where the paper has 100 detections of a Faster R-CNN.
# Words, of questions as of images, are spelled: PHOC as published, and hashed n-grams in place of FastText and of
# BERT's word pieces. The Transformer is narrower, with fewer blocks and steps, and its rate follows a cosine.
#
# What stays: the entries and their norms, the mask, previous words as inputs, the pointer network, the targets and
# the loss, gradients clipped by their common length, the last weights rather than the best of the validation. The
# whole configuration of one row; rows differ by `alignment` alone, the two baselines by `view`:

# %% tags=["hide-output"]
print(json.dumps(page.experiment("alignment/textvqa/scaled").declared(), indent=1))

# %% [markdown]
# ## What this shows, and what it does not
#
# The paper's seven rows span $1.2$ points, each from one seed; its four rows that are one class with one start span
# $0.9$. So its table cannot tell scaled dot product from luck, whatever the truth. Here every row has several seeds
# with data of their own, and the same four rows say how far apart luck alone puts them.
#
# A row without words, or without pixels, says what the questions need. It says nothing of photographs, where an OCR
# system errs in other ways and a question may be about anything.
#
# All four hosts together: [the verdict](verdict).
