"""Probes, leakage, utility and agreement with the published numbers.

Nothing is imported here: an experiment that uses a probe must not depend on the code that judges numbers.
"""


class AgreementError(ValueError):
    """Published values, claims and records do not fit together: one line that names the culprit and the cure."""
