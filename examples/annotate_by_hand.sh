#!/bin/sh
# Annotation by hand, from a table without labels to a fitted model.
# Run it anywhere: sh annotate_by_hand.sh [folder to work in]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$(mktemp -d)}"
cp "$here/people.toml" .

# Your own table would stand here: 150 flowers, four measures each, no labels.
python - <<'PYTHON'
from streamlearn.datasets import load

flowers = load("iris").frame
flowers.insert(0, "number", range(1000, 1000 + len(flowers)))
flowers.to_csv("flowers.csv", index=False)
PYTHON

streamlearn run people.toml --out flowers

# Two batches. In real life you would open batch.csv in a spreadsheet and fill its last column,
# or label in the terminal: streamlearn label flowers
for batch in 1 2; do
  streamlearn ask flowers > batch.csv
  # Here a rule of thumb does it: petals tell the three kinds apart (column 4: length, 5: width).
  awk -F, -v OFS=, '
    NR > 1 { $NF = ($4 < 2.5) ? "setosa" : ($5 < 1.7) ? "versicolor" : "virginica" }
    { print }' batch.csv > labelled.csv
  streamlearn tell flowers labelled.csv
done

streamlearn export flowers --labels labels.csv --model model.joblib

# The model reads tables of the same columns.
python - <<'PYTHON'
import joblib
import pandas as pd

model = joblib.load("model.joblib")
print(pd.Series(model.predict(pd.read_csv("flowers.csv"))).value_counts().to_string())
PYTHON
