"""The tables of Chhabra et al. 2024, as their code makes them.

One-hot columns come in order of first appearance. Standardisation is fitted on the first 75 % of
the training rows, and all training rows are then trained on. Held-out rows are halved into test
and validation. Appendix C of the paper gives the sizes; `Prepared.l2` is the penalty it uses.

References
----------
Chhabra, Li, Mohapatra & Liu (2024), "What Data Benefits My Classifier?" Enhancing Model
Performance and Interpretability through Influence-Based Data Selection. ICLR.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.datasets.dataset import Prepared
from streamlearn.datasets.design import appearing, design
from streamlearn.errors import nearest

NAME = "chhabra2024"
Rows = NDArray[np.int64]


def adult(table: pd.DataFrame) -> Prepared:
    """Adult: 30,162 / 7,530 / 7,530 rows, 102 features; rows with a '?' are left out (3,620)."""
    kept = np.flatnonzero(~(table == "?").any(axis=1))
    frame = table.iloc[kept]
    train = np.flatnonzero(frame["split"] == "train")
    numeric = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
    one_hot = ("workclass", "education", "marital-status", "occupation", "relationship", "race")
    X, features = design(
        frame,
        {
            **dict.fromkeys(numeric),
            **appearing(frame.iloc[train], one_hot),
            "sex": ("Male",),
            **appearing(frame.iloc[train], ["native-country"]),
        },
    )
    return _prepare(
        "adult",
        X,
        features,
        frame["income"] == ">50K",
        frame["sex"] == "Male",
        parts=_halve(train, np.flatnonzero(frame["split"] == "test")),
        kept=kept,
        of=len(table),
        l2=2.2622,
    )


def bank(table: pd.DataFrame) -> Prepared:
    """Bank: 18,292 / 6,098 / 6,098 rows, 51 features; rows with an 'unknown' are left out (10,700).

    The table has no sex: what the paper calls so is age, group 1 being those under 37.
    """
    from sklearn.model_selection import train_test_split

    kept = np.flatnonzero(~(table == "unknown").any(axis=1))
    young = (table["age"] < 37).to_numpy(dtype=np.float64)
    frame = table.iloc[kept].assign(under_37=young[kept])
    numeric = ("duration", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx")
    X, features = design(
        frame,
        {
            **dict.fromkeys((*numeric, "cons.conf.idx", "euribor3m", "nr.employed")),
            **appearing(frame, ["job"]),
            "marital": ("married",),
            **appearing(frame, ["education"]),
            **dict.fromkeys(("default", "housing", "loan"), ("yes",)),
            "contact": ("cellular",),
            **appearing(frame, ["month", "day_of_week", "poutcome"]),
            "under_37": None,
        },
    )
    train, held = train_test_split(np.arange(len(frame)), test_size=0.4, random_state=42)
    return _prepare(
        "bank",
        X,
        features,
        frame["y"] == "yes",
        frame["under_37"] == 1,
        parts=_halve(train, held),
        kept=kept,
        of=len(table),
        l2=1.1622,
    )


def celeba(table: pd.DataFrame) -> Prepared:
    """CelebA: 62,497 / 20,833 / 20,833 rows, 39 features; repeated rows are left out (98,436).

    The rows are those distinct in the 38 attributes other than Smiling and Male, sorted by them
    and split without a shuffle, so that training and held-out rows differ strongly. Group 1 is
    ``Male == -1``: the paper's sign.
    """
    attributes = [column for column in table.columns if column not in ("Smiling", "Male")]
    # 38 signs in one integer, the first attribute highest: sorts as the rows would.
    bits = 1 << np.arange(len(attributes), dtype=np.int64)[::-1]
    _, kept = np.unique((table[attributes].to_numpy() > 0) @ bits, return_index=True)
    frame = table.iloc[kept]
    frame = frame.assign(not_male=-frame["Male"])
    X, features = design(frame, dict.fromkeys([*attributes, "not_male"]))
    X[:, -1] = X[:, -1] > 0
    n_train = len(frame) - int(np.ceil(0.4 * len(frame)))
    return _prepare(
        "celeba",
        X,
        features,
        frame["Smiling"] == 1,
        frame["Male"] == -1,
        parts=_halve(np.arange(n_train), np.arange(n_train, len(frame))),
        kept=kept,
        of=len(table),
        l2=15.1622,
    )


SHIFTS = {"time": "ca2018_test", "place": "mi2014_test", "both": "mi2018_test"}


def acs_income(table: pd.DataFrame, shift: Literal["time", "place", "both"] = "both") -> Prepared:
    """ACS Income: 18,000 rows of California 2014, and 6,000 / 6,000 of the shifted part.

    Codes that do not occur in training have no column. The other two parts are left out (24,000).
    """
    part = SHIFTS[_known(shift, SHIFTS, "shift")]
    kept = np.flatnonzero(table["part"].isin(["ca2014_train", part]))
    frame = table.iloc[kept]
    train = np.flatnonzero(frame["part"] == "ca2014_train")
    X, features = design(
        frame,
        {
            **dict.fromkeys(("AGEP", "WKHP")),
            **appearing(frame.iloc[train], ["COW", "SCHL", "MAR", "OCCP", "POBP", "RELP"]),
            "SEX": ("Male",),
            **appearing(frame.iloc[train], ["RAC1P"]),
        },
    )
    return _prepare(
        "acs_income",
        X,
        features,
        frame["PINCP"] == "Y",
        frame["SEX"] == "Male",
        parts=_halve(train, np.flatnonzero(frame["part"] == part)),
        kept=kept,
        of=len(table),
        l2=1.5,
    )


def debrecen(table: pd.DataFrame) -> Prepared:
    """Debrecen: the paper's parts of 150 / 800 / 100 / 101 rows, 19 features, none left out.

    Not standardised: the paper's learner does that itself, on what is labelled so far.
    """
    named = {"init": "init", "pool": "pool", "validation": "val", "test": "test"}
    X, features = design(table, dict.fromkeys(table.columns.drop(["Class", "paper_part"])))
    return _prepare(
        "debrecen",
        X,
        features,
        table["Class"] == 1,
        None,
        parts={k: np.flatnonzero(table["paper_part"] == v) for k, v in named.items()},
        kept=np.arange(len(table)),
        of=len(table),
        l2=1.0,
        standardise=False,
    )


def toy(table: pd.DataFrame) -> Prepared:
    """Toy: 150 / 100 rows, 2 features (the sensitive one is taken out), none left out.

    The paper's test rows are its validation rows.
    """
    X, features = design(table, dict.fromkeys(["feature1", "feature2"]))
    named = {"train": "train", "validation": "val"}
    return _prepare(
        "toy",
        X,
        features,
        table["target"] == "Y",
        table["sex"] == "Male",
        parts={k: np.flatnonzero(table["part"] == v) for k, v in named.items()},
        kept=np.arange(len(table)),
        of=len(table),
        l2=0.01,
    )


def _attack(name: str) -> Callable[..., Prepared]:
    def recipe(
        table: pd.DataFrame, attack: Literal["raa", "nraa"] = "raa", poisoned: bool = True
    ) -> Prepared:
        """Table 1: training rows of one attack, poisoned or clean, and the test rows of both.

        The group is the last feature. The arrays come standardised and are so again, as in the
        paper, whose validation rows are its test rows. The other parts are left out.
        """
        _known(attack, ("raa", "nraa"), "attack")
        part = f"{attack}_train_{'poisoned' if poisoned else 'clean'}"
        kept = np.flatnonzero(table["part"].isin([part, "attack_test"]))
        frame = table.iloc[kept]
        columns = [column for column in table.columns if column.startswith("x")]
        X, features = design(frame, dict.fromkeys([*columns, "group"]))
        named = {"train": part, "test": "attack_test"}
        return _prepare(
            name,
            X,
            features,
            frame["y"] == 1,
            frame["group"] == 1,
            parts={k: np.flatnonzero(frame["part"] == v) for k, v in named.items()},
            kept=kept,
            of=len(table),
            l2=0.09,
        )

    return recipe


RECIPES: dict[str, Callable[..., Prepared]] = {
    "acs_income": acs_income,
    "adult": adult,
    "attack_compas": _attack("attack_compas"),
    "attack_drug": _attack("attack_drug"),
    "attack_german": _attack("attack_german"),
    "bank": bank,
    "celeba": celeba,
    "debrecen": debrecen,
    "toy": toy,
}


def _known(value: str, valid: Any, kind: str) -> str:
    if value not in valid:
        raise nearest(value, valid, kind)
    return value


def _halve(train: Rows, held: Rows) -> dict[str, Rows]:
    from sklearn.model_selection import train_test_split

    test, validation = train_test_split(held, test_size=0.5, random_state=42000, shuffle=True)
    return {"train": train, "validation": validation, "test": test}


def _prepare(
    name: str,
    X: NDArray[np.float64],
    features: tuple[str, ...],
    positive: "pd.Series[bool]",
    group: "pd.Series[bool] | None",
    *,
    parts: dict[str, Rows],
    kept: Sequence[int] | Rows,
    of: int,
    l2: float,
    standardise: bool = True,
) -> Prepared:
    """Lay the parts one after the other and standardise; `parts` hold positions in `X`."""
    from sklearn.preprocessing import StandardScaler

    order = np.concatenate(list(parts.values()))
    X = X[order]
    if standardise:
        n_train = len(parts["train"])
        X = StandardScaler().fit(X[: n_train - round(0.25 * n_train)]).transform(X)
    return Prepared(
        name=name,
        recipe=NAME,
        X=X,
        y=np.asarray(positive, dtype=np.int64)[order],
        sensitive=None if group is None else np.asarray(group, dtype=np.int64)[order],
        split=np.repeat(list(parts), [len(rows) for rows in parts.values()]),
        features=features,
        rows=np.asarray(kept, dtype=np.int64)[order],
        dropped=of - len(order),
        l2=l2,
    )
