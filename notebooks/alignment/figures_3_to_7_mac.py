# %% [markdown]
# # Attention alignment, Figures 3 to 7: MAC step by step
#
# > "MAC using scaled dot product attention correctly aligned to required objects at different steps. However, the
# > model with biased general\* attention focused on the big things before noting the condition left of the green
# > cube, and failed to filter out irrelevant objects, giving a wrong prediction by aligning to additional objects."
# > (Cao et al., section 6.4)
#
# The paper picks questions that its best row answers rightly and its worst wrongly, and shows what each of the four
# steps attends to.
#
# **What we show.** The same two rows on questions spread evenly over the test, of which those on which the two
# answers differ come first. Pictures of single questions are no evidence for a sentence about a score; the numbers
# are those of [Tables 3a and 5](table_3a_mac).

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
from cirkit.models.mac import MAC
from cirkit.papers.alignment.alignment_figures import thinking_steps
from cirkit.papers.alignment.explorers import mac_explorer

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## The code that matters

# %% tags=["remove-input"]
code(MAC._think)

# %% [markdown]
# ## Three questions

# %% tags=["remove-input"]
thinking_steps(page, "Figure 3")

# %% tags=["remove-input"]
thinking_steps(page, "Figure 4", example=1)

# %% tags=["remove-input"]
thinking_steps(page, "Figure 5", example=2)

# %% [markdown]
# ## Look for yourself
#
# Choose a question and a score, then a step: in bold the words that the control unit attends to most, in frames the
# objects that the read unit attends to.

# %% tags=["remove-input"]
mac_explorer(page)

# %% [markdown]
# ## What this shows, and what it does not
#
# A step's words and its regions are what two softmaxes give; the memory carries everything else from step to step, so
# a step that attends to nothing of interest may still pass on what an earlier one read. Which step does what differs
# from seed to seed.
