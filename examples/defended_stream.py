"""A stream that defends itself: a third of its labels is wrong, 100 trusted rows stand guard.

The trusted rows train every learner here. What is trimmed has to prove itself on a part of them
that the fit has not seen. Five seeds are a look, not a verdict.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import scale

from streamlearn import Loop, Stream
from streamlearn.datasets import load
from streamlearn.learners.river_model import river_logistic
from streamlearn.simulators import NoisyStream, TrimReport, batches
from streamlearn.trimming import InfluenceTrim, KeepAll

data = load("digits_even_odd")
X, y = scale(data.frame.to_numpy(float)), data.target.to_numpy()
learners = {"SGD": SGDClassifier(loss="log_loss", average=True), "River": river_logistic()}

rows = []
for seed in range(5):
    trusted, test, rest = np.split(np.random.default_rng(seed).permutation(len(y)), [100, 600])
    noisy = NoisyStream(batches(X[rest], y[rest], size=200), noise=1 / 3, seed=seed)
    for name, learner in learners.items():
        for trimmer in (KeepAll(), InfluenceTrim(budget=0.2)):
            report = TrimReport(noisy)
            loop = Loop(Stream(noisy), learner, trimmer=trimmer, reference=(X[trusted], y[trusted]),
                        test=(X[test], y[test]), seed=seed, recorders=[report])  # fmt: skip
            for _ in loop.run():
                pass
            accuracy = loop.to_frame()["accuracy"].iloc[-1]
            rows.append((name, type(trimmer).__name__, accuracy, report.total()["precision"]))
table = pd.DataFrame(rows, columns=["learner", "trimmer", "accuracy", "precision"])
print(table.groupby(["learner", "trimmer"]).mean().round(3).to_string())
