# %% [markdown]
# # SynthTriplets18M: how synthetic triplets are made
#
# > "We generate 60M caption triplets by the keyword-based generation process (Section 4.1) and the LLM-based
# > generation process (Section 4.2) […] We employ CLIP-based filtering to ensure high-quality triplets." (Gu et al.
# > 2024, sections 4.3 and 4)
#
# CompoDiff learns from triplets that nobody wrote. A caption loses one of its object terms to a similar one, or a
# language model rewrites it; a text-to-image model paints both captions so that what they share stays alike; and CLIP
# throws out what does not fit. What is left are triplets of a reference image, an instruction and a target image.
#
# **What we can run.** All of it. Here a renderer of scenes is the painter and the world CLIP
# the filter; with `--scale paper` Stable Diffusion paints and OpenAI's CLIP
# filters. **What we measure.** How many pairs each filter lets pass, and how long captions and instructions are, ours
# beside those of the benchmarks' own files.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"
shown = 4

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import pandas as pd

from cirkit.benchmarks.synth_triplets import as_given
from cirkit.figures import images, tables
from cirkit.figures.code import code
from cirkit.papers.compodiff import synth_statistics
from cirkit.papers.compodiff.diffusion_settings import TRIPLETS
from cirkit.synthesis.filters import Thresholds, clip_filter
from cirkit.synthesis.keywords import CELLS, after_articles, exchange, keyword_swaps
from cirkit.synthesis.language_model import AFTER_CAPTION, AFTER_INSTRUCTION, END
from cirkit.synthesis.scene_painter import scene_painter
from cirkit.worlds.synth_triplets import SYNTH_TRIPLETS

# %% [markdown]
# ## Caption triplets by keywords
#
# Object terms come from a tagger, and a term gives way to one whose CLIP text vector lies in a window of similarities:
# below it terms have nothing in common, above it they mean the same. A template says what was exchanged.

# %% tags=["remove-input"]
code(keyword_swaps.alternatives, exchange)

# %% [markdown]
# Table 2 has these templates in its cells, S for the source and T for the target. Two stand there twice, and one is
# cut in two, of which the latter half names no target. The reader of triplets draws from those that are whole, each
# once.

# %% tags=["remove-input"]
tables.styled(pd.DataFrame([CELLS[row : row + 3] for row in range(0, len(CELLS), 3)], columns=["Table 2", " ", "  "]))

# %% [markdown]
# ## Caption triplets by a language model
#
# The paper tunes OPT (6.7B) by LoRA on the triplets of InstructPix2Pix. A triplet is a text of four parts, and the
# model completes the first. Any causal model of transformers will do: `cirkit synth tune` and
# `cirkit synth make --route language`. What keeps no form, or changes nothing, is left out.

# %% tags=["remove-input"]
print(repr(f"a red cube{AFTER_CAPTION}make it a blue sphere{AFTER_INSTRUCTION}a blue sphere{END}"))

# %% [markdown]
# ## Image pairs
#
# Prompt-to-Prompt keeps what both captions share by sharing attention between the two images. The renderer keeps it
# by construction: an object that both captions name stays where it is. Some triplets of the synthetic data, reference
# above target, and their instructions:

# %% tags=["remove-input"] mystnb={"image": {"alt": "Pairs of scenes and of garments: in each one thing is exchanged."}}
size = TRIPLETS[scale]
chosen = [*range(shown // 2), *range(size.triplets - shown // 2, size.triplets)]
rows = [2 * number + side for side in range(2) for number in chosen]
images.contact_sheet(SYNTH_TRIPLETS.images(size, "train", rows), columns=shown)

# %% tags=["remove-input"]
held = synth_statistics.triplets(scale)
print("\n".join(as_given(held[number], number) for number in chosen))

# %% [markdown]
# ## Filters
#
# All are cosines of CLIP's vectors. The paper's formula for the direction, 1 - sim(images) · sim(captions), has no
# direction in it; InstructPix2Pix, which it follows, computes the cosine of the change of the image and the change of
# the caption, and so do we.

# %% tags=["remove-input"]
code(clip_filter, Thresholds)

# %% tags=["remove-input"]
synth_statistics.filters(scale)

# %% [markdown]
# The thresholds and the window are the paper's, for another CLIP and other images. The strictest filter is that of
# keywords, which asks a whole image for the one object of several that a keyword names.
#
# ## Sizes

# %% tags=["remove-input"]
synth_statistics.numbers(scale)

# %% [markdown]
# ## Lengths

# %% tags=["remove-input"]
synth_statistics.caption_lengths(scale)

# %% tags=["remove-input"]
synth_statistics.instruction_lengths(scale)

# %% [markdown]
# ## Run it
#
# ```
# cirkit synth make --root data/synth --shards 8                   # scenes, the world CLIP
# cirkit synth make --root data/synth --shards 8 --first 8         # eight more, perhaps on another machine
# cirkit synth make --root data/synth18m --scale paper --shards 100
# ```
#
# A shard follows from the configuration and its number, and is there whole or not at all: a run that was cut off loses
# the shard it was at. The folder has the official layout, as far as that is known, and the reader of SynthTriplets18M
# reads it.

# %% tags=["remove-input"]
code(scene_painter, after_articles)

# %% [markdown]
# ## What differs
#
# Captions of scenes have few object terms; those of the web have half a million. The paper says neither
# how often a term must occur nor how many pairs are painted for a caption, and lists Stable Diffusion Anime without a
# version. The columns of the published files are not verified. The synthetic triplets that CompoDiff learns from here
# are drawn as scenes, where the truth is known, and not made by this pipeline.
