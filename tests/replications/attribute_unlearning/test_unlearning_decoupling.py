"""Decoupled training: the same weights whichever way the parts run, gradients as routed, bytes counted by hand."""

import copy
import math
import threading

import pytest
import torch
from torch import nn

from common.losses.supcon import supcon
from common.results import Cell, read, record_path
from common.training.machine import Machine
from common.training.progress import Progress
from common.training.routing import send
from common.workflow.fingerprint import fingerprint
from common.workflow.job import JobConfig
from replications.attribute_unlearning import decoupling, method, networks, parallel
from replications.attribute_unlearning.decoupling import Handed, Parts, end_to_end, in_turns, side_by_side
from replications.attribute_unlearning.held import Ledger, counting, kept

CPU = Machine(torch.device("cpu"), None)
LAMBDAS = method.Lambdas(5.0, 1.0, 0.7)
TINY = {
    "depth": 18,
    "side": 8,
    "stem": "cifar",
    "stage": "stage2",
    "lambda1": 5.0,
    "lambda2": 1.0,
    "lambda3": 1.0,
    "images": 20,
    "batch": 4,
    "steps": 2,
    "rounds": 1,
    "warm_up": 1,
}


def small(dtype=torch.float32):
    """A split network of every kind of layer, a few thousand parameters in all."""
    torch.manual_seed(0)
    nets = nn.ModuleDict(
        {
            "extractor": nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
            "decoder": networks.Decoder(6, 8),
            "task_head": networks.Head(6),
            "attribute_head": networks.Head(6),
            "classifier": nn.Sequential(
                nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
            ),
        }
    )
    return nets.to(dtype).train()


def batches(count, dtype=torch.float32, size=12):
    random = torch.Generator().manual_seed(1)
    return [
        (
            torch.rand(size, 3, 8, 8, generator=random, dtype=dtype),
            torch.randint(0, 2, (size,), generator=random),
            torch.randint(0, 3, (size,), generator=random),
        )
        for _ in range(count)
    ]


def state(parts):
    """Everything that training changes: weights, running statistics, momenta."""
    momenta = [s["momentum_buffer"] for o in (parts.lower_optimiser, parts.upper_optimiser) for s in o.state.values()]
    return [*parts.nets.state_dict().values(), *momenta]


def trained(way, count=5):
    parts = Parts(small(), LAMBDAS, CPU)
    way(parts, batches(count))
    return parts


