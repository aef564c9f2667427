import io
import itertools
import math

import pytest
import torch
from safetensors.torch import save_file

from common.estimators.critic_fit import CriticFit
from common.estimators.optimiser import FlatAdam
from common.estimators.pairs import PairSampler, take_rows
from common.losses.variational import donsker_varadhan, remine
from common.models.stacked import StackedJointCritic
from common.training import machine as machines
from common.training.checkpoint import Checkpoint, load_tensors, save_tensors
from common.training.machine import has_matrix_units, prepare
from common.training.progress import Progress, clock
from common.training.resume import ResumableFits
from common.training.seeding import derive, generator


def fit_of(seeds, passes=0, **changes):
    """Return a fit of Gaussian pairs, one data set per seed."""
    x, y = (torch.stack([torch.randn(60, d, generator=generator(s, "data", d)) for s in seeds]) for d in (3, 2))
    critic = StackedJointCritic(3, 2, [16], [generator(s, "init") for s in seeds])
    settings = {"batch": 20, "lr": 1e-2, "generators": [generator(s, "batches") for s in seeds]} | changes
    return CriticFit(x, y, critic, remine, **settings).train(passes)


def test_seed_k_of_a_block_is_seed_k_alone():
    block, alone = fit_of((4, 5, 6), passes=5), fit_of((5,), passes=5)
    # the batched product may sum in another order: stated tolerance 1e-5 of the value
    torch.testing.assert_close(block.values[1], alone.values[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(block.critic.network.layers[0].weight[1], alone.critic.network.layers[0].weight[0])


def test_same_seeds_same_curve_to_the_bit():
    assert torch.equal(fit_of((1, 2), passes=4).values, fit_of((1, 2), passes=4).values)


def test_a_resumed_fit_ends_as_an_undisturbed_one():
    whole, first = fit_of((1, 2), passes=6), fit_of((1, 2), passes=2)
    state = {name: value.clone() for name, value in first.state_dict().items()}
    again = fit_of((1, 2))
    again.load_state_dict(state)
    again.train(6)
    assert torch.equal(again.values, whole.values)
    for a, b in zip(again.critic.parameters(), whole.critic.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_member_that_diverges_is_noted_with_its_step_and_the_others_go_on():
    x, y = torch.randn(2, 60, 3), torch.randn(2, 60, 2)
    x[0, 7] = float("nan")
    critic = StackedJointCritic(3, 2, [16], [generator(s, "init") for s in (1, 2)])
    fit = CriticFit(x, y, critic, remine, batch=20, lr=1e-2, generators=[generator(s) for s in (1, 2)]).train(3)
    assert 0 <= fit.diverged_at[0] < 3, "in the first pass, in the batch that holds the row"
    assert fit.diverged_at[1] == -1
    assert torch.isfinite(fit.values[1]).all()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_weight_that_is_no_number_is_never_hidden_by_what_follows_it(sign, dtype):
    x, y = torch.randn(2, 60, 3), torch.randn(2, 60, 2)
    critic = StackedJointCritic(3, 2, [16], [generator(s, "init") for s in (1, 2)])
    members = [generator(s) for s in (1, 2)]
    fit = CriticFit(x, y, critic, remine, batch=20, lr=1e-2, generators=members, autocast=dtype).train(1)
    critic.network.layers[0].weight.data[0, 1, 3] = math.copysign(math.nan, sign)
    fit.train(2)
    assert fit.diverged_at[0] >= 3
    assert not torch.isfinite(fit.values[0, 1])
    assert fit.diverged_at[1] == -1
    assert torch.isfinite(fit.values[1]).all()


def test_update_every_steps_in_batches_0_and_10_of_12_only():
    fit = fit_of((1,), passes=1, batch=5, update_every=10)
    assert fit.sampler.batches == 12
    assert fit.steps == 2


def test_gathered_gradients_make_one_step_of_their_mean_and_what_is_left_of_a_pass_another():
    """12 batches of 5 by tens: one step along the mean of ten, one of two, against Adam and autograd by hand."""
    fit = fit_of((1, 2), passes=1, batch=5, gather=10)
    assert fit.steps == 2
    critic = StackedJointCritic(3, 2, [16], [generator(s, "init") for s in (1, 2)])
    adam = FlatAdam(critic, 1e-2)
    pairs = list(PairSampler(60, 5, [generator(s, "batches") for s in (1, 2)]).one_pass())
    values = []
    for part in (pairs[:10], pairs[10:]):
        adam.zero_grad()
        for rows, partners in part:
            x = take_rows(fit.x, rows)
            joint, marginal = critic(x, take_rows(fit.y, rows)), critic(x, take_rows(fit.y, partners))
            (-remine(joint, marginal).sum() / len(part)).backward()
            values.append(donsker_varadhan(joint, marginal).detach())
        adam.step()
    torch.testing.assert_close(fit.optimiser.flat, adam.flat, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(fit.values[:, 0], torch.stack(values).mean(0), rtol=1e-4, atol=1e-6)


def test_a_resumed_fit_that_gathers_ends_as_an_undisturbed_one():
    whole, first = fit_of((1,), passes=4, batch=5, gather=10), fit_of((1,), passes=2, batch=5, gather=10)
    again = fit_of((1,), batch=5, gather=10)
    again.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    assert torch.equal(again.train(4).values, whole.values)
    assert torch.equal(again.optimiser.flat, whole.optimiser.flat)


@pytest.mark.parametrize("both", [(10, 10), (2, 3), (0, 1), (1, 0)])
def test_only_one_reading_of_batched_gradients_at_a_time(both):
    with pytest.raises(ValueError, match=f"update_every {both[0]} and gather {both[1]}: one at most"):
        fit_of((1,), update_every=both[0], gather=both[1])


def test_a_pass_visits_every_row_once_and_permutes_within_the_batch():
    sampler = PairSampler(60, 20, [torch.Generator().manual_seed(0)])
    rows, partners = zip(*sampler.one_pass(), strict=True)
    assert sorted(torch.cat(rows, 1)[0].tolist()) == list(range(60))
    for a, b in zip(rows, partners, strict=True):
        assert sorted(a[0].tolist()) == sorted(b[0].tolist())


def test_a_random_permutation_has_one_fixed_point_on_average_and_a_derangement_none():
    def fixed(derange):
        sampler = PairSampler(4000, 40, [torch.Generator().manual_seed(3)], derange)
        return [int((a == b).sum()) for a, b in itertools.chain(*(sampler.one_pass() for _ in range(5)))]

    counts = torch.tensor(fixed(False), dtype=torch.float64)  # 500 batches; mean 1, variance 1
    assert counts.mean() == pytest.approx(1, abs=4 / len(counts) ** 0.5)
    assert not any(fixed(True))


def test_batch_that_does_not_fit():
    with pytest.raises(ValueError, match="batch of 70 does not fit 60 rows"):
        PairSampler(60, 70, [torch.Generator()])


def test_take_rows_is_indexing_and_its_gradient():
    values = torch.randn(2, 7, 3, requires_grad=True)
    rows = torch.tensor([[0, 6, 6], [1, 2, 3]])
    out = take_rows(values, rows)
    assert torch.equal(out, torch.stack([values[k, rows[k]] for k in range(2)]))
    out.sum().backward()
    assert values.grad[0, 6].tolist() == [2, 2, 2]


def test_bounds_reach_the_encoder_and_leave_the_critic():
    fit = fit_of((1,), passes=1)
    before = [p.clone() for p in fit.critic.parameters()]
    y = fit.y.clone().requires_grad_()
    total = sum(fit.bounds(fit.x, y, 4, [generator("bounds")]))
    total.sum().backward()
    assert y.grad.abs().sum() > 0
    assert all(torch.equal(a, b) for a, b in zip(before, fit.critic.parameters(), strict=True))


class TestCheckpoint:
    def test_round_trip_with_notes(self, tmp_path):
        path = tmp_path / "a" / "c.safetensors"
        save_tensors(path, {"x": torch.arange(6).reshape(2, 3).T}, {"epoch": 3})
        tensors, notes = load_tensors(path)
        assert torch.equal(tensors["x"], torch.arange(6).reshape(2, 3).T)
        assert notes == {"epoch": 3}
        assert [p.name for p in path.parent.iterdir()] == ["c.safetensors"]
        content = path.read_bytes()
        for _ in range(20):
            save_tensors(path, tensors, notes)
            assert path.read_bytes() == content

    @pytest.mark.parametrize("content", [b"", b"junk" * 10, b"\x80\x04cos\nsystem\n."])
    def test_a_file_that_is_none_is_named_and_never_executed(self, tmp_path, content):
        path = tmp_path / "c.safetensors"
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"c\.safetensors: not a readable tensor file"):
            load_tensors(path)

    @pytest.mark.parametrize("place", [-300, -1, "notes"])
    def test_a_changed_byte_is_noticed(self, tmp_path, place):
        path = tmp_path / "c.safetensors"
        save_tensors(path, {"x": torch.arange(100.0), "none": torch.empty(0, 3), "one": torch.tensor(True)}, {"n": 7})
        assert load_tensors(path)[0]["none"].shape == (0, 3)
        content = bytearray(path.read_bytes())
        content[content.index(b"7}") if place == "notes" else place] ^= 1
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"c\.safetensors: not a readable tensor file .*delete it and run again"):
            load_tensors(path)

    @pytest.mark.parametrize("notes", [None, '{"epoch": 3}', "[]", '{"notes": 5}', "{", "[" * 100_000])
    def test_a_file_without_a_digest_is_of_other_code(self, tmp_path, notes):
        path = tmp_path / "c.safetensors"
        save_file({"x": torch.ones(3)}, path, metadata=notes and {"notes": notes})
        with pytest.raises(OSError, match="not a readable tensor file"):
            load_tensors(path)

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="run the experiment"):
            load_tensors(tmp_path / "none")

    def test_offer_waits_for_its_interval(self, tmp_path):
        checkpoint = Checkpoint(tmp_path / "c", interval=1000)
        checkpoint.offer(lambda: ({}, {}))
        assert checkpoint.resume() is None
        Checkpoint(tmp_path / "c", interval=0).offer(lambda: ({"a": torch.ones(1)}, {"k": 1}))
        assert checkpoint.resume()[1] == {"k": 1}


def test_fits_of_a_stage_resume_in_mid_run(tmp_path):
    def progress():
        return Progress("test", 1, stream=io.StringIO())

    def own():
        return {"net": torch.ones(2)}, {"epoch": 4}

    first = ResumableFits(Checkpoint(tmp_path / "c", interval=0), own, progress())
    first.train("privacy", fit_of((1, 2)), 3)
    first.train("utility", fit_of((3, 4)), 2)

    second = ResumableFits(Checkpoint(tmp_path / "c", interval=1e9), own, progress())
    tensors, notes = second.resume()
    assert tensors["net"].tolist() == [1, 1]
    assert notes == {"epoch": 4}
    assert torch.equal(second.train("privacy", fit_of((1, 2)), 3).values, fit_of((1, 2), passes=3).values)
    assert torch.equal(second.train("utility", fit_of((3, 4)), 5).values, fit_of((3, 4), passes=5).values)
    assert ResumableFits(Checkpoint(tmp_path / "none"), own, progress()).resume() is None


def test_seeds_are_derived_from_what_they_are_for():
    assert derive("a", 1, "init") == derive("a", 1, "init")
    found = {derive("a", seed, role) for seed in range(50) for role in ("init", "data")}
    assert len(found) == 100
    assert derive("ab", "c") != derive("a", "bc"), "parts do not run together"
    assert all(0 <= seed < 2**63 for seed in found)


def test_precision_is_what_was_asked_for():
    assert prepare("cpu", "fp32").dtype == "fp32"
    assert prepare("cpu", "bf16").dtype == "bf16"
    wanted = "bf16" if has_matrix_units(torch.device("cpu")) else "fp32"
    assert prepare("cpu", "auto").dtype == wanted


def test_fp32_products_stay_fp32_whoever_takes_them() -> None:
    prepare("cpu", "fp32")
    draw = torch.Generator().manual_seed(0)
    for left, right in (((7, 30, 40), (7, 40, 20)), ((300, 200), (200, 100)), ((3, 100, 100), (3, 100, 2))):
        a, b = torch.randn(left, generator=draw), torch.randn(right, generator=draw)
        exact = a.double() @ b.double()
        assert ((a @ b) - exact).abs().max() < 3e-6 * exact.abs().max()


def test_products_go_back_to_mkl_where_leave_for_bf16_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    monkeypatch.setattr(machines, "has_matrix_units", lambda device: False)
    monkeypatch.setattr(machines, "_mkl_holds_back", lambda: True)
    try:
        monkeypatch.setattr(machines, "_products_are_exact", lambda: False)
        prepare("cpu", "fp32")
        assert torch.backends.mkldnn.matmul.fp32_precision == "none"
        monkeypatch.setattr(machines, "_products_are_exact", lambda: True)
        prepare("cpu", "fp32")
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with CUDA grants it")
def test_cuda_where_there_is_none_is_one_line():
    with pytest.raises(OSError, match="no CUDA device; use device=cpu"):
        prepare("cuda")


def test_progress_says_share_and_time_left(monkeypatch):
    now = itertools.count(0, 40.0)
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = io.StringIO()
    progress = Progress("fit", 100, stream=stream)
    progress.resume_at(20)
    progress.advance(20)
    progress.close()
    assert stream.getvalue() == "fit:  40.0% done, 40s spent, 2m00s left\n"


def test_progress_of_nothing_is_all_done():
    said = io.StringIO()
    progress = Progress("x", 0, said)
    progress._said -= 31
    progress.advance(1)
    assert said.getvalue().startswith("x: 100.0% done")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.4, "59s"), (185, "3m05s"), (7620, "2h07m"), (float("nan"), "?")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
