"""A stream whose labels are one third wrong: what three trimmers make of it, over ten seeds.

Ten seeds are a look, not a verdict; `make demo` has twenty.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import scale

from streamlearn import Loop, Prequential, Stream
from streamlearn.datasets import load
from streamlearn.simulators import NoisyStream, TrimReport, batches
from streamlearn.trimming import ConfidentTrim, KeepAll, LossTrim, RandomTrim

data = load("phishing")
X, y = scale(data.frame.to_numpy(float)), data.target.to_numpy()

rows = []
for seed in range(10):
    order = np.random.default_rng(seed).permutation(len(y))
    noisy = NoisyStream(batches(X[order], y[order], size=100), noise=1 / 3, seed=seed)
    for trimmer in (KeepAll(), RandomTrim(0.3), LossTrim(0.3), ConfidentTrim()):
        # Both recorders know the truth; neither can tell the loop.
        scores, trims = Prequential(truth=noisy.truth), TrimReport(noisy)
        learner = SGDClassifier(loss="log_loss", average=True)
        loop = Loop(Stream(noisy), learner, trimmer=trimmer, seed=seed, recorders=[scores, trims])
        for _ in loop.run():
            pass
        rows.append(
            {
                "trimmer": type(trimmer).__name__,
                "seed": seed,
                "accuracy": scores.accuracy,
                **{k: trims.total()[k] for k in ("precision", "recall")},
            }
        )
table = pd.DataFrame(rows)
means = table.drop(columns="seed").groupby("trimmer", sort=False).mean()
print(means.round(3).to_string())
accuracy = table.pivot(index="seed", columns="trimmer", values="accuracy")
gain = accuracy.sub(accuracy["RandomTrim"], axis=0)
print("\naccuracy against random trimming, mean and standard error of the pairs")
print(pd.DataFrame({"mean": gain.mean(), "error": gain.sem()}).round(3).to_string())