@pytest.fixture
def one_thread():
    """Sums over several threads depend on how many there are: to the bit means one each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TestWays:
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_side_by_side_is_in_turns_to_the_bit(self, count, one_thread):
        turns, side = state(trained(in_turns, count)), state(trained(side_by_side, count))
        assert len(turns) == len(side) > 40
        assert all(torch.equal(a, b) for a, b in zip(turns, side, strict=True))
        assert not torch.equal(turns[0], small().state_dict()["extractor.0.weight"]), "it did train"

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: two streams")
    def test_two_streams_train_as_one_does(self):
        cuda = Machine(torch.device("cuda"), None)
        found = []
        for way in (in_turns, side_by_side):
            parts = Parts(small().cuda(), LAMBDAS, cuda)
            way(parts, [tuple(t.cuda() for t in batch) for batch in batches(20)])
            torch.cuda.synchronize()
            found.append([value.float().cpu() for value in state(parts)])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)  # sums on a GPU may change their order

    def test_end_to_end_is_another_training(self):
        turns, raw = trained(in_turns).nets.state_dict(), trained(end_to_end).nets.state_dict()
        assert not torch.allclose(turns["extractor.0.weight"], raw["extractor.0.weight"], atol=1e-5)

    def test_each_step_moves_its_own_part(self):
        parts = Parts(small(), LAMBDAS, CPU)
        (batch,) = batches(1)
        start = copy.deepcopy(parts.nets.state_dict())
        handed = parts.lower(batch)
        assert not handed.h.requires_grad
        middle = copy.deepcopy(parts.nets.state_dict())
        parts.upper(handed)
        end = parts.nets.state_dict()
        for name in start:
            above = name.startswith("classifier")
            assert torch.equal(start[name], middle[name]) == above, name
            assert torch.equal(middle[name], end[name]) != above, name
        assert all(p.grad is None for p in parts.nets.parameters())

    def test_no_batches_no_training(self):
        parts, fresh = trained(side_by_side, 0), list(small().state_dict().values())
        left = state(parts)
        assert len(left) == len(fresh) > 20, "and no momentum"
        assert all(torch.equal(a, b) for a, b in zip(left, fresh, strict=True))

    def test_the_parts_do_run_at_once(self):
        """Each part of the second step waits for the other to be under way; one after the other they never would be."""
        meeting = threading.Barrier(2)
        seen = []

        class Meeting(Parts):
            def __init__(self):
                self.nets, self.machine = small(), CPU

            def lower(self, batch):
                if batch > 0:
                    meeting.wait(60)
                return Handed(batch, batch)

            def upper(self, handed):
                seen.append(handed.h)
                if handed.h < 3:
                    meeting.wait(60)

        side_by_side(Meeting(), range(4))
        assert seen == [0, 1, 2, 3], "in order, and the last one too"

    @pytest.mark.parametrize("part", ["lower", "upper"])
    def test_an_error_in_either_part_is_raised(self, part, monkeypatch):
        def fail(*_):
            raise RuntimeError("out of memory, say")

        parts, before = Parts(small(), LAMBDAS, CPU), torch.get_num_threads()
        monkeypatch.setattr(parts, part, fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            side_by_side(parts, batches(3))
        assert torch.get_num_threads() == before


@pytest.fixture(scope="class")
def taught():
    """Networks whose attribute head reads more than nothing: below that the method spares Phi the term."""
    (batch,) = batches(1, torch.float64)
    parts = Parts(small(torch.float64), method.Lambdas(5.0, 1.0, 0.0), CPU)
    for _ in range(20):
        parts.upper(parts.lower(batch))
    nets = parts.nets
    with torch.no_grad():
        seen = supcon(nets["attribute_head"](nets["extractor"](batch[0])), batch[2], method.TEMPERATURE)
    assert float(seen) < math.log(11)
    return nets, batch


class TestGradients:
    """One backward pass gives every part what the method's routes send it."""

    @staticmethod
    def routed(nets, batch, end_to_end):
        h = nets["extractor"](batch[0])
        routes = method.detachment(nets, h, *batch, LAMBDAS)
        routes.append(method.task(nets["classifier"], h, batch[1], end_to_end))
        send(routes, {name: list(net.parameters()) for name, net in nets.items()})
        return [p.grad for p in nets.parameters()]

    @staticmethod
    def same(ours, wanted):
        assert len(ours) == len(wanted)
        assert any(float(g.abs().max()) > 1e-3 for g in wanted)
        for a, b in zip(ours, wanted, strict=True):  # the task's loss is taken in fp32
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)

    def test_decoupled(self, taught):
        nets, batch = copy.deepcopy(taught[0]), taught[1]
        h = nets["extractor"](batch[0])
        decoupling.detachment_loss(nets, h, batch, LAMBDAS).backward()
        nn.functional.cross_entropy(nets["classifier"](h.detach()), batch[1]).backward()
        self.same([p.grad for p in nets.parameters()], self.routed(copy.deepcopy(taught[0]), batch, end_to_end=False))

    def test_end_to_end(self, taught, monkeypatch):
        parts = Parts(copy.deepcopy(taught[0]), LAMBDAS, CPU)
        monkeypatch.setattr(decoupling, "_apply", lambda optimiser: None)
        parts.raw(taught[1])
        ours = [p.grad for p in parts.nets.parameters()]
        self.same(ours, self.routed(copy.deepcopy(taught[0]), taught[1], end_to_end=True))


