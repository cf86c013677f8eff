"""Which row helps or harms a linear model, for what the user cares about."""

from streamlearn.influence.embedding import EmbeddedClassifier, HiddenLayer
from streamlearn.influence.fairness import (
    DemographicParity,
    EqualAccuracy,
    EqualizedOdds,
    EqualOpportunity,
)
from streamlearn.influence.group import Removal, remove
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Custom, Objective, ValidationLoss, WeightedSum
from streamlearn.influence.robustness import AdversarialLoss
from streamlearn.influence.scores import influence
from streamlearn.influence.tree import InfluenceTree

__all__ = [
    "AdversarialLoss",
    "Custom",
    "DemographicParity",
    "EmbeddedClassifier",
    "EqualAccuracy",
    "EqualOpportunity",
    "EqualizedOdds",
    "HiddenLayer",
    "InfluenceTree",
    "LinearClassifier",
    "Objective",
    "Removal",
    "ValidationLoss",
    "WeightedSum",
    "influence",
    "remove",
]
