import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toys import TRAINING

from cirkit.training.augment import flips_and_shifts
from cirkit.training.distributed import average, everyone, first, gather, mean, processes, rank, share
from cirkit.training.loop import fit
from cirkit.training.optimisers import sgd

# What each of two processes runs: it trains with its share of every batch, and the first writes what came out.
WORKER = """
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
import torch
torch.set_num_threads(1)
from toys import TRAINING, Mean
from cirkit.errors import Problem
from cirkit.training import distributed
from cirkit.training.augment import flips_and_shifts
from cirkit.training.looks import Looks
from cirkit.training.loop import fit
from cirkit.training.optimisers import sgd

out = Path(sys.argv[1])
steps, resumed, lines, told = [], [], [], []
watch = lambda step, loss: steps.append(step)
short = replace(TRAINING, steps=20, optimiser=sgd(lr=0.05))  # which, unlike Adam, follows the size of gradients


class Dropping(Mean):
    def encode(self, images):
        return torch.nn.functional.dropout(super().encode(images), 0.5, self.training)


def rows(model):  # a look that draws random numbers
    return [torch.rand(3).tolist(), model.table.weight.tolist()]


def copy(step, loss):  # the state after six steps, as a failure would leave it
    if step == 7:
        (out / "copy").write_bytes((out / "state").read_bytes())


dropping = replace(short, model=partial(Dropping, width=8), steps=12)

rank, apart = distributed.rank(), distributed.processes()  # before they have joined
with distributed.joined("cpu"):
    assert (rank, apart, distributed.processes()) == (distributed.rank(), 1, 2)
    outcomes = [
        fit(short, 3, watch=watch),
        fit(replace(short, augment=flips_and_shifts()), 3),
    ]
    features = torch.arange(6.0).reshape(2, 3)[:, : 3 - rank].add(10 * rank).requires_grad_()
    whole, mask = distributed.gather((features, torch.ones(2, 3 - rank, dtype=torch.bool)))
    (whole * torch.arange(12.0).reshape(4, 3)).sum().backward()
    gathered = {"whole": whole.detach(), "mask": mask, "gradients": distributed.everyone(features.grad)}
    try:
        fit(replace(short, batch=7, steps=1), 3)
    except Problem as problem:
        lines.append(str(problem))
    going = dict(resume=out / "state", every_seconds=0.0, tell=told.append)
    outcomes.append(fit(dropping, 3, watch=copy, **going))
    outcomes.append(fit(dropping, 3, watch=lambda step, loss: resumed.append(step), **going | {"resume": out / "copy"}))
    random = distributed.everyone(torch.rand(()).item())
    looks = Looks(rows)
    outcomes.append(fit(dropping, 3, looks=looks))
    if rank:
        assert not steps and not resumed and not told and not looks.seen
    else:
        models = [each.model.state_dict() for each in outcomes]
        torch.save(
            {
                "losses": [each.loss for each in outcomes],
                "models": models,
                "steps": steps,
                "resumed": resumed,
                "lines": lines,
                "random": random,
                "seen": {step: table for step, (_, table) in looks.seen.items()},
                "left": sorted(path.name for path in out.iterdir()),
                **gathered,
            },
            out / "outcome",
        )
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What two processes with gloo bring about together."""
    folder = tmp_path_factory.mktemp("two")
    tests = Path(__file__).parents[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20000 + os.getpid() % 20000)}
    shared["PYTHONPATH"] = os.pathsep.join([str(tests.parent), str(tests)])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    return torch.load(folder / "outcome", weights_only=True)


@pytest.mark.parametrize("augment", [None, flips_and_shifts()])
def test_two_processes_train_as_one_does_with_the_whole_batch(outcome, augment):
    alone = fit(replace(TRAINING, steps=20, optimiser=sgd(lr=0.05), augment=augment), seed=3)
    which = int(augment is not None)
    losses, model = outcome["losses"][which], outcome["models"][which]
    assert [step for step, _ in losses] == [step for step, _ in alone.loss] == [*range(1, 21)]
    torch.testing.assert_close(
        torch.tensor([value for _, value in losses]),
        torch.tensor([value for _, value in alone.loss]),
        rtol=0,
        atol=1e-5,
    )
    for name, tensor in alone.model.state_dict().items():
        torch.testing.assert_close(model[name], tensor, rtol=0, atol=1e-5)


def test_the_first_process_alone_watches_and_no_state_is_left(outcome):
    assert outcome["steps"] == [*range(1, 21)] and outcome["left"] == []


def test_the_first_process_alone_looks_and_no_weight_moves(outcome):
    assert [*outcome["seen"]] == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12] and outcome["losses"][4] == outcome["losses"][2]
    for name, tensor in outcome["models"][2].items():
        assert torch.equal(tensor, outcome["models"][4][name])
    assert outcome["seen"][12] == outcome["models"][4]["table.weight"].tolist()


def test_two_processes_go_on_exactly_where_they_were_cut_off(outcome):
    assert outcome["resumed"] == [*range(7, 13)] and outcome["losses"][2] == outcome["losses"][3]
    for name, tensor in outcome["models"][2].items():
        assert torch.equal(tensor, outcome["models"][3][name])


def test_features_of_other_widths_are_padded_and_gradients_come_back(outcome):
    expected = torch.tensor([[0.0, 1, 2], [3, 4, 5], [10, 11, 0], [13, 14, 0]])
    assert torch.equal(outcome["whole"], expected)
    assert outcome["mask"].tolist() == (torch.tensor([[3], [3], [2], [2]]) > torch.arange(3)).tolist()
    weights = 2 * torch.arange(12.0).reshape(4, 3)  # both processes want every row
    assert torch.equal(outcome["gradients"][0], weights[:2])
    assert torch.equal(outcome["gradients"][1], weights[2:, :2])


def test_a_batch_that_does_not_divide_is_a_problem(outcome):
    assert len(outcome["lines"]) == 1 and "does not divide among 2 processes" in outcome["lines"][0]


def test_each_process_drops_out_units_of_its_own(outcome):
    assert len(set(outcome["random"])) == 2


def test_one_process_gathers_and_averages_nothing():
    features, parameter = torch.rand(2, 3), torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    average([parameter])
    assert gather(features) is features and torch.equal(share(features), features)
    assert parameter.grad.tolist() == [1, 2] and mean(torch.tensor([3.0])).tolist() == [3]
    assert everyone("a") == ["a"] and first("b") == "b" and (rank(), processes()) == (0, 1)
