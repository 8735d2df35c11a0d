# %% [markdown]
# # The world CLIP: one joint space for images and texts
#
# > "We demonstrate that the simple pre-training task of predicting which caption goes with which image is an efficient
# > and scalable way to learn SOTA image representations from scratch on a dataset of 400 million (image, text) pairs
# > collected from the internet." (Radford et al. 2021, abstract)
#
# Most methods that PVLF and CompoDiff compare with begin from a CLIP that is already there, and many leave it frozen.
# The `paper` scale has OpenAI's. No photo of the internet shows what our synthetic data show, so the `cpu` and `gpu`
# scales have a CLIP of their own, **the world CLIP**: an architecture of open_clip, small, trained from random weights
# on captions of every kind of scene. Its images have a seed of their own, so none of a benchmark is seen; the large
# objects of CIRR's and CIRCO's test images do not occur in the same pairs either.
#
# **What we measure.** Does a text find its image, and an image its text, among the held-out images of one kind; and is
# an image given its class by name, though no class was ever trained (zero-shot classification)?

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import json

import torch

from cirkit.experiments.page import Page
from cirkit.figures import breakdowns, images, plots, tables
from cirkit.figures.code import code
from cirkit.losses.contrastive import symmetric_softmax
from cirkit.models.dual_encoder import DualEncoder
from cirkit.papers.clip_family import world_clip

page = Page.of(paper="clip_family", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)
row = page.experiment("clip_family/world_clip")

# %% [markdown]
# ## What it learns from
#
# Held-out images of each kind, two a column, and below them what is written of the first. Where a benchmark has
# captions (Flickr30k, CUB, CUHK-PEDES), they are its own; where it writes of two images (FashionIQ, Shoes) or has names
# alone (MIT-States), what one image shows is written in the same words. Two captions of five begin with
# *a photo of*, since prompts do.

# %% tags=["remove-input"]
benchmark = row.tests["text_to_image"].data()
each = len(benchmark) // len(set(benchmark.group))
first = torch.arange(0, len(benchmark), each)
images.contact_sheet(benchmark.gallery[torch.cat([first, first + 1])], columns=len(first))

# %% tags=["remove-input"]
print("\n".join(f"{benchmark.group[i]}: {benchmark.query.text[i]}" for i in first.tolist()))

# %% [markdown]
# ## The code that matters
#
# Either tower gives one vector, and the score of an image and a text is their cosine over a learned temperature. Of
# a batch, each text asks for its image and each image for its text, among all of the batch.

# %% tags=["remove-input"]
code(DualEncoder, symmetric_softmax, world_clip.few_families)

# %% [markdown]
# A batch is shared by two kinds of scene: images of one kind are the negatives that teach, and those of another keep
# the kinds apart.

# %% [markdown]
# ## The table
#
# A text counts as found where an image comes early of which the very same is written. Galleries hold one kind of
# scene each, so nothing is won by telling a bird from a shoe.

# %% tags=["remove-input"]
tables.table(page, world_clip.TABLE)

# %% tags=["remove-input"]
breakdowns.by_group(page, world_clip.TABLE, "Table W.1")

# %% [markdown]
# ## Training

# %% tags=["remove-input"]
plots.loss_curves(page, world_clip.TABLE, "Figure W.1")

# %% [markdown]
# ## What it can do and cannot
#
# It knows colours, shapes, materials, garments and their parts, plumage, and what *a photo of* is followed by. Its
# texts say what one image shows. So it has never read *darker*, *longer* or *instead of*: a modification text that
# compares is as foreign to it as to a CLIP that read captions of the internet, and what a method makes of such a text
# is the method's own merit. It was not trained until nothing more could be learned, since a row should leave room for
# its method: image only and text only should be above chance and far from the ceiling.
#
# ## What differs from CLIP
#
# Some tens of thousands of images, not hundreds of millions; batches by kind of scene, not at random; several captions
# of an image, of which one is drawn each time. Classes occur in captions, as they do on the internet: zero-shot means
# that no classifier was trained, and that the images of the test were not seen.
#
# Its weights are in the repository (`data/pretrained`), as OpenAI's are on a server. A training of thousands of steps
# ends elsewhere on a processor that rounds otherwise, and rows that are compared must begin from the same. Pieces of
# words that no caption has were never learned; but for the most common, `cirkit keep` leaves out half of their digits.
# The whole configuration:

# %% tags=["hide-output"]
print(json.dumps(row.declared(), indent=1))
