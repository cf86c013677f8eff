"""Learners: scikit-learn and River models behind one protocol."""

from streamlearn.learners.incremental import Incremental
from streamlearn.learners.refit import Refit
from streamlearn.learners.river_learner import RiverLearner
from streamlearn.learners.tuned import TunedLinear
from streamlearn.learners.wrap import wrap

__all__ = ["Incremental", "Refit", "RiverLearner", "TunedLinear", "wrap"]
