"""Simulators: annotators, label noise, streams with drift, toy sets; the truth lives here only."""

from streamlearn.simulators.annotators import Panel, SimulatedAnnotator
from streamlearn.simulators.drift import DriftStream
from streamlearn.simulators.noise import ClassConditionalNoise, LabelNoise, Noise, SymmetricNoise
from streamlearn.simulators.report import TrimReport
from streamlearn.simulators.row_noise import GroupNoise, InstanceDependentNoise
from streamlearn.simulators.streams import Batches, NoisyStream, batches
from streamlearn.simulators.toys import Toy, bhatt2021_toy, chhabra2024_toy

__all__ = [
    "Batches",
    "ClassConditionalNoise",
    "DriftStream",
    "GroupNoise",
    "InstanceDependentNoise",
    "LabelNoise",
    "Noise",
    "NoisyStream",
    "Panel",
    "SimulatedAnnotator",
    "SymmetricNoise",
    "Toy",
    "TrimReport",
    "batches",
    "bhatt2021_toy",
    "chhabra2024_toy",
]
