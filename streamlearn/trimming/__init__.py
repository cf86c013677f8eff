"""Trimming: which labelled rows deserve to be learned from."""

from streamlearn.trimming.confident_joint import confident_joint, prune_by_noise_rate
from streamlearn.trimming.confident_trim import ConfidentTrim
from streamlearn.trimming.influence_trim import InfluenceTrim
from streamlearn.trimming.keep_all import KeepAll
from streamlearn.trimming.loss_trim import LossTrim
from streamlearn.trimming.random_trim import RandomTrim
from streamlearn.trimming.trim_rows import Trimming, trim
from streamlearn.trimming.verify import Step

__all__ = [
    "ConfidentTrim",
    "InfluenceTrim",
    "KeepAll",
    "LossTrim",
    "RandomTrim",
    "Step",
    "Trimming",
    "confident_joint",
    "prune_by_noise_rate",
    "trim",
]
