"""What makes a run one on a subset."""

import pytest

from common.results import Origin


@pytest.mark.parametrize(("subset", "used", "expected"), [(False, 10, False), (False, 9, True), (True, 10, True)])
def test_all_rows_of_a_subset_are_still_a_subset(subset, used, expected):
    origin = Origin(name="d", kind="real", subset=subset, sha256="0" * 64)
    assert origin.using(used, 10).subset is expected
    assert origin.using(used, 10).words == f"d (real{', subset' if expected else ''})"
