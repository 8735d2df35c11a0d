# %% [markdown]
# # Attention alignment, Figures 8 to 11: which word M4C points at
#
# > "Figure 8 shows that the model with scaled dot product focused on the keywords what, word and handwritten to focus
# > on the handwritten word jesus in the image and retrieved the correct OCR token with highest attention weight.
# > However, with dot product attention, all the question words received little attention by the model (< 0.01), failing
# > to find the appropriate OCR token in the image." (Cao et al., appendix A.2)
#
# The paper shows four questions that its best row answers rightly and its worst wrongly: question words above a weight
# in bold, and the three OCR words of most weight in frames.
#
# **What we show.** The same two rows on questions spread evenly over the test, those on which they differ first; and
# for hundreds of questions, and every score, how much of the attention falls on the word that should be copied. Is it
# true of many questions that scaled dot product attends more to the question and to the right word?

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
from cirkit.models.m4c import M4C
from cirkit.papers.alignment.scene_text_explorer import m4c_explorer
from cirkit.papers.alignment.scene_text_figures import answered_questions, read_shares

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# The paper does not say of which block, head and step its weights are. Here they are those of the last block and the
# first step, mean over heads.

# %% tags=["remove-input"]
code(M4C.attention)

# %% [markdown]
# ## Four questions

# %% tags=["remove-input"]
answered_questions(page, "Figure 8")

# %% tags=["remove-input"]
answered_questions(page, "Figure 9", example=1)

# %% tags=["remove-input"]
answered_questions(page, "Figure 10", example=2)

# %% tags=["remove-input"]
answered_questions(page, "Figure 11", example=3)

# %% [markdown]
# ## Hundreds of questions

# %% tags=["remove-input"]
read_shares(page, "Figure 11.1")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figures 8 to 11",)))

# %% [markdown]
# ## Look for yourself
#
# Choose a question and a score, then a word of the answer: in bold the words of the question that its step attends to
# most, in frames the OCR words.

# %% tags=["remove-input"]
m4c_explorer(page)

# %% [markdown]
# ## What this shows, and what it does not
#
# The pointer network reads what the last block gives out, not the attention drawn here: a word can be copied to which
# the step hardly attends, since every entry has gathered from all others before. And a weight of .01 means another
# thing where there are thirty entries than where there are 182, hence multiples of uniform attention.
