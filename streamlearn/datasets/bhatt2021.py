"""The tables of Bhatt et al. 2021 (DIVINE), as far as their Appendix C tells.

It gives the row counts, the features and a 70 / 20 / 10 % split into training, validation and test
rows. It gives neither a seed for that split nor an encoding, so both are ours: a shuffle from
``seed``, indicator columns for categories (one for each value, in order of first appearance), and
standardisation fitted on the training rows.

References
----------
Bhatt, Chien, Zafar & Weller (2021), DIVINE: Diverse Influential Training Points for Data
Visualization and Model Refinement. Appendix C.1, Table 6.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.datasets.dataset import Prepared
from streamlearn.datasets.design import Blocks, appearing, design

NAME = "bhatt2021"


def adult(table: pd.DataFrame, seed: int = 0) -> Prepared:
    """Adult: 45,222 rows, the paper's 11 columns (without sex, group 1 being Male).

    Rows with a '?' are left out (3,620).
    """
    kept = np.flatnonzero(~(table == "?").any(axis=1))
    frame = table.iloc[kept]
    no_features = ["fnlwgt", "race", "sex", "income", "split"]
    blocks = _blocks(frame, frame.columns.drop(no_features).tolist())
    return _prepare(
        "adult", table, kept, blocks, frame["income"] == ">50K", frame["sex"] == "Male", seed
    )


def bank(table: pd.DataFrame, seed: int = 0) -> Prepared:
    """Bank: 41,188 rows, none left out; 'unknown' is a value like others.

    All 20 columns are features: the paper's count of 21 has the target in it. Group 1 is those
    from 25 to 60 years, a usual cut for this table: the paper names the attribute, age, alone.
    """
    blocks = _blocks(table, table.columns.drop("y").tolist())
    group = table["age"].between(25, 60)
    return _prepare("bank", table, np.arange(len(table)), blocks, table["y"] == "yes", group, seed)


def compas(table: pd.DataFrame, seed: int = 0) -> Prepared:
    """COMPAS: 5,278 rows, 7 features; group 1 is African-American.

    ProPublica's filter leaves 6,172 rows (charges within 30 days of the screening, none of them
    ordinary traffic offences), and the two largest races 5,278 (1,936 left out). The features are
    the three age classes, sex, charge degree, priors and days served: the reading of the paper's
    text that has 7 columns, race itself not among them.
    """
    races = ["African-American", "Caucasian"]
    kept = np.flatnonzero(
        table["days_b_screening_arrest"].between(-30, 30)
        & (table["is_recid"] != -1)
        & (table["c_charge_degree"] != "O")
        & (table["score_text"] != "N/A")
        & table["race"].isin(races)
    )
    frame = table.iloc[kept]
    served = pd.to_datetime(frame["c_jail_out"]) - pd.to_datetime(frame["c_jail_in"])
    frame = frame.assign(days_served=served.dt.days)
    blocks: Blocks = {
        "age_cat": ("Less than 25", "25 - 45", "Greater than 45"),
        "sex": ("Male",),
        "c_charge_degree": ("F",),
        "priors_count": None,
        "days_served": None,
    }
    positive, group = frame["two_year_recid"] == 1, frame["race"] == races[0]
    return _prepare("compas", table, kept, blocks, positive, group, seed, frame)


def law_school(table: pd.DataFrame, seed: int = 0) -> Prepared:
    """LSAT: 21,791 rows, 3 features (grade point average, LSAT score, sex), none left out.

    The label is the first year passed; group 1 is female.
    """
    blocks: Blocks = {"UGPA": None, "LSAT": None, "sex": (1,)}
    positive, group = table["first_pf"] == 1, table["sex"] == 1
    return _prepare("law_school", table, np.arange(len(table)), blocks, positive, group, seed)


def mnist(table: pd.DataFrame) -> Prepared:
    """MNIST 1 against 7: 13,007 training and 2,163 test rows, MNIST's own split; 7 is 1.

    Pixels from 0 to 1, not standardised. Other digits are left out (54,830).
    """
    kept = np.flatnonzero(table["label"].isin([1, 7]))
    frame = table.iloc[kept]
    pixels = np.frombuffer(bytearray().join(frame["image"]), np.uint8).reshape(len(frame), -1)
    order = np.argsort(frame["split"] != "train", kind="stable")
    return Prepared(
        name="mnist",
        recipe=NAME,
        X=pixels[order] / 255.0,
        y=np.asarray(frame["label"] == 7, dtype=np.int64)[order],
        sensitive=None,
        split=frame["split"].to_numpy(dtype=np.str_)[order],
        features=tuple(f"pixel{i}" for i in range(pixels.shape[1])),
        rows=kept[order],
        dropped=len(table) - len(kept),
        l2=None,
    )


RECIPES: dict[str, Callable[..., Prepared]] = {
    "adult": adult,
    "bank": bank,
    "compas": compas,
    "law_school": law_school,
    "mnist": mnist,
}


def _blocks(frame: pd.DataFrame, columns: list[str]) -> Blocks:
    """Numbers as numbers, all else as one indicator for each value."""
    numeric = set(frame[columns].select_dtypes("number").columns)
    return {c: None if c in numeric else appearing(frame, [c])[c] for c in columns}


def _prepare(
    name: str,
    table: pd.DataFrame,
    kept: NDArray[np.int64],
    blocks: Blocks,
    positive: "pd.Series[bool]",
    group: "pd.Series[bool]",
    seed: int,
    frame: pd.DataFrame | None = None,
) -> Prepared:
    """Shuffle, cut 70 / 20 / 10 %, standardise by the first; `frame` is the kept rows."""
    from sklearn.preprocessing import StandardScaler

    X, features = design(table.iloc[kept] if frame is None else frame, blocks)
    n = len(X)
    order = np.random.default_rng(seed).permutation(n)
    n_train, n_validation = round(0.7 * n), round(0.2 * n)
    X = X[order]
    X = StandardScaler().fit(X[:n_train]).transform(X)
    sizes = [n_train, n_validation, n - n_train - n_validation]
    return Prepared(
        name=name,
        recipe=NAME,
        X=X,
        y=np.asarray(positive, dtype=np.int64)[order],
        sensitive=np.asarray(group, dtype=np.int64)[order],
        split=np.repeat(["train", "validation", "test"], sizes),
        features=features,
        rows=kept[order],
        dropped=len(table) - n,
        l2=None,
    )
