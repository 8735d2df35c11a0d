# %% [markdown]
# # MAAF, Figures 1 and S2: what is found
#
# > "Retrieval examples on the Fashion IQ validation set. A query image and two modifying captions are provided, here
# > joined by +. A green rectangle indicates the labeled target image. The dataset is not exhaustively labeled." (MAAF,
# > Figure 1)
#
# **Our question.** Of what kind are the pictures that come first, when the right one does not? The paper shows a
# few questions of its choice and ten drawn at random; here nobody chose: the questions are evenly spread over the
# validation set, whose three categories follow one another.

# %% tags=["parameters", "hide-input"]
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"]
from cirkit.evaluators.attention_maps import spread
from cirkit.experiments import registry
from cirkit.experiments.page import Page
from cirkit.explorers.retrieval import exhibit
from cirkit.figures.top_k import answers
from cirkit.papers.maaf.explorers import fashioniq_explorer
from cirkit.papers.maaf.fashioniq import SIZES
from cirkit.worlds.fashioniq import FASHIONIQ

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
kept = exhibit(registry.experiment("maaf/fashioniq/maaf", scale)) or []
few = spread(len(kept), 5)
others = [query for place, query in enumerate(kept) if place not in few]


def draw(rows):
    """The world's validation pictures, drawn again."""
    return FASHIONIQ.images(SIZES[scale], "val", rows)


# %% [markdown]
# ## Five questions and three answers each (Figure 1)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five questions, a row each, and the first three answers."}}
answers([kept[place] for place in few], draw, 3)

# %% [markdown]
# ## Ten more and ten answers each (Figure S2)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Ten questions, a row each, and the first ten answers."}}
answers([others[place] for place in spread(len(others), 10)], draw, 10)

# %% [markdown]
# ## Look for yourself
#
# All kept questions, and what other models answered to them. The rows that saw only the picture or only the sentence
# stand below for comparison. The question shown first is a typical one: the median, over all kept questions, of how
# much the model gains on the better of those two.

# %% tags=["hide-input"]
fashioniq_explorer(scale)

# %% [markdown]
# ## What this shows, and what it does not
#
# These are single questions to one trained model, the first seed; what they add up to stands in
# [Table 3](table_3_fashioniq). As in the original, one picture is labelled right and others may fit the words as
# well: a sentence says what changes and leaves much open. The lists are those that the run left behind; the pictures
# are drawn again from the world's description. Upper case and full stops in the sentences are the world's, which
# imitates people's; the model reads them in lower case and without punctuation, as the paper's does.
