# %% [markdown]
# # Attention alignment, Figures 16 to 19: what painted birds attend to
#
# > "In Figure 18 and Figure 19, the activation function used in the attention mechanism of the worst model makes it
# > difficult to differentiate among the caption words when their attention weights are all very low. Therefore the
# > model fails to attend to any useful facts in each attention layer" (Cao et al., appendix A.4)
#
# The paper shows what its best and its worst row paint from one caption, and the five words that the places of each
# finer stage attend to most. Its Figure 16 is of MS-COCO; here all are birds.
#
# **What we show.** The same of the rows with the lowest and the highest FID by our records, on captions spread evenly
# over the test. Pictures of single captions are no evidence for a sentence about a score; the numbers are those of
# [Table 4](table_4_attngan).

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
seeds = []
device = "cpu"
root = "data/raw"
run = "no"
change = {}

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments.page import Page
from cirkit.figures.code import code
from cirkit.models.attngan import AttnGAN
from cirkit.papers.alignment.painting_exhibits import strength
from cirkit.papers.alignment.painting_explorer import painting_explorer
from cirkit.papers.alignment.painting_figures import painted_birds

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# Words are ordered by the sum of those weights that are above four times the uniform weight, the rule of AttnGAN's
# released code; where no weight is, by the sum of all. With a sigmoid no weight of a caption of 18 words can exceed
# e / (e + 17) = .138, well below 4 / 18 = .222: by that rule no word stands out, whatever was learnt.

# %% tags=["remove-input"]
code(AttnGAN.attention, strength)

# %% [markdown]
# ## Three captions

# %% tags=["remove-input"]
painted_birds(page, "Figure 16")

# %% tags=["remove-input"]
painted_birds(page, "Figure 17", example=1)

# %% tags=["remove-input"]
painted_birds(page, "Figure 18", example=2)

# %% [markdown]
# ## Look for yourself
#
# Choose a caption and a score, then a word: its share of the attention stands beside it, in multiples of uniform
# attention, and the last image is bright where places attend to it. Maps are kept of the five words that the rule
# above puts first. In JupyterLab, where the weights of a row are, the generator paints a caption of your own; another
# number draws other noise.

# %% tags=["remove-input"]
painting_explorer(page)

# %% [markdown]
# ## What this shows, and what it does not
#
# A place takes from the words what its weights say, but it also keeps what the first stage painted from the sentence
# as a whole. So a colour may be painted right where no place attends to its word, and attended to without being
# painted.
