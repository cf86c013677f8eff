"""Which rows of a table help or harm a model, and in which of its regions they lie."""

import os

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from streamlearn.datasets import load
from streamlearn.influence import InfluenceTree, LinearClassifier, ValidationLoss, influence

data = load("adult" if "STREAMLEARN_DATA" in os.environ else "breast_cancer")
table = pd.get_dummies(data.frame, dtype=float)
X, V, y, w = train_test_split(table, data.target.to_numpy(), stratify=data.target, random_state=0)
scaler = StandardScaler().fit(X)
Z = scaler.transform(X)
model = LinearClassifier(l2=1.0).fit(Z, y)
objective = ValidationLoss(scaler.transform(V), w)
scores = influence(model, Z, y, objective)
order = np.argsort(scores)
print(f"{len(y):,} rows, accuracy on {len(w):,} others {objective.metric(model):.3f}")
print("most harmful:", data.frame.loc[X.index[order[:3]]].assign(label=y[order[:3]]), sep="\n")
tree = InfluenceTree(max_leaf_nodes=6).fit(X.to_numpy(), scores, y, feature_names=list(X.columns))
print(tree.to_text())
