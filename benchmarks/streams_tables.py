"""How the cells of the noisy streams are read: differences in pairs, in points, with their bounds.

Every comparison is within one stream, arm against arm; ± is one standard error over seeds. "way" is
the share of the way from *keep all*, its penalty tuned, to *oracle*, which trims exactly the wrong
rows; "from plain" the same from keep all with scikit-learn's default penalty. Both are ratios of
means over the sets.
"""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

TABLE = ["learner", "judges", "noise", "reference"]
BOUNDS = {"keep all", "reference alone"}


def show(results: pd.DataFrame) -> None:
    """Print every table that there are cells for, then whether `Auto` meets its bars."""
    averaged = results["learner"] == "averaged"
    large = results["reference"] > 300
    main = results[averaged & (results["judges"] == "clean") & ~large]
    seeds = main.groupby(["data", "noise", "reference"])["seed"].nunique()
    print(f"main table: averaged logistic SGD, {seeds.min()} to {seeds.max()} seeds a row, points")
    if seeds.min() < 20:
        print("fewer than 20 seeds: a look, and no verdict")
    _tables(main)
    _bars(main)
    side = results.drop(main.index)
    if len(side):
        print("\nside tables")
        side = side.assign(reference=side["reference"].mask(side["reference"] > 300, "large"))
        _tables(side)
    chosen = main[main["arm"] == "Auto"]
    print("\nwhat Auto chose, batches")
    for key, part in chosen.groupby(["noise", "reference"], sort=False):
        names = pd.Series(list(itertools.chain(*part["chosen"].str.split())))
        print(f"  {key[0]}, {key[1]}: {names.value_counts().to_dict()}")


def _tables(results: pd.DataFrame) -> None:
    for key, part in results.groupby(TABLE, sort=False):
        seeds = part.groupby("data", sort=False)["seed"].nunique().to_dict()
        print(f"\n{key[0]}, {key[1]} reference of {key[3]}, noise: {key[2]}; seeds {seeds}")
        wide = _wide(part, "accuracy")
        gain = wide.sub(wide["keep all"], axis=0).groupby("data", sort=False)
        level = wide["keep all"].groupby("data", sort=False).mean()
        print(f"{'(keep all, accuracy)':20s}" + "".join(f"{v:9.2f}      " for v in level))
        mean, error = gain.mean(), gain.sem()
        print(f"{'':20s}" + "".join(f"{name[:13]:>14s} " for name in mean.index)
              + f"{'mean':>8s}{'':7s}{'way':>8s}{'trimmed':>9s}{'precision':>10s}"
              f"{'recall':>7s}")  # fmt: skip
        what = part.groupby("arm")[["trimmed", "precision", "recall"]].mean()
        for arm in part["arm"].unique():
            line = f"{arm:20s}"
            for name in mean.index:
                line += f"{mean.loc[name, arm]:+7.2f} ± {error.loc[name, arm]:4.2f} "
            whole = np.sqrt((error[arm] ** 2).sum(skipna=False)) / len(error)
            line += f"{mean[arm].mean():+8.2f} ± {whole:4.2f}"
            share = mean[arm].mean() / mean["oracle"].mean() if key[2] != "none" else np.nan
            line += f"{share:8.0%}" if np.isfinite(share) else f"{'':8s}"
            print(line + "".join(f"{v:{w}.2f}" for v, w in zip(what.loc[arm], (9, 10, 7),
                                                               strict=True)))  # fmt: skip


def _wide(part: pd.DataFrame, value: str) -> pd.DataFrame:
    return part.pivot_table(index=["data", "seed"], columns="arm", values=value, sort=False)


def _bars(main: pd.DataFrame) -> None:
    """Auto against the better bound on each row, and on the way to the oracle."""
    print("\nAuto against the better of keep all and reference alone, one-sided 95 % bound")
    print("(the better: of the higher mean on the row; last: the higher of the two seed by seed)")
    rows = {}
    for key, part in main.groupby(["noise", "reference", "data"], sort=False):
        wide = part.pivot(index="seed", columns="arm", values="accuracy")
        best = max(sorted(BOUNDS), key=lambda arm, wide=wide: wide[arm].mean())  # type: ignore[misc]
        rows[key] = wide["Auto"] - wide[best]
        hindsight = one_sided(wide["Auto"] - wide[sorted(BOUNDS)].max(axis=1))
        mean, error, bound = one_sided(rows[key])
        verdict = "  below -.5" if bound < -0.5 else ""
        print(f"  {key[0]:19s}{key[1]:4d} {key[2]:16s} {best:16s}{mean:+6.2f} ± {error:4.2f}"
              f"  bound {bound:+6.2f}{verdict:12s}{hindsight[2]:+8.2f}")  # fmt: skip
    whole = pd.DataFrame(rows).dropna().mean(axis=1)
    mean, error, bound = one_sided(whole)
    short = sum(one_sided(row)[2] < -0.5 for row in rows.values())
    print(f"  average of {len(rows)} rows, {len(whole)} seeds: {mean:+.2f} ± {error:.2f}, "
          f"bound {bound:+.2f} (asked: -.2); rows below -.5: {short}")  # fmt: skip
    for size, asked in ((300, 70), (100, 40)):
        at = (main["noise"] == "symmetric") & (main["reference"] == size)
        if at.any():
            part = main[at]
            told = ("Auto", "noise model", "reference alone", "verified 10%")
            said = "; ".join(f"{arm} {_way(part, arm)}" for arm in told)
            print(f"  symmetric third, {size} reference rows, way from tuned (from plain) keep "
                  f"all: {said}; asked of Auto: {asked} %")  # fmt: skip


def one_sided(gaps: pd.Series) -> tuple[float, float, float]:
    """Mean, standard error, and lower end of the one-sided 95 % interval."""
    values, n = gaps.to_numpy(np.float64), len(gaps)
    mean = float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return mean, error, mean - float(stats.t.ppf(0.95, max(n - 1, 1))) * error


def _way(part: pd.DataFrame, arm: str) -> str:
    """Share of the way to the oracle from keep all, tuned and plain, with jackknife errors."""
    wide = _wide(part, "accuracy")
    plain = _wide(part, "plain")["keep all"]
    return "{} ({})".format(*(_ratio(wide[arm] - base, wide["oracle"] - base)
                              for base in (wide["keep all"], plain)))  # fmt: skip


def _ratio(made: pd.Series, whole: pd.Series) -> str:
    """Ratio of means over the sets, and its standard error by leaving out one seed at a time."""
    seeds = made.index.get_level_values("seed")

    def ratio(used: pd.Series) -> float:
        a, b = (v[used].groupby("data").mean().mean() for v in (made, whole))
        return float(a / b)

    everything = ratio(pd.Series(True, index=made.index))
    left = np.array([ratio(pd.Series(seeds != seed, index=made.index)) for seed in seeds.unique()])
    n = len(left)
    error = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()) if n > 1 else np.nan
    return f"{everything:.0%} ± {error:.0%}"
