"""The data sets that ship inside scikit-learn."""

from dataclasses import dataclass

import pandas as pd

from streamlearn.datasets.dataset import Dataset, Declaration, sensitive_column

UCI = "UCI Machine Learning Repository, as shipped by scikit-learn"
CC_BY = "CC BY 4.0 (as stated by UCI); scikit-learn: BSD-3-Clause"


@dataclass(frozen=True, kw_only=True)
class SklearnSet(Declaration):
    """A set inside scikit-learn; ``loader`` is the end of its loader's name."""

    loader: str

    @property
    def origin(self) -> str:
        """Where the data comes from, in a word or two."""
        return "scikit-learn"

    def read(self, sensitive: str | None = None) -> Dataset:
        """Load it; see `Declaration.read`."""
        from sklearn import datasets  # two seconds to import: only on use

        bunch = getattr(datasets, f"load_{self.loader}")(as_frame=True)
        frame: pd.DataFrame = bunch.data
        return self.dataset(frame, bunch.target, sensitive_column(self.name, frame, sensitive))


SETS = (
    SklearnSet(
        name="breast_cancer",
        loader="breast_cancer",
        rows=569,
        columns=30,
        classes=2,
        labels={0: "malignant", 1: "benign"},
        positive="malignant",
        description="Is a breast mass malignant, from measurements of its cell nuclei",
        source=f"Wolberg, Street & Mangasarian 1995, {UCI}",
        licence=CC_BY,
    ),
    SklearnSet(
        name="digits",
        loader="digits",
        rows=1797,
        columns=64,
        classes=10,
        description="Handwritten digits, 8 x 8 pixels",
        source=f"Alpaydin & Kaynak 1998, {UCI}",
        licence=CC_BY,
    ),
    SklearnSet(
        name="digits_even_odd",
        loader="digits",
        rows=1797,
        columns=64,
        classes=2,
        labels={digit: ("even", "odd")[digit % 2] for digit in range(10)},
        positive="odd",
        description="Handwritten digits, 8 x 8 pixels: even or odd",
        source=f"Alpaydin & Kaynak 1998, {UCI}",
        licence=CC_BY,
    ),
    SklearnSet(
        name="iris",
        loader="iris",
        rows=150,
        columns=4,
        classes=3,
        labels={0: "setosa", 1: "versicolor", 2: "virginica"},
        description="Three species of iris, from the size of petals and sepals",
        source=f"Fisher 1936, {UCI}",
        licence=CC_BY,
    ),
    SklearnSet(
        name="wine",
        loader="wine",
        rows=178,
        columns=13,
        classes=3,
        description="Three cultivars of wine, from chemical measurements",
        source=f"Aeberhard & Forina 1991, {UCI}",
        licence=CC_BY,
    ),
)
