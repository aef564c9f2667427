"""Lemmas 3.1 and 3.2 by enumeration: where the bounds hold, where they do not, and the chains they are counted on."""

import math
from functools import cached_property

import numpy as np
import pytest
from scipy.optimize import linprog

from common.results import Cell, read, record_path
from common.workflow.fingerprint import fingerprint
from common.workflow.job import JobConfig
from replications.attribute_unlearning import lemmas
from replications.attribute_unlearning.lemmas import CLASS, COARSE, SAME, SLACK, Chains, H, S, Y

LN2 = math.log(2)


def chain(feature, p_y=(0.5, 0.5), p_s=(0.25,) * 4):
    """One chain whose h is the function ``feature(s, y)``."""
    channel = np.zeros((1, S, Y, H))
    for s in range(S):
        for y in range(Y):
            channel[0, s, y, feature(s, y)] = 1
    return Chains(np.array([p_y]), np.array([p_s]), channel)


class Once(Chains):
    """Chains that seek their nuisance once."""

    @cached_property
    def best(self):
        return super().with_nuisance()

    def with_nuisance(self):
        return self.best


def told(chains, z):
    """I(h, z): of s^ for "same", and else of a function of the picture."""
    return chains.with_nuisance() if isinstance(z, str) else chains.with_z(z)


def gap(chains, z, beta, gamma, alpha=1.0):
    size = len(chains.p_y)
    a, b, g = (np.broadcast_to(v, size) for v in (alpha, beta, gamma))
    return lemmas.bound(chains, told(chains, z), a, b, g) - lemmas.loss(chains, chains.with_nuisance(), a, g)


@pytest.fixture
def xor():
    """h = s xor y of two fair bits (s also has two values that never come): s tells nothing of h, s^ is h."""
    return chain(lambda s, y: (s + y) % 2, p_s=(0.5, 0.5, 0.0, 0.0))


@pytest.fixture(scope="module")
def chains():
    """Every deterministic h, and channels of every strength, with weights for each."""
    random = np.random.default_rng(0)
    parts = lemmas.enumerated(random), lemmas.drawn(800, random)
    together = Once(*(np.concatenate([getattr(c, n) for c in parts]) for n in ("p_y", "p_s", "p_h")))
    beta = random.uniform(0, 1, len(together.p_y))
    return together, beta, beta * random.uniform(0, 1, len(beta)), beta + random.uniform(0, 1, len(beta))


