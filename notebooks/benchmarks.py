# %% [markdown]
# # The benchmarks
#
# Each benchmark has one reader and one protocol. The reader cannot tell the official files from those a world
# publishes, so everything below runs today on synthetic data and tomorrow on the original.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
kind = "all"

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import pandas as pd

from cirkit.benchmarks.catalogue import CATALOGUE
from cirkit.experiments.experiment import ROOT
from cirkit.figures import tables
from cirkit.worlds.catalogue import WORLDS

loaders = pd.read_csv(ROOT / "data" / "reported" / "loaders.csv", keep_default_na=False)
chosen = [entry for entry in CATALOGUE.values() if kind in ("all", entry.kind)]

# %% [markdown]
# ## Worlds, and original files read
#
# The last column says which original files the tests read, wherever those files are at hand.

# %%
tables.styled(
    pd.DataFrame(
        [
            {
                "name": e.name,
                "kind": e.kind,
                "world": WORLDS[e.name][0] if e.name in WORLDS else "none",
                "original files read": e.tried,
            }
            for e in chosen
        ]
    )
)

# %% [markdown]
# ## Protocols
#
# The paper's protocol is the default; names in capitals are protocol objects one can pass instead, and a record keeps
# which was used.

# %%
tables.styled(pd.DataFrame([{"name": e.name, "protocol": e.protocol} for e in chosen]))

# %% [markdown]
# ## Where things lie, and come from

# %%
tables.styled(pd.DataFrame([{"name": e.name, "layout": e.layout, "the original": e.origin} for e in chosen]))

# %% [markdown]
# `cirkit data make NAME --root DIR` writes a world's files, `cirkit data get NAME --root DIR` fetches what may be
# fetched of the original, pinned and checked, and `cirkit data check NAME --root DIR` counts.

# %% [markdown]
# ## Official loaders on our files
#
# The loaders and evaluators that others released, run as they are on the files that our worlds write at `smoke` scale.

# %%
tables.styled(loaders)
