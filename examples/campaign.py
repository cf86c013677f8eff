"""A labelling campaign: five annotators who err, three votes a row, stop when it no longer pays."""

from pathlib import Path
from tempfile import mkdtemp

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from streamlearn import Agreement, Loop, Pool
from streamlearn.datasets import load
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.strategies import Diverse, Margin

data = load("breast_cancer")
frame, held_out, y, y_held_out = train_test_split(
    data.frame, data.target.to_numpy(), test_size=0.3, stratify=data.target, random_state=0
)
pool = Pool(frame)  # encoded once, without labels; annotators see the original columns

# Each row goes to three of the five, and every one of them is wrong in his own way.
people = Panel(
    [
        SimulatedAnnotator(y, noise=rate, abstain=0.05, cost=price, name=name)
        for name, rate, price in [
            ("ann", 0.05, 2.0),
            ("bob", 0.1, 1.0),
            ("cem", 0.2, 0.5),
            ("dora", 0.2, 0.5),
            ("eve", 0.3, 0.3),
        ]
    ],
    per_row=3,
)
journal = Path(mkdtemp()) / "campaign.sqlite"
loop = Loop(
    pool,
    LogisticRegression(),
    Diverse(Margin()),
    per_round=8,
    votes=3,
    budget=600,
    test=(held_out, y_held_out),
    stop=Agreement(threshold=0.99, rounds=3),
    journal=journal,
)
for round in loop.run(people):
    if round.closed:
        accuracy = round.scores["accuracy"]
        print(f"{round.labels:4} answers, {round.cost:6.1f} spent: accuracy {accuracy:.3f}")
print("stopped:", loop.stopped)
assert loop.journal is not None
print(loop.journal.to_frame().groupby("annotator")["label"].count().to_string())
