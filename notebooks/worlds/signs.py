# %% [markdown]
# # The signs world
#
# TextVQA asks what is written in an image. This world prints words on shop signs, bottles and buses, reads them with
# the mistakes a text recogniser makes, and publishes questions with ten answers each in the official format.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "smoke"
signs = 12

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import pandas as pd

from cirkit.benchmarks import clevr, textvqa
from cirkit.figures import images, tables
from cirkit.worlds.clevr import CLEVR
from cirkit.worlds.textvqa import TEXTVQA

size = TEXTVQA.sizes[scale]

# %% [markdown]
# ## A contact sheet

# %% mystnb={"image": {"alt": "Drawn scenes with printed words: shop signs, labels, bottles, buses."}}
images.contact_sheet(TEXTVQA.images(size, "train", list(range(signs))), columns=6)

# %% [markdown]
# ## What is asked
#
# Some answers stand in the image, some come from a vocabulary, some need both. The words are what the recogniser
# read, mistakes included.

# %%
train = textvqa.read(TEXTVQA.folder(size), "train")
shown = [
    {"question": train.text[i], "an answer": train.answers[i][0], "words read": " ".join(train.words[i].text[:8])}
    for i in range(6)
]
tables.styled(pd.DataFrame(shown))

# %% [markdown]
# ## Questions about shapes
#
# The shapes world also answers CLEVR's questions: ninety families of functional programs, whose answers an
# interpreter computes from the scene. The wording is ours.

# %%
asked = clevr.read(CLEVR.folder(CLEVR.sizes[scale]), "train")
tables.styled(pd.DataFrame([{"question": asked.text[i], "answer": asked.answers[i][0]} for i in range(6)]))

# %% [markdown]
# ## What this world does not show
#
# Handwriting, glare, words that curve around a bottle. What it keeps is that the answer may be a word no vocabulary
# holds, and that reading it is not enough to know which word was asked for.
