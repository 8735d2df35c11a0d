# %% [markdown]
# # ITSELF, Figure S5: what attention is on
#
# > "our model consistently attends to more discriminative and semantically relevant regions described in the text
# > queries [...]. In contrast, RDE often produces diffuse or misaligned attention" (ITSELF, supplement, section 3)
#
# **What we measure.** The world knows which pixels show the hat, the scarf, the logo, the bag that a caption names, and
# which show litter in the same colours and shapes. So a map becomes a number: its weight on what is named, less that
# elsewhere, with an interval. The attention that MARS composes has not read the caption; Grad-CAM, which the paper
# draws, has.

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
from cirkit.papers.itself.person_attention import gradcam, named
from cirkit.papers.itself.person_attention_figures import maps, recalls, shares

page = Page.of(paper="itself", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters
#
# The last block's output of patches reaches no class token, so Grad-CAM reads its first norm.

# %% tags=["remove-input"]
code(gradcam, named)

# %% [markdown]
# ## The same people and captions under several maps

# %% tags=["remove-input"]
ours, rde, baseline = (f"itself/rstp/{name}" for name in ("ours", "rde", "baseline"))
shown = [
    ("baseline:\nlast layer", baseline, "last"),
    ("ours:\nlayer 3", ours, "layer_3"),
    ("ours:\nMARS", ours, "mars"),
    ("baseline:\nGrad-CAM", baseline, "gradcam"),
    ("RDE:\nGrad-CAM", rde, "gradcam"),
    ("ours:\nGrad-CAM", ours, "gradcam"),
]
maps(page, shown, "Figure S5.1")

# %% [markdown]
# ## Weight on what the caption names

# %% tags=["remove-input"]
names = {"Baseline": baseline, "RDE": rde, "Ours": ours}
shares(page, names, "Figure S5.2")

# %% [markdown]
# ## What half of the patches hold

# %% tags=["remove-input"]
recalls(page, names, "Figure S5.3")

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Figure S5",)))

# %% [markdown]
# ## Training
#
# These are the trainings of [Table 3](table_3_ablation) and of [RDE](figures_s1_to_s4_retrieval); their curves are
# there.
#
# ## What differs from the paper, for all rows alike
#
# The paper shows fixed examples; here are the first of evenly spread captions that name small things. Maps are averaged
# over heads. What is said of towers, steps and batch under [Table 3](table_3_ablation) holds here.
#
# ## What this shows, and what it does not
#
# Weight says from where a token reads, not what it takes from there; Grad-CAM says where a change would raise the
# score. Neither says that a decision rests on it: the controls of [Table S3](table_s3_selection) ask that.
