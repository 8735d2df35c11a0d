# %% [markdown]
# # Negative texts, masks and weights: an explorer, and what the vectors show
#
# > "CompoDiff generates a feature belonging to the CLIP visual latent space. Namely, unCLIP […] can be applied to our
# > composed features." (Gu et al. 2024, section 5.8)
#
# CompoDiff can be told more than an image and a text: what the target should not show, and where it may differ. How
# much the image and the text weigh, and how many steps are taken, is chosen when a query is answered. Move the sliders
# and see what comes first; take the condition away and see what it was worth.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.figures import plots, tables
from cirkit.figures.code import code
from cirkit.models.compodiff import CompoDiff
from cirkit.models.decoder import Decoder
from cirkit.models.guidance import as_meant
from cirkit.papers.compodiff import decoder, figures
from cirkit.papers.compodiff.beside import JointPage
from cirkit.papers.compodiff.explorers import generated_images, sampling_explorer
from cirkit.training.decoding import restoration

page = JointPage.of(paper="compodiff", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## Negative texts
#
# The query asks for one object and against another. The first view has the weights of our tables and the median query:
# that in which telling the negative text moves the best target as far as in half of the others.

# %% tags=["remove-input"]
sampling_explorer(page, "negative")

# %% [markdown]
# ## Masks
#
# The query says what *it* becomes, and the mask alone says which object it is.

# %% tags=["remove-input"]
sampling_explorer(page, "mask")

# %% [markdown]
# In JupyterLab, where the weights of a run lie here, the explorers also take your own texts, and a region that you
# drag on the reference image.
#
# ## The code that matters
#
# A weighted sum of calls that are told more or less; the negative text stands where the empty one stood.

# %% tags=["remove-input"]
code(as_meant, CompoDiff.sample)

# %% [markdown]
# ## Figure 11: beside Pic2Word
#
# The paper rewrites the instruction for Pic2Word, which wants a caption with a word in place of the image; here its own
# prompt is put around the instruction, as in its experiments on CIRR. The queries were chosen by their number, before
# any was seen.

# %% tags=["remove-input"]
figures.beside_pic2word(page, "Figure 11")

# %% [markdown]
# ## Figure 12: generated beside retrieved
#
# The paper decodes vectors by Karlo, a diffusion model of photos; ours is a small diffusion model of pixels, trained on
# the world CLIP's vectors of its own images. An image that is decoded and encoded again should find the image it is of:

# %% tags=["remove-input"]
code(restoration.__call__, Decoder.paint)

# %% tags=["remove-input"]
tables.table(page, decoder.TABLE)

# %% tags=["remove-input"]
generated_images(page, "negative", "Figure 12")

# %% tags=["remove-input"]
generated_images(page, "mask", "Figure 12.1")

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, decoder.TABLE, "Figure 12.2")

# %% [markdown]
# ## What it shows and does not
#
# A decoded vector shows what the vector says, as far as the decoder can tell: compare the third row, where the vector
# is that of an image. Exact places are hardly part of a vector, so the decoder draws them. Whether a condition helps is
# not read off single queries; the tables of negative texts and masks count it over all of them.
