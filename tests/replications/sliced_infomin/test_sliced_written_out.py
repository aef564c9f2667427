"""What is arranged for speed computes what the plain form computes: values and slopes, then whole training steps."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from common.losses.sliced import Slices, random_directions, slice_features, solve_canonical
from common.training.seeding import generator
from common.workflow.config import load_yaml
from common.workflow.job import Job
from common.workflow.resolve import resolve
from replications.sliced_infomin import fairness, method, rivals, stack
from replications.sliced_infomin.climb import activate
from replications.sliced_infomin.cubic import centred_features, ridge_solve, scores
from replications.sliced_infomin.fair_nets import MemberAdam
from replications.sliced_infomin.fair_tables import Rows
from replications.sliced_infomin.rivals import NeuralRenyi, NeuralTC, VariationalCLUB
from replications.sliced_infomin.stack import Stack, affine, slope_02, take_rows
from tests import plain_forms


def draws(n):
    return [generator("sliced-written-out", k) for k in range(n)]


def normal(*shape, key=0):
    return torch.randn(*shape, generator=generator("sliced-written-out", "data", key), dtype=torch.float64)


def layer_by_layer(net, x):
    for layer, activation in zip(net.layers, net.activations, strict=True):
        x = layer(x) if activation is None else activation(layer(x))
    return x


def plain_cross_entropy(tc, z, t, generators):
    """Return TC's value with both sides permuted and all pairs passed through the classifier."""
    rows = z.shape[1]
    orders = [torch.stack([torch.randperm(rows, generator=g) for g in generators]) for _ in range(2)]
    mixed = [v.gather(1, order[..., None].expand(v.shape)) for v, order in zip((z, t), orders, strict=True)]
    logits = layer_by_layer(tc.d, torch.cat([torch.cat([z, t], -1), torch.cat(mixed, -1)], 1))
    labels = torch.arange(2).repeat_interleave(rows).expand(len(z), -1)
    return -cross_entropy(logits.mT, labels, reduction="none").mean(1)


class TestStack:
    @pytest.mark.parametrize("rows", [2, 60])
    @pytest.mark.parametrize("sizes", [(7, 20, 20, 8), (1, 6, 1), (5, 9, 9, 1)])
    def test_value_and_slopes_are_those_of_its_layers_in_turn(self, rows, sizes):
        activations = (None, slope_02, torch.sin)[-len(sizes) + 1 :]
        net = Stack(sizes, activations, draws(3)).double()
        x = normal(3, rows, sizes[0]).requires_grad_()
        wanted, found = layer_by_layer(net, x), net(x)
        torch.testing.assert_close(found, wanted)
        weights = normal(*found.shape, key=1)
        for one, other in zip(
            *(torch.autograd.grad((v * weights).sum(), [x, *net.parameters()]) for v in (found, wanted)), strict=True
        ):
            torch.testing.assert_close(one, other)

    @pytest.mark.parametrize("shape", [(1, 4), (4, 1), (1, 1), (3, 5)])
    @pytest.mark.parametrize("members", [1, 3])
    def test_an_affine_map_adds_one_row_or_one_of_each(self, members, shape):
        x, weight = normal(members, 6, shape[0]), normal(members, *shape, key=1)
        for rows in (1, 6):
            bias = normal(members, rows, shape[1], key=2)
            torch.testing.assert_close(affine(x, weight, bias), torch.baddbmm(bias, x, weight))

    def test_each_member_has_its_own_rows(self):
        values, rows = normal(2, 5, 3), torch.tensor([[4, 0], [1, 1]])
        assert torch.equal(take_rows(values, rows), torch.stack([values[k][rows[k]] for k in range(2)]))


class TestTotalCorrelation:
    @pytest.mark.parametrize("d_t", [1, 3])
    def test_value_and_slopes_are_those_of_all_pairs(self, d_t):
        tc = NeuralTC(4, d_t, 1, draws(2), hidden=9).double()
        z, t = normal(2, 30, 4).requires_grad_(), normal(2, 30, d_t, key=1)
        wanted, found = plain_cross_entropy(tc, z, t, draws(2)), tc(z, t, draws(2))
        torch.testing.assert_close(found, wanted)
        slopes = [torch.autograd.grad(v.sum(), [z, *tc.parameters()]) for v in (found, wanted)]
        for one, other in zip(*slopes, strict=True):
            torch.testing.assert_close(one, other)


