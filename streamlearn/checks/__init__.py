"""Conformance checks: the laws every plug-in keeps, ours and third parties'.

Examples
--------
>>> from streamlearn.checks import check_strategy
>>> from streamlearn.strategies import Random
>>> check_strategy(Random())

In a test suite, one test a law::

    @pytest.mark.parametrize("check", strategy_checks(), ids=lambda check: check.__name__)
    def test_laws(check):
        check(MyStrategy())
"""

from streamlearn.checks.annotators import annotator_checks, check_annotator
from streamlearn.checks.learners import check_learner, learner_checks
from streamlearn.checks.strategies import check_strategy, strategy_checks
from streamlearn.checks.trimmers import check_trimmer, trimmer_checks

__all__ = [
    "annotator_checks",
    "check_annotator",
    "check_learner",
    "check_strategy",
    "check_trimmer",
    "learner_checks",
    "strategy_checks",
    "trimmer_checks",
]
