"""Table 4: two users, ten parts, separately trained filters.

Part 1 is user 1's and part 2 user 2's, parts 3 to 10 are public. A user's A learns on his own part only; h and nu learn
on the eight public parts, raw, and on his own part, filtered. Adversaries are then trained on the full privatised set:
every row through his filter, or, as variants, his own part alone, or each user's part through his filter and the public
ones as they are (D16).

``python -m replications.generative_filter.users results/quick/generative_filter/users/paper/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from common.data.splits import split_stratified
from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.in_turn import InTurn
from common.training.machine import prepare
from common.training.seeding import derive
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import method
from replications.generative_filter.codes import Codes, digits_of, label, origin_of, read_codes
from replications.generative_filter.game import Data, Game
from replications.generative_filter.reading import read
from replications.generative_filter.release import Released, draws
from replications.generative_filter.settings import check, check_game, check_one_filter

ROOT = Path(__file__).resolve().parents[2]
USERS = {"user1": ("large", "odd"), "user2": ("odd", "large")}  # what each hides, what each keeps
PARTS = 10


def parts(digits: Tensor, seed: int) -> list[Tensor]:
    """Return ten equal parts of the training rows, at random within each digit."""
    shares = {str(k): 1 / PARTS for k in range(PARTS)}
    found = split_stratified(digits.numpy(), shares, derive("generative_filter", "users", seed, "parts") % 2**32)
    return [torch.from_numpy(rows) for rows in found.values()]


def user_data(codes: Codes, cut: list[list[Tensor]], user: int, names: tuple[str, str]) -> Data:
    """Return one user's rows per seed: his own part, which A may touch, and the eight public ones."""
    kept = []
    for pieces in cut:
        own, public = pieces[user], torch.cat(pieces[2:])
        kept.append((torch.cat([own, public]), len(own)))
    least, own_least = min(len(rows) for rows, _ in kept), min(n for _, n in kept)  # seeds differ by a row or two
    rows = torch.stack([r[:least] for r, _ in kept])
    own = (torch.arange(least) < own_least).expand(len(kept), -1)
    mean, deviation = (
        torch.stack([v[r] for v, r in zip(values, rows, strict=True)]) for values in (codes.mean, codes.deviation)
    )
    private, utility = (label(name, codes.digits)[rows] for name in names)
    return Data(mean, deviation, private, utility, (2, 2), own)


