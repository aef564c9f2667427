"""IRENE's proxy and Algorithm 1 against what can be known without training (sheet, section 4)."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from common.training.routing import reached, send
from replications.irene.method import irene, mutual_information

CERTAIN = 60.0


def certain(classes, count):
    return CERTAIN * one_hot(classes, count).double()


def reference(logits, labels, classes):
    """Plug-in information in fp64 numpy, written from eq. (2) by cell."""
    scores = np.exp(logits - logits.max(1, keepdims=True))
    soft = scores / scores.sum(1, keepdims=True)
    joint = np.zeros((classes, classes))
    for row, label in zip(soft, labels, strict=True):
        joint[label] += row / len(labels)
    total = 0.0
    for i in range(classes):
        for j in range(classes):
            if joint[i, j] > 0:
                total += joint[i, j] * math.log(joint[i, j] / (joint[i].sum() * joint[:, j].sum()))
    return total


def drawn(n, classes, seed=0, scale=2.0):
    random = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, classes, generator=random, dtype=torch.float64)
    return logits, torch.randint(0, classes, (n,), generator=random)


class TestProxy:
    @pytest.mark.parametrize("classes", [2, 10])
    def test_a_perfect_head_carries_ln_c(self, classes):
        labels = torch.arange(100) % classes
        logits = certain(labels, classes)
        assert float(mutual_information(logits, labels, classes, False)) == pytest.approx(math.log(classes), abs=1e-9)
        assert float(mutual_information(logits, labels, classes)) == pytest.approx(1.0, abs=1e-9)

    def test_an_always_wrong_binary_head_carries_as_much(self):
        labels = torch.arange(100) % 2
        assert float(mutual_information(certain(1 - labels, 2), labels, 2, False)) == pytest.approx(
            math.log(2), abs=1e-9
        )

    def test_any_constant_head_carries_nothing(self):
        labels = torch.arange(100) % 10
        for seed in range(3):
            constant = drawn(1, 10, seed)[0].expand(100, 10)
            assert abs(float(mutual_information(constant, labels, 10))) <= 1e-7

    @pytest.mark.parametrize(("classes", "n", "scale"), [(2, 100, 1.0), (10, 100, 2.0), (10, 37, 20.0), (3, 12, 0.1)])
    def test_equals_the_plug_in_and_stays_within_its_bounds(self, classes, n, scale):
        logits, labels = drawn(n, classes, 1, scale)
        found = float(mutual_information(logits, labels, classes, False))
        assert found == pytest.approx(reference(logits.numpy(), labels.numpy(), classes), abs=1e-6)
        shares = [labels.bincount(minlength=classes) / n, torch.softmax(logits, 1).mean(0)]
        entropies = [-float(torch.xlogy(p, p).sum()) for p in shares]
        assert 0 <= found <= min(entropies) + 1e-6
        assert min(entropies) <= math.log(classes) + 1e-6

    def test_fp32_is_close_to_fp64(self):
        logits, labels = drawn(100, 10, 2)
        exact = float(mutual_information(logits, labels, 10))
        assert float(mutual_information(logits.float(), labels, 10)) == pytest.approx(exact, abs=1e-6)

    def test_bf16_is_computed_in_fp32(self):
        logits, labels = drawn(100, 10, 2)
        with torch.autocast("cpu", torch.bfloat16):
            found = mutual_information(logits.bfloat16(), labels, 10)
        assert found.dtype == torch.float32

    def test_order_of_samples_and_names_of_outputs_do_not_matter(self):
        logits, labels = drawn(60, 5, 3)
        found = float(mutual_information(logits, labels, 5))
        rows, columns = torch.randperm(60), torch.randperm(5)
        assert float(mutual_information(logits[rows], labels[rows], 5)) == pytest.approx(found, abs=1e-12)
        assert float(mutual_information(logits[:, columns], labels, 5)) == pytest.approx(found, abs=1e-12)

    def test_a_class_that_is_absent_adds_nothing(self):
        logits, labels = drawn(40, 4, 4)
        labels = labels % 3
        found = float(mutual_information(logits, labels, 4, False))
        assert found == pytest.approx(reference(logits.numpy(), labels.numpy(), 4), abs=1e-9)

    def test_a_batch_of_100_biases_a_certain_independent_head(self):
        """Sheet, trap 8: 0.48 nats at C = 10, 0.0051 at C = 2."""
        for classes, expected, margin in ((10, 0.48, 0.02), (2, 0.0051, 0.002)):
            labels = torch.arange(100) % classes
            found = [
                float(mutual_information(certain(drawn(100, classes, s)[1], classes), labels, classes, False))
                for s in range(200)
            ]
            assert np.mean(found) == pytest.approx(expected, abs=margin)


@pytest.fixture
def model():
    torch.manual_seed(0)
    nets = nn.ModuleDict({"encoder": nn.Linear(6, 4), "target": nn.Linear(4, 3), "private": nn.Linear(4, 5)})
    x, (_, y), (_, v) = torch.randn(20, 6), drawn(20, 3, 5), drawn(20, 5, 6)
    return nets, x, y, v


def gradients(model, **how):
    nets, x, y, v = model
    nets.zero_grad(set_to_none=True)
    z = nets["encoder"](x)
    settings = {"alpha": 0.5, "gamma": 0.5, **how}
    send(irene(z, nets["target"], nets["private"], y, v, classes=5, **settings), parts(nets))
    return {name: [p.grad.clone() for p in net.parameters()] for name, net in nets.items()}


def parts(nets):
    return {name: list(net.parameters()) for name, net in nets.items()}


def same(a, b):
    return all(torch.allclose(x, y, atol=1e-7, rtol=1e-5) for x, y in zip(a, b, strict=True))


class TestAlgorithm1:
    def test_h_gets_the_gradient_of_its_own_loss_alone(self, model):
        nets, x, _, v = model
        found = gradients(model)
        alone = cross_entropy(nets["private"](nets["encoder"](x)), v)
        assert same(found["private"], torch.autograd.grad(alone, nets["private"].parameters()))

    def test_g_does_not_depend_on_gamma(self, model):
        assert same(gradients(model)["target"], gradients(model, gamma=7.0)["target"])

    def test_f_gets_task_and_information_and_nothing_of_h(self, model):
        nets, x, y, v = model
        found = gradients(model)
        z = nets["encoder"](x)
        total = 0.5 * cross_entropy(nets["target"](z), y) + 0.5 * mutual_information(nets["private"](z), v, 5)
        assert same(found["encoder"], torch.autograd.grad(total, nets["encoder"].parameters()))

    def test_the_information_passes_through_h(self, model):
        nets, x, y, v = model
        routes = irene(nets["encoder"](x), nets["target"], nets["private"], y, v, 0.5, 0.5, 5)
        leaked = next(route for route in routes if route.name == "leakage")
        assert reached(leaked.loss, parts(nets)) == {"encoder", "private"}
        assert leaked.to == ("encoder",)

    def test_the_buggy_routing_lets_h_descend_the_information(self, model):
        nets, x, _, v = model
        right, wrong = gradients(model), gradients(model, buggy=True)
        assert same(right["encoder"], wrong["encoder"])
        assert same(right["target"], wrong["target"])
        assert not same(right["private"], wrong["private"])
        z = nets["encoder"](x).detach()
        total = cross_entropy(nets["private"](z), v) + 0.5 * mutual_information(nets["private"](z), v, 5)
        assert same(wrong["private"], torch.autograd.grad(total, nets["private"].parameters()))

    def test_nats_are_ln_c_times_the_codes_unit(self, model):
        nets, x, _, v = model
        logits = nets["private"](nets["encoder"](x)).detach()
        ratio = mutual_information(logits, v, 5, False) / mutual_information(logits, v, 5)
        assert float(ratio) == pytest.approx(math.log(5), rel=1e-5)
