# %% [markdown]
# # Start here
#
# This page goes along every arrow of the project once, live: a **world** draws images, a **reader** turns its files
# into training data and a benchmark, a **model** learns, a run leaves **ranks**, a **measure** reads them, and an
# **interval** says how sure one can be. It is a small world and a short training, so its numbers are for learning the
# path. Results stand in [claims and verdicts](ledger).

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "Parameters", "code_prompt_hide": "Parameters"}
seed = 0
question = 7

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
import json

import pandas as pd
import torch

from cirkit.declare import describe
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import chance
from cirkit.evaluators.measures import Recall
from cirkit.experiments import bootstrap
from cirkit.explorers.retrieval import model_explorer
from cirkit.figures import images, phrases, plots, tables
from cirkit.papers import maaf
from cirkit.training.loop import fit

# %% [markdown]
# ## World → training data
#
# The query of composed retrieval: *here is an image; find the one in which this has changed*. `live()` is the
# configuration of a small MAAF: which model, which data, which loss, how many steps. Nothing has happened yet.

# %% tags=["hide-output"]
training, test = maaf.live()
print(json.dumps(describe(training), indent=1))

# %%
triplets = training.data()
benchmark = test()
print(
    f"{len(triplets)} training triplets, {len(benchmark)} test queries, {len(benchmark.gallery)} images in the gallery"
)

# %% [markdown]
# One batch of training data: reference images, modification texts, and target images.

# %% mystnb={"image": {"alt": "Three pairs of images: reference and target."}}
batch = triplets[torch.linspace(0, len(triplets) - 1, 3).long()]
pairs = torch.stack([batch.query.image, batch.target], 1).flatten(0, 1)
images.images_row(pairs, ["reference", "target"] * 3, framed=[1, 3, 5], width=1.2)

# %%
tables.styled(pd.DataFrame({"pair": [1, 2, 3], "modification text": batch.query.text}))

# %% [markdown]
# ## Model: encode, compose, score
#
# A model *encodes* the gallery, *composes* a query, and *scores* one against the other. Before any training it
# knows nothing, and its score matrix for one batch shows it: the loss wants each row's largest number on the
# diagonal.

# %%
torch.manual_seed(seed)
model = training.model(triplets.query.text)
scores = model.score(model.compose(batch.query), model.encode(batch.target))
pd.DataFrame(scores.detach().numpy(), columns=["target 1", "target 2", "target 3"]).round(2)

# %% [markdown]
# ## Train
#
# One loop: sample a batch, compute the objective, step. The seed decides everything that is left to chance.

# %%
trained = fit(training, seed)

# %% mystnb={"image": {"alt": "The training loss falling over the steps."}}
plots.loss_curve(trained.loss)

# %% [markdown]
# ## Ranks
#
# For every test query, how many images score higher than the target? That is all a run leaves behind: no average, no
# conclusion.

# %%
ranks = ranking.rank(trained.model, benchmark)
ranks.best()[:12]

# %% [markdown]
# ## Measure
#
# A measure is a function of ranks; R@K is the share of queries with a target among the first K. Chance is what a random
# order of the gallery would score.

# %%
measures = [Recall(1), Recall(10), Recall(50)]
table = pd.DataFrame(
    {
        "measure": [str(measure) for measure in measures],
        "this model, %": [round(measure.values(ranks).mean(), 1) for measure in measures],
        "chance, %": [round(measure.values(chance(ranks)).mean(), 1) for measure in measures],
    }
)
table

# %% [markdown]
# ## Interval
#
# How far could the number be off because these test queries were drawn, and not others? Bootstrap resampling of the
# queries says. With a single seed it says nothing about another training, which is why no verdict of this book rests on
# one.

# %%
interval = bootstrap.bootstrap([(1.0, Recall(10).values(ranks)[None])])
print(f"R@10: {phrases.with_interval(interval)} %, from {interval.seeds} seed")

# %% [markdown]
# ## A query, and what is found

# %% mystnb={"image": {"alt": "The reference image, then the ten ranked first; targets framed."}}
gallery = ranking.encode(trained.model, benchmark.gallery)
composed = ranking.compose(trained.model, benchmark)
(top,), _ = ranking.top(trained.model, composed, gallery, benchmark, [question])
right = [place for place, row in enumerate(top, 1) if row in benchmark.relevant[question]]
asked = benchmark.query[torch.tensor([question])]
print(f"“{asked.text[0]}”: the first target is at rank {ranks.best()[question]:g}")
found = torch.cat([asked.image, benchmark.gallery[torch.tensor(top)]])
images.images_row(found, ["reference", *map(str, range(1, len(top) + 1))], framed=right, width=0.85)

# %% [markdown]
# A dozen of its queries to look through. In JupyterLab (`make lab`) the model itself is behind the explorer: give it a
# modification text of your own, and an image if you like.

# %% tags=["hide-input"]
model_explorer(trained.model, benchmark, ranks, range(0, len(benchmark), len(benchmark) // 12), "MAAF")

# %% [markdown]
# ## Where to go from here
#
# A *record* is what you just saw, on disk: the configuration, where it ran, the loss, the ranks. Several records with
# different seeds, for two models, make an interval on their difference, and a [claim](ledger) turns that into a
# verdict. The same path with a larger world, longer training and more rows is [MAAF's Table 1](maaf/table_1_css).
