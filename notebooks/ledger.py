# %% [markdown]
# # Claims and verdicts
#
# Every claim that has been put to a test, and its verdict. No verdict on this page was typed: each follows from the
# evidence in the records, by bootstrap resampling of seeds and queries. What the words mean: [How to read this
# book](../how_to_read.md).

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
paper = "all"

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
from cirkit.experiments import registry
from cirkit.figures import claims, tables

chosen = None if paper == "all" else paper

# %% [markdown]
# ## All claims

# %% tags=["hide-input"]
claims.claims_table(registry.ledger(chosen), linked=True)

# %% [markdown]
# ## In one sentence

# %% tags=["hide-input"]
found = tables.verdicts(chosen)
print(f"Of {sum(found.values())} claims, " + ", ".join(f"{n} {verdict}" for verdict, n in found.items()) + ".")

# %% [markdown]
# ## What it rests on

# %% tags=["hide-input"]
bases = sorted({(row["basis"], row["scale"]) for row in registry.ledger(chosen) if row["basis"]})
print("Data source and scale of the runs behind them: " + ("; ".join(" · ".join(one) for one in bases) or "none yet"))

# %% [markdown]
# A verdict on a world or on photos is about the mechanism. It cannot refute what a paper found on its own data, and a
# verdict that holds here is no promise that the reported number can be reached.
