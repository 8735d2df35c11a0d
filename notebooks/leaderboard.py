# %% [markdown]
# # Leaderboard
#
# Every retriever of this book on every benchmark of composed queries, with its interval and what it costs. Rows of one
# block answer the same queries under one protocol, and may be compared. Blocks may not: benchmarks, protocols and
# encoders differ, even where two blocks bear the same benchmark's name. How far a protocol alone moves a number: [One
# checkpoint, every protocol](protocols). What the columns and intervals mean: [How to read this
# book](../how_to_read.md).

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
scale = "cpu"

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.figures import leaderboard

# %%
leaderboard.leaderboard(scale)

# %% [markdown]
# ## One part of the query alone
#
# A composed query should need both its parts. How many are solved by one of them, counted at the first place and among
# the first ten:

# %% tags=["remove-input"]
leaderboard.one_part(scale, "Alone, first place")

# %% tags=["remove-input"]
leaderboard.one_part(scale, "Alone, first ten", 10)

# %% [markdown]
# ## What it does not show
#
# All numbers at the `cpu` scale are of synthetic data and small encoders. A row that leads here is ahead under those
# conditions. Times are those of one processor's thread and hold between rows, not for other machines.
