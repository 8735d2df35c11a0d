"""ITSELF's training on one data set and those of its baselines: one loss, one recipe, one start, and what differs.

ITSELF §3 and its supplement, §1; RDE, IRRA and TBPS-CLIP under losses of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from cirkit.models.itself import GlobalOnly
from cirkit.models.person_baselines import IRRA, TBPSCLIP
from cirkit.models.retention import ATS, Retention
from cirkit.models.token_rules import Rule
from cirkit.models.word_counts import itself, rde
from cirkit.papers.itself.person_data import PersonData
from cirkit.papers.itself.person_settings import PersonSetting, Recipe
from cirkit.papers.itself.person_towers import FINE, towers
from cirkit.training.baseline_objectives import identity_contrast, matching_and_masked_words
from cirkit.training.loop import Training
from cirkit.training.person_objectives import alignment_alone, alignment_and_identity
from cirkit.training.samplers import same_reference_batches

END = 0.5  # where ATS ends, and what is selected in evaluation; released code: .4


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The trainings on one data set, with patches of one size."""

    setting: PersonSetting
    data: PersonData
    name: str  # of the data set
    patches: str = FINE

    @property
    def recipe(self) -> Recipe:
        """That of the data set."""
        return getattr(self.setting, self.name)

    def ours(self, rule: Rule, retention: Retention, text_rule: Rule | None = None) -> Training:
        """ITSELF under a rule and a schedule; words are ranked by the same rule unless another is given."""
        # paper: one rule for both modalities
        model = partial(
            itself,
            identities=self.data.identities,
            width=self.setting.width,
            rule=rule,
            text_rule=text_rule or rule,
            retention=retention,
        )
        return self._training(model, alignment_and_identity(), "branches.clip")

    def baseline(self) -> Training:
        """The global branch alone, under the same losses."""
        return self._training(partial(GlobalOnly, identities=self.data.identities), alignment_and_identity(), "clip")

    def rde(self) -> Training:
        """RDE: two branches under TAL alone."""
        model = partial(rde, width=self.setting.rde_width)
        return self._training(model, alignment_alone(), "branches.clip", self.setting.rde)

    def irra(self) -> Training:
        """IRRA."""
        model = partial(IRRA, identities=self.data.identities, blocks=self.setting.irra_blocks)
        return self._training(model, matching_and_masked_words(), "clip", self.setting.irra)

    def tbps(self) -> Training:
        """TBPS-CLIP."""
        return self._training(TBPSCLIP, identity_contrast(), "clip", self.setting.tbps)

    def ats(self, start: float = 0.65, end: float = END, by_epoch: bool = False) -> ATS:
        """A schedule between two ratios over t_small."""
        every = self.recipe.epoch if by_epoch else 1
        return ATS(t_small=self.recipe.t_small, start=start, end=end, every=every)

    def _training(
        self,
        model: Callable[..., nn.Module],
        objective: Any,
        part: str,
        change: Callable[[Recipe], Recipe] | None = None,
    ) -> Training:
        recipe = self.recipe if change is None else change(self.recipe)
        base = towers(self.patches, self.data.scale, self.setting.shape)
        return Training(
            model=partial(model, clip=base.clip),
            data=self.data.train,
            objective=objective,
            optimiser=recipe.optimiser,
            steps=recipe.steps,
            batch=recipe.batch,
            schedule=recipe.schedule,
            sampler=same_reference_batches(per_reference=2),
            augment=recipe.augment,
            start=base.start(part),
        )
