"""Query strategies: which rows deserve a label."""

from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.diverse import Diverse
from streamlearn.strategies.entropy import Entropy
from streamlearn.strategies.margin import Margin
from streamlearn.strategies.random import Random
from streamlearn.strategies.uncertainty import Uncertainty

__all__ = ["Diverse", "Entropy", "Margin", "Random", "Uncertainty", "UtilityStrategy"]
