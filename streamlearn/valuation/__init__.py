"""What a training row is worth: influence, leave-one-out, Shapley, counterfactual prediction."""

from streamlearn.valuation.methods import values
from streamlearn.valuation.metrics import AUC, Accuracy, HardGap
from streamlearn.valuation.removal import removal_curve
from streamlearn.valuation.removal_drawing import plot_removal
from streamlearn.valuation.result import Values

__all__ = ["AUC", "Accuracy", "HardGap", "Values", "plot_removal", "removal_curve", "values"]
