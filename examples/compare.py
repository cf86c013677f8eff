"""Does margin sampling beat random on my data, and is that luck?

    python examples/compare.py [--seeds 20] [--folder FOLDER]

Clean labels, and one in five wrong. Give it a folder and stop it when you like: started again it
runs only what is missing. examples/compare.toml is the same comparison for the command line.
"""

import argparse

from sklearn.linear_model import LogisticRegression

from streamlearn.benchmark import compare
from streamlearn.statistics import findings

if __name__ == "__main__":  # the processes that run the cells import this file
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--folder")
    given = parser.parse_args()
    results = compare(
        ["random", "margin"],
        "breast_cancer",
        learners={"logistic": LogisticRegression(max_iter=1000)},
        noise={"clean": None, "one in five wrong": 0.2},
        seeds=given.seeds,
        rounds=10,
        folder=given.folder,
    )
    print(results)
    for finding in findings(results):
        print("-", finding.text)
