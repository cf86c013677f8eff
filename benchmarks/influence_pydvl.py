"""Scores of Adult's rows against pyDVL's, which lives in an environment of its own.

pyDVL pins an old numpy, so its half runs in another interpreter, on the same arrays (as files)
and one thread. Both sides start from the same fitted parameters, without an intercept, and time
everything from there to one score a training row: Hessian, solve, product. pyDVL is given both
its own way (an n_val x n array of influences, then its sum) and a better one (the validation
gradients summed before the product). Each side's time is divided by one X'X in its own process.

    python -m venv ENV && ENV/bin/pip install "pydvl[influence]==0.10.0" "numpy<2"
    python benchmarks/influence_pydvl.py --python ENV/bin/python
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

L2 = 2.2622


def timed(run: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """Best processor time, and the result."""
    best, result = np.inf, None
    for _ in range(repeat):
        start = time.process_time()
        result = run()
        best = min(best, time.process_time() - start)
    return best, result


def theirs(folder: Path) -> None:
    """Run in pyDVL's interpreter; write scores and print times as JSON."""
    import torch  # type: ignore[import-not-found]
    from pydvl.influence.torch import DirectInfluence  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    X, y, V, w, theta = (np.load(folder / f"{name}.npy") for name in ("X", "y", "V", "w", "theta"))
    model = torch.nn.Linear(X.shape[1], 1, bias=False).double()
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(theta)
    a, b, c, d = (torch.from_numpy(v) for v in (X, y[:, None], V, w[:, None]))

    def fitted() -> Any:
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        influence = DirectInfluence(model, loss, regularization=L2 / len(y))
        return influence.fit(
            torch.utils.data.DataLoader(torch.utils.data.TensorDataset(a, b), 1000)
        )

    def own_way() -> Any:
        return fitted().influences(c, d, a, b).sum(dim=0)

    def better_way() -> Any:
        influence = fitted()
        factors = influence.influence_factors(c, d).sum(dim=0, keepdim=True)
        return influence.influences_from_factors(factors, a, b)[0]

    product, _ = timed(lambda: X.T @ X, 5)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    better, scores = timed(better_way)
    used = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory]
    own, _ = timed(own_way, 1)
    used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    np.save(folder / "scores.npy", scores.detach().numpy())
    print(json.dumps({"product": product, "better": better, "own": own, "memory": used}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", help="interpreter of an environment with pyDVL")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        theirs(options.child)
        return
    if not options.python:
        parser.error("--python is needed: the interpreter of an environment with pyDVL")

    from scipy.stats import spearmanr
    from threadpoolctl import threadpool_limits

    from streamlearn.datasets import load
    from streamlearn.influence import LinearClassifier, ValidationLoss, influence

    if "STREAMLEARN_DATA" in os.environ:
        recipe = load("adult", recipe="chhabra2024")
        (X, y, _), (V, w, _) = recipe.part("train"), recipe.part("validation")
    else:
        rng = np.random.default_rng(0)
        X, V = rng.normal(size=(30_000, 102)), rng.normal(size=(7_500, 102))
        beta = rng.normal(size=102) * 0.2
        y, w = (((M @ beta + rng.logistic(size=len(M))) > 0).astype(int) for M in (X, V))
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        model = LinearClassifier(l2=L2, fit_intercept=False).fit(X, y)
        f = ValidationLoss(V, w)
        product, _ = timed(lambda: X.T @ X, 5)
        ours, scores = timed(lambda: influence(model, X, y, f, leverage=False))
        corrected, _ = timed(lambda: influence(model, X, y, f))
        folder = Path(name)
        arrays = {"X": X, "y": y.astype(float), "V": V, "w": w.astype(float), "theta": model.coef_}
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [options.python, __file__, "--child", name]
        printed = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        answer = json.loads(printed.splitlines()[-1])
        rank = float(spearmanr(np.load(folder / "scores.npy"), scores)[0])
    print(f"{X.shape[0]:,} x {X.shape[1]}, {len(w):,} validation rows; processor time, one thread")
    print(f"rank correlation of the scores (sign taken off): {abs(rank):.6f}")
    rows = [
        ("ours, plain", ours, product, 0),
        ("ours, leverage-corrected", corrected, product, 0),
        ("pyDVL, validation gradients summed first", answer["better"], answer["product"], 1),
        ("pyDVL, n_val x n array", answer["own"], answer["product"], 2),
    ]
    for label, seconds, unit, kind in rows:
        extra = f", {answer['memory'][kind - 1] / 1024:.0f} MB more" if kind else ""
        print(
            f"   {label:<42}{seconds * 1e3:>9.0f} ms {seconds / unit:>8.1f} X'X "
            f"{seconds / ours:>7.1f} x ours{extra}"
        )


if __name__ == "__main__":
    main()