class TestClimb:
    @pytest.mark.parametrize("d_t", [1, 3])
    @pytest.mark.parametrize("kind", [NeuralRenyi, NeuralTC, VariationalCLUB])
    @pytest.mark.parametrize("members", [1, 3])
    def test_gradients_are_those_of_the_objective(self, kind, d_t, members):
        infomin = kind(4, d_t, 1, draws(members), hidden=10).double()
        z, t = normal(members, 30, 4), normal(members, 30, d_t, key=1)
        parameters = list(infomin.parameters())
        wanted = torch.autograd.grad(infomin.climbed(z, t, draws(members)).sum(), parameters)
        with torch.no_grad():
            infomin.set_gradient(z, t, draws(members))
        assert any(float(slope.abs().max()) > 1e-3 for slope in wanted)
        for p, slope in zip(parameters, wanted, strict=True):
            torch.testing.assert_close(p.grad, slope, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("kind", [NeuralRenyi, NeuralTC, VariationalCLUB])
    def test_the_max_step_is_adams_by_the_graph(self, kind):
        written, plain = (kind(4, 1, 5, draws(2), hidden=10, lr=0.01).double() for _ in range(2))
        z, t = normal(2, 30, 4), normal(2, 30, 1, key=1)
        written.max_step(z, t, draws(2))
        adam, generators = torch.optim.Adam(plain.parameters(), lr=0.01), draws(2)
        for _ in range(5):
            adam.zero_grad()
            (-plain.climbed(z, t, generators).sum()).backward()
            adam.step()
        for p, q in zip(written.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-8)
            assert p.grad is None

    def test_an_activation_without_a_written_slope_is_refused(self):
        with pytest.raises(ValueError, match="not written out"):
            activate(normal(1, 2, 3), torch.sin)


class TestCubic:
    def test_scores_are_those_of_the_features_and_so_are_their_slopes(self):
        x, theta, w = normal(2, 40, 5), normal(2, 5, 7, key=1), normal(2, 21, key=2)
        x[1, :, 3] = 2.5  # a constant column carries nothing and gets no slope
        x.requires_grad_()
        wanted = torch.stack([slice_features(x[k], theta[k]) @ w[k] for k in range(2)])
        found = scores(x, theta, w)
        torch.testing.assert_close(found, wanted)
        weights = normal(2, 40, key=3)
        (one,), (other,) = (torch.autograd.grad((v * weights).sum(), x) for v in (found, wanted))
        other = other.nan_to_num()  # the plain form's root has no slope at nought
        torch.testing.assert_close(one, other)
        assert (one[1, :, 3] == 0).all()

    @pytest.mark.parametrize("rows", [40, 300])
    def test_the_refined_solution_is_the_solution(self, rows):
        # 80 codes on a line, 60 slices: the covariance is singular but for the ridge
        z = normal(2, rows, 1) * normal(1, 1, 8, key=1) + 1e-3 * normal(2, rows, 8, key=2)
        f = centred_features(z, normal(2, 8, 20, key=3))
        target, ridge = normal(2, 60, 3, key=4), rows * method.RIDGE
        wanted = torch.linalg.solve(f.mT @ f + ridge * torch.eye(60).double(), target)
        torch.testing.assert_close(
            ridge_solve(f, target, ridge), wanted, rtol=1e-8, atol=1e-8 * float(wanted.abs().max())
        )

    def test_fp32_codes_have_the_slope_of_fp64_codes(self):
        z, t = normal(2, 300, 8).sin(), normal(2, 300, 1, key=1)
        solution = method.solve_scalar(z, t, 40, draws(2))
        slopes = []
        for dtype in (torch.float32, torch.float64):
            codes = z.to(dtype).requires_grad_()
            (slope,) = torch.autograd.grad(solution.correlation(codes, t.to(dtype)).sum(), codes)
            slopes.append(slope.double())
        assert float((slopes[0] - slopes[1]).norm() / slopes[1].norm()) < 1e-4


def test_each_members_adam_is_one_of_its_own_at_its_rate():
    scale = torch.tensor([1.0, 0.1])
    stacked = torch.nn.Parameter(normal(2, 3, 4).float())
    alone = [torch.nn.Parameter(stacked[k].detach().clone()) for k in range(2)]
    adam = MemberAdam([stacked], lr=0.01, scale=scale)
    others = [torch.optim.Adam([p], lr=0.01 * float(s)) for p, s in zip(alone, scale, strict=True)]
    for step in range(5):
        slopes = normal(2, 3, 4, key=step).float()
        stacked.grad = slopes.clone()
        adam.step()
        for k, other in enumerate(others):
            alone[k].grad = slopes[k].clone()
            other.step()
    torch.testing.assert_close(stacked.detach(), torch.stack([p.detach() for p in alone]), rtol=1e-5, atol=1e-6)


class PlainSlices(method.SlicedInfomin):
    """One member after another by the common core's canonical pair, all S slices of T formed, in fp64."""

    def max_step(self, z, t, generators):
        fit = int(self.fit_share * z.shape[1])
        self.solution = [self.fitted_to(*pair) for pair in zip(z[:, :fit], t[:, :fit], generators, strict=True)]

    def fitted_to(self, z, t, draw):
        directions = (
            random_directions(self.slices, z.shape[1], draw, torch.float64),
            torch.ones(1, self.slices).double(),
        )
        features = [slice_features(v.double(), d) for v, d in zip((z, t), directions, strict=True)]
        return Slices(*directions, solve_canonical(*features, method.RIDGE), 3)


def test_a_part_of_the_rows_lies_in_one_piece():
    """Else each batch drawn from it copies the whole table first: a quarter of a step's time."""
    rows = Rows(normal(2, 10, 3), normal(2, 10, 1), normal(2, 10, 1))
    for name, part in rows.part(2, 7).tensors().items():
        assert part.is_contiguous(), name
        assert torch.equal(part, rows.tensors()[name][:, 2:7])


@pytest.fixture(scope="module")
def plan(root):
    settings = load_yaml(root / "config/default.yaml")
    small = "epochs=1 train_rows=400 test_rows=50 epoch_rows=200 batch=80 slices=20"
    pairs = [f"sliced_infomin.{name}.{pair}" for name in ("census", "adult") for pair in small.split()]
    given = {"scale": "paper", "papers": "sliced_infomin", "data": "standin", "device": "cpu", "set": ",".join(pairs)}
    return resolve(root, {**settings, **given})


def trained(plan, tmp_path, cell):
    """Train the cell's stack for an epoch in fp64, where rounding is far below what a step does."""
    job = Job(plan.job("sliced_infomin", cell), tmp_path, tmp_path, plan.root)
    task = fairness.Fairness(job, [0, 1])
    task.net.double()
    task.fit, task.val = (Rows(*(v.double() for v in rows.tensors().values())) for rows in (task.fit, task.val))
    start = {name: p.detach().clone() for name, p in task.net.named_parameters()}
    return task, start, task.trainer().run().history


@pytest.mark.parametrize(
    "cell", ["census/none", "census/dcorr", "census/slice", "census/renyi_2", "adult/tc", "adult/vclub", "adult/slice"]
)
def test_training_takes_the_steps_of_the_plain_forms(plan, tmp_path, monkeypatch, cell):
    task, start, history = trained(plan, tmp_path, cell)
    monkeypatch.setattr(stack.Stack, "forward", layer_by_layer)
    monkeypatch.setattr(NeuralTC, "forward", plain_cross_entropy)
    monkeypatch.setattr(rivals, "distance_correlation", plain_forms.distance_correlation)
    monkeypatch.setattr(rivals, "SlicedInfomin", PlainSlices)
    plain, _, wanted = trained(plan, tmp_path, cell)
    for name in ("loss", "val_utility", "val_penalty"):
        assert history[name][0] == pytest.approx(wanted[name][0], abs=1e-6), name
    found = dict(task.net.named_parameters())
    for name, p in plain.net.named_parameters():
        torch.testing.assert_close(found[name], p, rtol=0, atol=1e-6)
    moved = found["encoder.layers.0.weight"].detach() - start["encoder.layers.0.weight"]
    assert float(moved.abs().max()) > 1e-3
