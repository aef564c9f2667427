"""Lemmas 3.1 and 3.2 by enumeration: where the bounds hold, where they do not, and the chains they are counted on."""

import math

import numpy as np
import pytest

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


def gap(chains, z, beta, gamma, alpha=1.0):
    size = len(chains.p_y)
    a, b, g = (np.broadcast_to(v, size) for v in (alpha, beta, gamma))
    return lemmas.bound(chains, z, a, b, g) - lemmas.loss(chains, a, g)


@pytest.fixture(scope="module")
def chains():
    """Every deterministic h, and channels of every strength, with weights for each."""
    random = np.random.default_rng(0)
    parts = lemmas.enumerated(random), lemmas.drawn(3000, random)
    together = Chains(*(np.concatenate([getattr(c, n) for c in parts]) for n in ("p_y", "p_s", "p_h")))
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
        """s^ of eq. (2), sought among all 4,140 functions of x; for those that tell nothing of y it is never beaten."""
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


class TestLemma31:
    def test_printed_sign_holds(self, chains):
        some, beta, printed, _ = chains
        for z in (SAME, COARSE):
            assert (gap(some, z, beta, printed) > -SLACK).all()
            assert (gap(some, z, beta, beta) > -SLACK).all()  # lambda3 = 0

    def test_sign_that_unlearns_holds_where_the_attribute_is_the_maximal_nuisance(self, chains):
        some, beta, _, unlearn = chains
        assert (gap(some, SAME, beta, unlearn) > -SLACK).all()

    def test_sign_that_unlearns_fails_for_an_attribute_coarser_than_that(self, chains):
        some, beta, _, unlearn = chains
        assert (gap(some, COARSE, beta, unlearn) < -0.1).any()

    def test_a_chain_that_breaks_it_by_hand(self):
        """h is the bit of s that z does not see: the gap is (beta - gamma) ln 2."""
        fine = chain(lambda s, y: s % 2)
        for beta, gamma in ((0.3, 0.8), (0.0, 1.0), (0.8, 0.3)):
            assert gap(fine, COARSE, beta, gamma) == pytest.approx((beta - gamma) * LN2)
            assert gap(fine, SAME, beta, gamma) == pytest.approx(0, abs=1e-15)

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
        assert gap(whole, SAME, beta, gamma) == pytest.approx(0, abs=1e-15)
        limit = lemmas.printed_gap(whole, SAME, np.ones(1), np.array([beta]))
        assert limit == pytest.approx(-beta * 2 * LN2)

    def test_it_is_broken_on_many_chains(self, chains):
        some, beta, printed, _ = chains
        for z in (SAME, COARSE):
            excess = gap(some, z, beta, printed) - lemmas.printed_gap(some, z, np.ones(len(beta)), beta)
            assert (excess > 0.1).sum() > 100

    def test_the_corrected_bound_holds_for_either_sign(self, chains):
        some, beta, printed, unlearn = chains
        for z in (SAME, COARSE, CLASS):
            for gamma in (printed, unlearn):
                limit = lemmas.corrected_gap(some, z, np.ones(len(beta)), beta, gamma)
                assert (limit - gap(some, z, beta, gamma) > -SLACK).all()

    def test_the_corrected_bound_is_met_where_the_feature_tells_s_and_then_y(self):
        whole = chain(lambda s, y: 2 * s + y)
        limit = lemmas.corrected_gap(whole, SAME, np.ones(1), np.array([0.6]), np.array([0.2]))
        assert limit == pytest.approx(0, abs=1e-15)


class TestRecord:
    def test_counts_what_is_broken(self):
        """On one chain, h = the unseen bit of s: only the sign that unlearns a coarse z breaks Lemma 3.1."""
        found = lemmas.count(chain(lambda s, y: s % 2), np.random.default_rng(0))
        assert found["bound_unlearn_coarse_broken"] == 1
        assert found["bound_unlearn_coarse_least"] < 0
        assert found["bound_printed_broken"] == found["bound_unlearn_same_broken"] == 0
        assert found["gap_corrected_broken"] == 0

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
