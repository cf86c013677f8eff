"""Query strategies: which rows deserve a label."""

from streamlearn.strategies.as_modal import as_modal
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.diverse import Diverse
from streamlearn.strategies.entropy import Entropy
from streamlearn.strategies.expected_influence import ExpectedInfluence
from streamlearn.strategies.influence_tree import InfluenceTreeSampling
from streamlearn.strategies.isal import ISAL
from streamlearn.strategies.margin import Margin
from streamlearn.strategies.modal import from_modal
from streamlearn.strategies.random import Random
from streamlearn.strategies.skactiveml import from_skactiveml
from streamlearn.strategies.uncertainty import Uncertainty
from streamlearn.strategies.variance_reduction import VarianceReduction

__all__ = [
    "ISAL",
    "Diverse",
    "Entropy",
    "ExpectedInfluence",
    "InfluenceTreeSampling",
    "Margin",
    "Random",
    "Uncertainty",
    "UtilityStrategy",
    "VarianceReduction",
    "as_modal",
    "from_modal",
    "from_skactiveml",
]
