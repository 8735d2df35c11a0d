# %% [markdown]
# # Attention alignment: the verdict over four hosts
#
# > "In summary, we can find the scaled dot product can be the best alignment calculation function for both cross and
# > self-attention that can successfully bridge the visual and textual information, as it produces considerably and
# > consistently better results for all three VL tasks across all six VL datasets." (Cao et al., section 6.1)
#
# The paper exchanges the score of attention in SCAN, MAC, M4C and AttnGAN and concludes on all of them at once. Its
# tables give one run per row, and no test says which of their differences another run would repeat.
#
# **What we measure.** The rank of each score on every data set, in every seed, and their means over hosts, with
# intervals; which mean ranks are told apart at all; and how far each row is from the noise floor, which is how far
# apart rows lie that are one model by algebra. What the paper reports is ranked by the same rules and stands apart.

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
from cirkit.papers.alignment.rank_test import critical_difference, places
from cirkit.papers.alignment.verdict import Floor, as_released, floor
from cirkit.papers.alignment.verdict_figures import beyond_the_floor, critical_differences, reported_differences
from cirkit.papers.alignment.verdict_tables import coverage, mean_ranks, noise_floors

page = Page.of(paper="alignment", scale=scale, seeds=seeds, device=device, root=root, run=run, change=change)

# %% [markdown]
# ## What there is
#
# Seven scores stand in all four hosts; cosine similarity stands in SCAN alone and is left out of the ranks. A host
# counts once all its seven rows have records at this page's scale.

# %% tags=["remove-input"]
coverage(page, "Hosts")

# %% [markdown]
# ## What remains of the conclusion
#
# The paper's sentences as claims; each needs the records of all hosts that it speaks of. A rank says which score is
# ahead and not by how much; a lead in noise floors says by how much. The two that are marked as calibration compare
# rows that are one function, and say how much a mean rank moves by chance.

# %% tags=["remove-input"]
claims.claims_table(page.claims(("Conclusion",)))

# %% [markdown]
# ## Mean ranks
#
# A seed draws the worlds of all hosts, so its mean over data sets is one number, and the interval is over seeds. In
# the second column SCAN's four low rows are those of the released layout, which the paper's numbers were computed in.

# %% tags=["remove-input"]
code(places)

# %% tags=["remove-input"]
mean_ranks(page, "Mean ranks")

# %% [markdown]
# ## Which ranks are told apart
#
# Friedman's test asks whether the seven differ at all, Nemenyi's critical difference which two of them do (Demšar,
# 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7). It shrinks with the root of the number
# of data sets: of so few, only scores that are far apart can be told apart for data sets in general.

# %% tags=["remove-input"]
code(critical_difference)

# %% tags=["remove-input"]
critical_differences(page, "Critical differences")

# %% tags=["remove-input"]
critical_differences(page, "Critical differences, SCAN in the released layout", as_released)

# %% tags=["remove-input"]
reported_differences(page, "Critical differences, as reported")

# %% [markdown]
# ## The noise floor
#
# Rows that are one model by algebra: in SCAN cosine similarity, dot product and scaled dot product, since vectors have
# length one and a norm takes off the scale; in MAC dot product, and scaled dot product in the control unit alone, whose
# logit is linear and learns a factor for the scale; in M4C the two general and the two biased scores, since a matrix
# folds into the query's projection and a bias is the same for all keys; in AttnGAN general\*, general† and biased
# general†. In SCAN, M4C and AttnGAN they also begin alike; in MAC one begins with flatter attention.
#
# Within a seed such rows share their data and differ by what training makes of other random numbers. From that
# deviation follows how far apart the means of two equal rows lie.

# %% tags=["remove-input"]
code(floor, Floor.apart.fget)

# %% tags=["remove-input"]
noise_floors(page, "Noise floor")

# %% tags=["remove-input"]
beyond_the_floor(page, "Distances")

# %% [markdown]
# ## What this shows, and what it does not
#
# Ranks weigh data sets alike and differences not at all: a score that is ahead by a hair everywhere has a better mean
# rank than one that is far ahead on most and last on one. Five data sets of four hosts are few, two of them share a
# host, and the worlds of one data set are more alike than two data sets are. In SCAN scaled dot product cannot be
# better than dot product, since both are one function; where it leads there, chance led. All that holds for these
# hosts at this scale on synthetic data; the paper's sixth data set, COCO for AttnGAN, has no counterpart here.