class TestHeld:
    def test_bytes_by_hand(self):
        net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 4))
        x = torch.rand(5, 10)
        with counting(Ledger(net)) as ledger:
            out = net(x)
            # the input for the first layer's weights, and ReLU's result, which the second layer holds as well
            assert ledger.now == 4 * (5 * 10 + 5 * 20)
            out.sum().backward()
        assert ledger.now == 0
        assert ledger.most == 4 * (5 * 10 + 5 * 20)

    def test_two_graphs_at_once_add_up_and_one_after_the_other_do_not(self):
        net = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        x = [torch.rand(3, 8), torch.rand(3, 8)]
        one = 4 * (3 * 8 + 3 * 8)
        with counting(Ledger(net)) as together:
            (net(x[0]).sum() + net(x[1]).sum()).backward()
        with counting(Ledger(net)) as apart:
            net(x[0]).sum().backward()
            net(x[1]).sum().backward()
        assert (together.most, apart.most) == (2 * one, one)

    def test_state_of_training(self):
        net = nn.BatchNorm1d(6)  # two parameters, two running statistics of 6 floats and a count of 8 bytes
        assert kept(net) == 3 * 2 * 6 * 4 + 2 * 6 * 4 + 8

    def test_threads_share_a_ledger(self):
        """Two threads hold a graph each until both do: the most is the sum."""
        net, meeting = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), threading.Barrier(2)
        ledger = Ledger(net)

        def work(x):
            with counting(ledger):
                out = net(x)
                meeting.wait(60)
                out.sum().backward()

        threads = [threading.Thread(target=work, args=(torch.rand(3, 8),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (ledger.now, ledger.most) == (0, 2 * 4 * (3 * 8 + 3 * 8))

    def test_each_way_of_training(self, monkeypatch):
        monkeypatch.setattr(parallel, "make_parts", lambda *_: Parts(small(), LAMBDAS, CPU))
        found = parallel.counted_memory(TINY, 0, CPU)
        assert found["sequential"] < found["raw"]
        parts, batch = parallel.Counted(Parts(small(), LAMBDAS, CPU)), parallel.make_batch(TINY, 0, CPU)
        handed = parts.lower(batch)
        lower = parts.ledger.most
        assert parts.ledger.now == 0
        alone = parallel.Counted(Parts(small(), LAMBDAS, CPU))
        alone.upper(Handed(handed.h, handed.y))
        upper = alone.ledger.most
        state_of_training = kept(parts.nets)
        assert found["sequential"] == state_of_training + max(lower, upper)
        assert found["sequential"] <= found["decoupled"] <= state_of_training + lower + upper


class TestEpoch:
    @pytest.mark.parametrize(("lower", "upper"), [(2.0, 3.0), (3.0, 2.0), (1.0, 1.0)])
    @pytest.mark.parametrize("steps", [2, 4, 48])
    def test_a_short_round_tells_the_whole_epoch(self, lower, upper, steps):
        def pipeline(n):
            return lower + (n - 1) * max(lower, upper) + upper

        found = parallel.side_by_side_epoch(pipeline(1), pipeline(steps), steps, 781)
        assert found == pytest.approx(pipeline(781))
        per_round = pipeline(steps) / steps * 781
        assert per_round > found, "what multiplying the round would say"

    def test_noise_cannot_make_a_pipeline_faster_than_half_of_both(self):
        assert parallel.side_by_side_epoch(2.0, 1.9, 2, 11) == 2.0 + 10 * 1.0

    def test_rounds_are_clocked_as_they_ran(self, monkeypatch):
        """A clock that the parts themselves advance: every way's epoch is what its steps add up to."""
        now = [0.0]

        class Stepping(Parts):
            def raw(self, batch):
                now[0] += 5.0

            def lower(self, batch):
                now[0] += 2.0
                return Handed(batch[0], batch[1])

            def upper(self, handed):
                now[0] += 3.0

        monkeypatch.setattr(parallel, "make_parts", lambda *_: Stepping(small(), LAMBDAS, CPU))
        monkeypatch.setattr(parallel.time, "perf_counter", lambda: now[0])
        setting = TINY | {"images": 40, "batch": 4, "steps": 4, "rounds": 3}
        found = parallel.latencies(setting, 0, CPU, Progress("clock", 100))
        assert found["raw"] == 10 * 5.0
        assert found["sequential"] == 10 * (2.0 + 3.0)
        assert found["decoupled"] == 10 * 5.0, "this clock counts both parts' seconds: nothing is gained on it"
        assert (found["lower"], found["upper"]) == (10 * 2.0, 10 * 3.0)


def timing(params):
    cell = Cell(paper="attribute_unlearning", experiment="parallel", variant="r18", scale="quick")
    return JobConfig(
        cell=cell,
        module="replications.attribute_unlearning.parallel",
        code=fingerprint("replications.attribute_unlearning.parallel", parallel.ROOT),
        seeds=1,
        dataset="random-pixels",
        needs=(),
        params=params,
        device="cpu",
        precision="fp32",
        data="auto",
        data_mirrors=(),
    )


class TestRecord:
    def test_a_run_leaves_its_record(self, tmp_path, monkeypatch):
        monkeypatch.setattr(parallel, "make_parts", lambda *_: Parts(small(), LAMBDAS, CPU))
        config = timing(TINY)
        cell = config.cell
        file = tmp_path / "config.json"
        file.write_text(config.model_dump_json(), encoding="utf-8")
        assert parallel.main([str(file), "--results", str(tmp_path)]) == 0
        found = read(record_path(tmp_path, cell, 0))
        m = found.metrics
        assert m["ratio"] == m["seconds_raw"] / m["seconds_decoupled"]
        assert m["memory_saving"] == pytest.approx(1 - m["memory_decoupled_mb"] / m["memory_raw_mb"])
        assert m["memory_raw_mb"] == m["counted_raw_mb"], "no allocator to ask on a CPU"
        assert m["cuda_streams"] == 0
        assert m["cpu_threads"] == torch.get_num_threads()
        assert found.dataset.name == "random-pixels"
        assert found.dataset.kind == "generated"

    def test_a_round_of_one_step_is_refused(self, tmp_path, capsys):
        config = timing(TINY | {"steps": 1})
        file = tmp_path / "config.json"
        file.write_text(config.model_dump_json(), encoding="utf-8")
        assert parallel.main([str(file), "--results", str(tmp_path)]) == 1
        assert "parallel: steps: 1; valid: a whole number, 2 or more (nothing runs" in capsys.readouterr().err
        assert not record_path(tmp_path, config.cell, 0).exists()

    def test_the_load_before_is_not_this_job_s_own(self, tmp_path, monkeypatch):
        loads = iter([0.25, 2.0, 2.0])
        monkeypatch.setattr(parallel.os, "getloadavg", lambda: (next(loads), 9.0, 9.0))
        monkeypatch.setattr(parallel, "make_parts", lambda *_: Parts(small(), LAMBDAS, CPU))
        config = timing(TINY).model_copy(update={"seeds": 2})
        file = tmp_path / "config.json"
        file.write_text(config.model_dump_json(), encoding="utf-8")
        assert parallel.main([str(file), "--results", str(tmp_path)]) == 0
        assert [read(record_path(tmp_path, config.cell, s)).metrics["load_before"] for s in (0, 1)] == [0.25, 0.25]
