"""Trimming: which labelled rows deserve to be learned from."""

from streamlearn.trimming.ask_again import AskAgain
from streamlearn.trimming.auto import Auto
from streamlearn.trimming.choice import Choice
from streamlearn.trimming.confident_joint import confident_joint, prune_by_noise_rate
from streamlearn.trimming.confident_trim import ConfidentTrim
from streamlearn.trimming.dawid_skene import DawidSkene
from streamlearn.trimming.influence_trim import InfluenceTrim
from streamlearn.trimming.keep_all import KeepAll
from streamlearn.trimming.loss_trim import LossTrim
from streamlearn.trimming.noise_model import NoiseModel
from streamlearn.trimming.random_trim import RandomTrim
from streamlearn.trimming.trim_rows import Trimming, trim
from streamlearn.trimming.verify import Step

__all__ = [
    "AskAgain",
    "Auto",
    "Choice",
    "ConfidentTrim",
    "DawidSkene",
    "InfluenceTrim",
    "KeepAll",
    "LossTrim",
    "NoiseModel",
    "RandomTrim",
    "Step",
    "Trimming",
    "confident_joint",
    "prune_by_noise_rate",
    "trim",
]