class TestInformation:
    def test_known_tables(self):
        tables = np.array([[[0.5, 0], [0, 0.5]], [[0.25, 0.25], [0.25, 0.25]], [[0.4, 0.1], [0.1, 0.4]]])
        symmetric = LN2 + 0.8 * math.log(0.8) + 0.2 * math.log(0.2)  # a binary channel that errs one time in five
        np.testing.assert_allclose(lemmas.information(tables), [LN2, 0, symmetric], atol=1e-15)

    def test_of_a_feature_that_is_the_picture(self):
        whole = chain(lambda s, y: 2 * s + y, (0.3, 0.7), (0.1, 0.2, 0.3, 0.4))
        h_y = -0.3 * math.log(0.3) - 0.7 * math.log(0.7)
        h_s = -sum(p * math.log(p) for p in (0.1, 0.2, 0.3, 0.4))
        assert whole.with_x() == pytest.approx(h_y + h_s)
        assert whole.with_y() == pytest.approx(h_y)
        assert whole.entropy_y() == pytest.approx(h_y)
        assert whole.with_z(SAME) == pytest.approx(h_s)
        assert whole.with_z(COARSE) == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7))
        assert whole.with_z(CLASS) == pytest.approx(2 * h_y)

    def test_of_features_that_hold_one_bit(self):
        for feature, y, coarse in (
            (lambda s, y: y, LN2, 0),
            (lambda s, y: s // 2, 0, LN2),
            (lambda s, y: (s // 2) ^ y, 0, 0),  # known only together
        ):
            one = chain(feature)
            assert one.with_x() == pytest.approx(LN2)
            assert one.with_y() == pytest.approx(y, abs=1e-15)
            assert one.with_z(COARSE) == pytest.approx(coarse, abs=1e-15)

    def test_nothing_is_known_of_a_function_beyond_its_argument(self, chains):
        some = chains[0]
        x, s, coarse, klass = some.with_x(), some.with_z(SAME), some.with_z(COARSE), some.with_z(CLASS)
        for more, less in ((x, s), (s, coarse), (klass, coarse), (x, klass), (klass, some.with_y())):
            assert (more - less > -SLACK).all()
        assert (x - s - some.with_y() > -SLACK).all()  # y and s are independent: the step that Lemma 3.1 rests on


class TestChains:
    @pytest.mark.parametrize(("size", "bell"), [(0, 1), (1, 1), (2, 2), (3, 5), (4, 15), (5, 52), (8, 4140)])
    def test_every_partition_once(self, size, bell):
        found = list(lemmas.partitions(size))
        assert len(found) == bell
        assert len({tuple(p) for p in found}) == bell

    def test_tables_are_probabilities_of_independent_y_and_s(self, chains):
        joint = chains[0].joint
        assert (joint >= 0).all()
        np.testing.assert_allclose(joint.sum((1, 2, 3)), 1)
        np.testing.assert_allclose(lemmas.information(joint.sum(3)), 0, atol=1e-14)

    def test_s_is_the_maximal_nuisance_among_the_functions_of_x(self):
        """The second reading, sought among all 4,140 functions of x: of those that tell nothing of y none beats s."""
        random = np.random.default_rng(1)
        p_y, p_s = random.dirichlet(np.ones(Y)), random.dirichlet(np.ones(S))
        channel = random.dirichlet(0.3 * np.ones(H), (1, S, Y))
        one = Chains(p_y[None], p_s[None], channel)
        best, nuisances = 0.0, 0
        for groups in lemmas.partitions(S * Y):
            codes = np.array(groups).reshape(S, Y)
            member = (codes[..., None] == np.arange(H)).astype(float)  # p(s' | s, y)
            if lemmas.information(np.einsum("s,y,syc->yc", p_s, p_y, member)[None])[0] < 1e-9:
                nuisances += 1
                best = max(best, float(one.with_z(codes)[0]))
        assert nuisances == 15  # the functions of s alone
        assert best == pytest.approx(float(one.with_z(SAME)[0]))


class TestMaximalNuisance:
    """s^ of eq. (2): it tells nothing of y, depends on h through x alone, and no such variable is told more of."""

    def test_of_xor_it_is_the_feature(self, xor):
        assert xor.with_nuisance() == pytest.approx(LN2)
        assert xor.with_z(SAME) == pytest.approx(0, abs=1e-15)
        value = xor.nuisance()[0].sum((1, 2)) > 0
        assert value.sum() == 2
        assert value.reshape(S, S)[[0, 1], [1, 0]].all()  # (0 if y = 0, 1 if y = 1), and the other way round

    @pytest.mark.parametrize(
        ("feature", "known"),
        [
            (lambda s, y: y, 0.0),
            (lambda s, y: 0, 0.0),
            (lambda s, y: s, 2 * LN2),
            (lambda s, y: s // 2, LN2),
            (lambda s, y: 2 * s + y, 2 * LN2),  # the picture: of its three bits one is y
        ],
    )
    def test_where_a_function_of_s_is_already_maximal(self, feature, known):
        one = chain(feature)
        assert one.with_nuisance() == pytest.approx(known, abs=1e-15)
        assert one.with_z(SAME) == pytest.approx(known, abs=1e-15)

    def test_needs_noise_where_the_values_of_the_feature_differ_in_weight(self):
        """h is s, or 3 - s for the other y, with weights 1 to 4: a mass of 0.4 finds no like. I = H(h) - 0.4 ln 2."""
        one = chain(lambda s, y: s if y else 3 - s, p_s=(0.1, 0.2, 0.3, 0.4))
        assert one.with_nuisance() == pytest.approx(2 * LN2 - 0.4 * LN2)
        given_x = one.nuisance()[0].reshape(S * S, S * Y)
        assert ((given_x > 0).sum(0) > 1).any(), "a picture of two values of s^: no function of x"

    def test_of_every_deterministic_feature_in_closed_form(self):
        """H(h | s^) is H(y) where the two pictures of s^ differ in h: I = H(h) - H(y) TV(p(h | y=0), p(h | y=1))."""
        some = lemmas.enumerated(np.random.default_rng(3))
        given_y = (some.joint.sum(1) / some.p_y[:, :, None]).transpose(1, 0, 2)
        distance = np.abs(given_y[0] - given_y[1]).sum(1) / 2
        expected = lemmas.entropy(some.joint.sum((1, 2))) - some.entropy_y() * distance
        np.testing.assert_allclose(some.with_nuisance(), expected, atol=SLACK)

    def test_is_independent_of_y_and_a_channel_of_the_picture(self, chains):
        some, table = chains[0], chains[0].nuisance()
        assert (table >= 0).all()
        assert np.abs(lemmas.information(table.sum(2))).max() < SLACK
        independent = table.sum((2, 3))[:, :, None] * some.p_y[:, None]
        np.testing.assert_allclose(table.sum(2), independent, atol=SLACK)
        np.testing.assert_allclose(table.sum(1), some.joint.sum(3), atol=SLACK)  # p(x) is as it was

    def test_keeps_the_order_of_the_markov_chain(self, chains):
        """s^ - x - h with s^ independent of y: I(h, s) <= I(h, s^) <= I(h, x) - I(h, y), the step of Lemma 3.1."""
        some, nuisance = chains[0], chains[0].with_nuisance()
        assert (nuisance - some.with_z(SAME) > -SLACK).all()
        assert (some.with_x() - some.with_y() - nuisance > -SLACK).all()
        assert (some.with_x() - nuisance - some.entropy_y() < SLACK).all(), "x is told by s^ and y"

    def test_is_the_optimum_of_a_linear_programme(self):
        some = lemmas.drawn(25, np.random.default_rng(4))
        rows = np.concatenate([np.kron(np.eye(S), np.ones(S)), np.kron(np.ones(S), np.eye(S))])
        for k, found in enumerate(some.with_nuisance()):
            mixed = some.p_y[k, 0] * some.p_h[k, :, None, 0] + some.p_y[k, 1] * some.p_h[k, None, :, 1]
            best = linprog(lemmas.entropy(mixed).reshape(-1), A_eq=rows, b_eq=np.tile(some.p_s[k], 2))
            total = lemmas.entropy(some.joint[k].sum((0, 1)))
            assert found == pytest.approx(total - best.fun, abs=1e-7)  # the solver's own tolerance

    def test_no_random_channel_of_the_picture_beats_it(self):
        """Channels of up to eight values that are independent of y, which know nothing of couplings."""
        random = np.random.default_rng(5)
        some = lemmas.drawn(100, random)
        limit, closest = some.with_nuisance(), 0.0
        for _ in range(10):
            sharp = random.gamma(0.1, size=(2, 100, S, 8)) + 1e-12
            zero = sharp[0] / sharp[0].sum(2, keepdims=True)
            weight = np.einsum("cs,csa->ca", some.p_s, zero)
            one = some.p_s[:, :, None] * sharp[1]  # p(s, a | y = 1), scaled to p(s) and to p(a | y = 0)
            for _ in range(300):
                one *= (weight / one.sum(1))[:, None]
                one *= (some.p_s / one.sum(2))[:, :, None]
            table = np.stack([some.p_s[:, :, None] * zero, one], axis=2) * some.p_y[:, None, :, None]
            free = lemmas.information(table.sum(1)) < 1e-9  # the scaling has converged
            share = lemmas.information(np.einsum("csya,csyh->cah", table, some.p_h)) / limit
            assert (share[free] < 1 + 1e-6).all()
            closest = max(closest, share[free].max())
        assert closest > 0.9


class TestCouplings:
    def test_vertices_have_the_margins_of_p(self):
        found = lemmas.couplings().reshape(-1, S, S, S)
        np.testing.assert_array_equal(found.sum(2), np.broadcast_to(np.eye(S), (len(found), S, S)))
        np.testing.assert_array_equal(found.sum(1), np.broadcast_to(np.eye(S), (len(found), S, S)))

    def test_equal_weights_are_matched_like_an_assignment(self):
        """Of equal weights the vertices are the permutations: a cost that is 0 on one of them names it."""
        for order in ((0, 1, 2, 3), (3, 1, 0, 2), (1, 2, 3, 0)):
            plan = lemmas.transport(1 - np.eye(S)[None, order], np.full((1, S), 0.25))
            np.testing.assert_allclose(plan[0], np.eye(S)[list(order)] / 4, atol=1e-15)


class TestLemma31:
    def test_printed_sign_holds_for_every_nuisance(self, chains):
        some, beta, printed, _ = chains
        for z in ("same", SAME, COARSE):
            assert (gap(some, z, beta, printed) > -SLACK).all()
            assert (gap(some, z, beta, beta) > -SLACK).all()  # lambda3 = 0

    def test_sign_that_unlearns_holds_where_the_attribute_is_the_maximal_nuisance(self, chains):
        some, beta, _, unlearn = chains
        assert (gap(some, "same", beta, unlearn) > -SLACK).all()

    @pytest.mark.parametrize("z", [SAME, COARSE])
    def test_sign_that_unlearns_fails_for_an_attribute_that_is_not(self, chains, z):
        some, beta, _, unlearn = chains
        assert (gap(some, z, beta, unlearn) < -0.1).any()

    def test_all_of_the_picture_but_the_task_is_not_enough(self, xor):
        """z = s, and s^ is h: the gap is alpha (beta - gamma) ln 2."""
        for beta, gamma in ((0.3, 0.8), (0.0, 1.0), (0.8, 0.3)):
            assert gap(xor, SAME, beta, gamma, 2.0) == pytest.approx(2 * (beta - gamma) * LN2)
            assert gap(xor, "same", beta, gamma) == pytest.approx(0, abs=1e-15)

    def test_a_chain_that_breaks_it_by_hand(self):
        """h is the bit of s that z does not see: the gap is (beta - gamma) ln 2."""
        fine = chain(lambda s, y: s % 2)
        for beta, gamma in ((0.3, 0.8), (0.0, 1.0), (0.8, 0.3)):
            assert gap(fine, COARSE, beta, gamma) == pytest.approx((beta - gamma) * LN2)
            assert gap(fine, SAME, beta, gamma) == pytest.approx(0, abs=1e-15)

    def test_the_printed_sign_by_hand_where_the_attribute_is_the_task(self):
        """h = y, and z tells y: I(h, z) = ln 2 and I(h, s^) = 0, so the gap is (gamma - beta) ln 2."""
        assert gap(chain(lambda s, y: y), CLASS, 0.8, 0.3) == pytest.approx(-0.5 * LN2)

    def test_an_attribute_that_determines_the_task_breaks_either_sign(self, chains):
        some, beta, printed, unlearn = chains
        assert (gap(some, CLASS, beta, printed) < -0.1).any()
        assert (gap(some, CLASS, beta, unlearn) < -0.1).any()

    def test_alpha_scales_everything(self, chains):
        some, beta, printed, _ = chains
        np.testing.assert_allclose(
            gap(some, COARSE, beta, printed, 3.0), 3 * gap(some, COARSE, beta, printed), atol=1e-12
        )


class TestLemma32:
    def test_it_is_broken_by_a_feature_that_is_the_picture(self):
        """The gap is 0, and the printed bound of it -beta H(s)."""
        whole = chain(lambda s, y: 2 * s + y)
        beta, gamma = 0.6, 0.2
        for z in ("same", SAME):
            assert gap(whole, z, beta, gamma) == pytest.approx(0, abs=1e-15)
            limit = lemmas.printed_gap(whole, told(whole, z), np.ones(1), np.array([beta]))
            assert limit == pytest.approx(-beta * 2 * LN2)

    def test_it_is_broken_on_many_chains(self, chains):
        some, beta, printed, _ = chains
        for z in ("same", SAME, COARSE):
            excess = gap(some, z, beta, printed) - lemmas.printed_gap(some, told(some, z), np.ones(len(beta)), beta)
            assert (excess > 0.1).sum() > 100

    def test_the_corrected_bound_holds_for_either_sign(self, chains):
        some, beta, printed, unlearn = chains
        nuisance = some.with_nuisance()
        for z in ("same", SAME, COARSE, CLASS):
            for gamma in (printed, unlearn):
                limit = lemmas.corrected_gap(some, nuisance, told(some, z), np.ones(len(beta)), beta, gamma)
                assert (limit - gap(some, z, beta, gamma) > -SLACK).all()

    def test_the_corrected_bound_is_met_where_the_feature_tells_s_and_then_y(self):
        whole = chain(lambda s, y: 2 * s + y)
        known = whole.with_z(SAME)
        limit = lemmas.corrected_gap(whole, known, known, np.ones(1), np.array([0.6]), np.array([0.2]))
        assert limit == pytest.approx(0, abs=1e-15)


class TestRecord:
    def test_counts_what_is_broken(self):
        """On one chain, h = the unseen bit of s: only the sign that unlearns a coarse z breaks Lemma 3.1."""
        found = lemmas.count(chain(lambda s, y: s % 2), np.random.default_rng(0))
        assert found["bound_unlearn_coarse_broken"] == 1
        assert found["bound_unlearn_coarse_least"] < 0
        assert found["bound_printed_broken"] == found["bound_unlearn_same_broken"] == 0
        assert found["gap_corrected_broken"] == found["richer"] == 0

    def test_tells_s_from_the_maximal_nuisance(self, xor):
        """Of xor: with the sign that unlearns z = s breaks the bound, and as a function of x it would pass for s^."""
        found = lemmas.count(xor, np.random.default_rng(0))
        assert found["richer"] == found["bound_unlearn_s_broken"] == 1
        assert found["bound_unlearn_same_broken"] == found["function_bound_unlearn_same_broken"] == 0
        beta = np.random.default_rng(0).uniform(0, 1, 1)[0]
        assert found["gap_share_median"] == pytest.approx(0, abs=1e-12)
        assert found["function_gap_share_median"] == pytest.approx(beta)
        assert 0 < found["gap_share_s_median"] < beta

    def test_the_second_reading_takes_s_for_it(self, chains):
        found = lemmas.count(chains[0], np.random.default_rng(0))
        assert found["gap_share_median"] < found["gap_share_s_median"] < found["function_gap_share_median"]
        assert found["bound_unlearn_coarse_broken"] > found["function_bound_unlearn_coarse_broken"]
        assert {n for n in found if n.startswith("function_")} == {
            f"function_{n}" for n in found if not n.startswith("function_") and "_s_" not in n
        } - {"function_chains", "function_richer"}

    def test_a_run_leaves_its_record(self, tmp_path):
        cell = Cell(paper="attribute_unlearning", experiment="lemmas", variant="exact", scale="quick")
        config = JobConfig(
            cell=cell,
            module="replications.attribute_unlearning.lemmas",
            code=fingerprint("replications.attribute_unlearning.lemmas", lemmas.ROOT),
            seeds=2,
            dataset="discrete-chains",
            needs=(),
            params={"drawn": 50},
            device="cpu",
            precision="auto",
            data="auto",
            data_mirrors=(),
        )
        file = tmp_path / "config.json"
        file.write_text(config.model_dump_json(), encoding="utf-8")
        assert lemmas.main([str(file), "--results", str(tmp_path)]) == 0
        records = [read(record_path(tmp_path, cell, seed)) for seed in (0, 1)]
        assert [r.metrics["chains"] for r in records] == [4190, 4190]
        assert records[0].metrics["gap_share_median"] != records[1].metrics["gap_share_median"]
        assert records[0].dataset.kind == "generated"
