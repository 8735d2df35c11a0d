# %% [markdown]
# # MAAF, Figures 1 and S2: retrieved images
#
# > "Retrieval examples on the Fashion IQ validation set. A query image and two modifying captions are provided, here
# > joined by +. A green rectangle indicates the labeled target image. The dataset is not exhaustively labeled." (MAAF,
# > Figure 1)
#
# **What we look at.** Of what kind are the images that come first, when the target does not? The paper shows a few
# queries of its choice and ten random ones; here nobody chose: the queries are evenly spread over the validation set,
# whose three categories follow one another.

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
from cirkit.models.base import Cosine
from cirkit.papers.maaf.explorers import fashioniq_explorer, fashioniq_images

page = Page.of(paper="maaf", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
maaf = page.experiment("maaf/fashioniq/maaf")
queries = queries_of(maaf)
few = spread(len(queries), 5)
others = [query for number, query in enumerate(queries) if number not in few]

# %% [markdown]
# ## The code that matters
#
# The gallery is encoded once, each query is composed once, and the images with the highest scores come first.

# %% tags=["remove-input"]
code(Cosine)

# %% [markdown]
# ## Five queries and three images each (Figure 1)

# %%
five = [queries[number] for number in few]
retrievals(page, maaf, five, fashioniq_images(page.scale), "Figure 1", 3)

# %% [markdown]
# ## Ten more and ten images each (Figure S2)

# %%
ten = [others[number] for number in spread(len(others), 10)]
retrievals(page, maaf, ten, fashioniq_images(page.scale), "Figure S2")

# %% [markdown]
# ## Look for yourself
#
# All kept queries, and what other models retrieve for them. The rows that see only the image or only the text stand
# below for comparison. The query shown first is a typical one: the median, over all kept queries, of how much the
# model gains on the better of those two.

# %% tags=["remove-input"]
fashioniq_explorer(page)

# %% [markdown]
# ## What this shows, and what it does not
#
# These are single queries to one trained model, the first seed; what they add up to is in
# [Table 3](table_3_fashioniq). As in the original, one image is labelled as the target and others may fit the text as
# well: a text says what changes and leaves much open. The lists are those that the run kept; the images are rendered
# again from the synthetic data. Upper case and full stops in the texts imitate people's; the model reads them in
# lower case and without punctuation, as the paper's does.