class Shared(Released):
    """The set as both users release it: each row through its owner's filter, the public ones as they are.

    ``owner (seeds, n)`` is 0 or 1 for the users' rows and 2 for public ones; ``by_user`` holds every row through each
    user's filter.
    """

    def __init__(self, owner: Tensor, by_user: Sequence[Released]) -> None:
        super().__init__(by_user[0].codes, None, by_user[0].private, by_user[0].state)
        self.owner, self.by_user = owner, by_user

    def draw(self, rows: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Return released codes (members, rows, d) of ``rows (seeds, rows)``."""
        codes = torch.stack([z[r] for z, r in zip(self.codes, rows, strict=True)])
        owner = self.owner.gather(1, rows)[..., None]
        for user, released in enumerate(self.by_user):
            codes = torch.where(owner == user, released.draw(rows, generators), codes)
        return codes


def learnt_from(
    adversary: str,
    codes: Codes,
    cut: list[list[Tensor]],
    user: int,
    told: list[Tensor],
    states: list[dict[str, Tensor]],
) -> tuple[Released, list[Tensor]]:
    """Return what a user's adversaries learn from, and the rows of it per seed (D16).

    ``told (n,)`` is what each user's filter is told of every row, ``states`` their filters.
    """
    seeds = len(cut)
    everything = [torch.arange(len(codes.digits))] * seeds
    by_user = [Released(codes.mean, None, y.expand(seeds, -1), state) for y, state in zip(told, states, strict=True)]
    if adversary == "shared":
        owner = torch.full((seeds, len(codes.digits)), 2)
        for k, pieces in enumerate(cut):
            for u in range(len(USERS)):
                owner[k, pieces[u]] = u
        return Shared(owner, by_user), everything
    if adversary == "own":
        least = min(len(pieces[user]) for pieces in cut)  # seeds differ by a row or two
        mine = [pieces[user][:least] for pieces in cut]
        mean = torch.stack([z[rows] for z, rows in zip(codes.mean, mine, strict=True)])
        return Released(mean, None, torch.stack([told[user][rows] for rows in mine]), states[user]), mine
    return by_user[user], everything


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train each user's filter on his part, then attack the data that went through it."""
    p, cell = job.config.params, job.config.cell
    check(cell.experiment, p)
    check_one_filter(cell.experiment, p)
    machine = prepare(job.config.device, job.config.precision)
    digits = digits_of(job)
    codes = {split: read_codes(job, seeds, digits, split, job.config.needs[0]) for split in ("train", "test")}
    cut = [parts(codes["train"].digits, seed) for seed in seeds]
    turn = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    metrics: list[dict[str, float]] = [{} for _ in seeds]
    bad: dict[int, str] = {}
    states = []
    for user, (name, attributes) in enumerate(USERS.items()):
        data = user_data(codes["train"], cut, user, attributes).to(machine.device)
        check_game(cell.experiment, p, data.own)
        role = (cell.paper, cell.experiment, cell.variant, name)
        game = Game(data, p, seeds, role)
        game.model.to(machine.device)
        trainer = turn.run(name, game.trainer(machine, role, f"generative_filter users, {name}, seeds {seeds}"))
        method.meet_budget(game.mechanism, game.limits, game.shares, game.precision, p["spend"])
        spent, in_loop = game.mechanism.distortion(*game.measure(posterior=False)).detach(), game.in_loop()
        bad |= {seeds[k]: f"{name}: {why}" for k, why in trainer.stopped.items()}
        states.append({"A": game.mechanism.state_dict()["A"].cpu()[:, None]})
        for k in range(len(seeds)):
            metrics[k] |= {f"{name}_d_unit": float(spent[k]), f"{name}_h": float(in_loop[k])}
    for user, (name, attributes) in enumerate(USERS.items()):
        role = (cell.paper, cell.experiment, cell.variant, name)
        told = [label(hidden, codes["train"].digits) for hidden, _ in USERS.values()]
        known, rows = learnt_from(p["adversary"], codes["train"], cut, user, told, states)
        unseen = label(attributes[0], codes["test"].digits).expand(len(seeds), -1)
        released = {"train": known, "test": Released(codes["test"].mean, None, unseen, states[user])}
        for what, attribute in zip(("private", "utility"), attributes, strict=True):
            truth = {split: label(attribute, found.digits) for split, found in codes.items()}
            truth["train"] = torch.stack([truth["train"][mine] for mine in rows])
            inits = [g for s in seeds for g in draws(role, [s], what, "init")]
            net = method.classifier(codes["train"].mean.shape[-1], 2, inits, p["fresh"]["hidden"])
            reading = read(net, released, truth, 2, p, p["fresh"], partial(draws, role, seeds, what))
            for k in range(len(seeds)):
                metrics[k][f"{name}_{what}"] = float(reading.accuracy[k])
                metrics[k][f"{name}_{what}_balanced"] = float(reading.balanced[k])
        for k in range(len(seeds)):
            # below one half is leakage with its sign turned: the reader of the table wants the larger of the two
            accuracy = metrics[k][f"{name}_private"]
            metrics[k][f"{name}_private_either_way"] = max(accuracy, 1 - accuracy)
    outcomes = {}
    for k, seed in enumerate(seeds):
        status = "diverged" if seed in bad else "ok"
        outcomes[seed] = Outcome({} if seed in bad else metrics[k], {}, status, bad.get(seed, ""))
    return outcomes, origin_of(job, seeds, digits), machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
