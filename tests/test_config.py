"""A TOML file: every wrong key, name or value is refused, with its place and the nearest valid."""

from pathlib import Path

import pytest

from streamlearn.config import Config, read
from streamlearn.errors import InputError
from streamlearn.stopping import Budget
from streamlearn.strategies import Diverse, Entropy

DATA = '[data]\nname = "iris"\n'


def config(folder: Path, text: str) -> Config:
    file = folder / "c.toml"
    file.write_text(text, encoding="utf-8")
    return read(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sed = 1\n" + DATA, ["unknown key 'sed'", "did you mean 'seed'"]),
        ('seed = "one"\n' + DATA, ["seed must be a whole number", "'one'"]),
        ("seed = -1\n" + DATA, ["seed must be", "-1"]),
        ("budget = 1.5\n" + DATA, ["budget must be a whole number", "1.5"]),
        ("budget = { label = 5 }\n" + DATA, ["budget.label", "did you mean 'labels'"]),
        ("per_round = 1.5\n" + DATA, ["per_round", "between 0 and 1", "1.5"]),
        ('per_round = "some"\n' + DATA, ["per_round", "'all'", "'some'"]),
        ("test = 1.2\n" + DATA, ["test must be", "1.2"]),
        ("initial = -3\n" + DATA, ["initial", "-3"]),
        ('metrics = ["acuracy"]\n' + DATA, ["metrics", "did you mean 'accuracy'"]),
        ('metrics = "accuracy"\n' + DATA, ["metrics must be a list", "'accuracy'"]),
        ("classes = [1]\n" + DATA, ["classes", "[1]"]),
        ('classes = [1, "a"]\n' + DATA, ["classes", "mix"]),
        ("", ["[data] section is missing"]),
        ('[data]\nname = "iris"\ntable = "x.csv"\n', ["[data] needs either"]),
        ('[data]\nname = "iris"\ntarget = "y"\n', ["[data].target is for a table"]),
        ('[data]\nnme = "iris"\n', ["[data].nme", "did you mean 'name'"]),
        ('[data]\nname = "iris"\nmissing = "inpute"\n', ["[data].missing", "'impute'"]),
        ('[data]\nname = "iris"\nbatch_size = 0\n', ["[data].batch_size", "got 0"]),
        (DATA + "seed = 1\n", ["[data].seed", "move it above the first [section]"]),
        ("data = 3\n", ["[data] must be a section"]),
        (DATA + '[learner]\nnam = "logistic"\n', ["[learner].nam", "did you mean 'name'"]),
        (DATA + '[learner]\nname = "logistics"\n', ["[learner].name", "did you mean 'logistic'"]),
        (DATA + '[learner]\nname = "logistic"\nmax_ter = 5\n', ["max_ter", "'max_iter'"]),
        (DATA + '[learner]\nname = "sgd"\nalpa = 0.1\n', ["[learner].alpa", "'alpha'"]),
        (DATA + '[learner]\nname = "logistic"\nC = -1.0\n', ["[learner]", "'C' parameter", "-1"]),
        (DATA + '[strategy]\nnam = "margin"\n', ["[strategy].nam", "did you mean 'name'"]),
        (DATA + "[strategy]\n", ["[strategy] needs a name", "margin"]),
        (DATA + '[strategy]\nname = "margn"\n', ["[strategy].name", "did you mean 'margin'"]),
        (
            DATA + '[strategy]\nname = "diverse"\nstrategy = { name = "margn" }\n',
            ["[strategy].strategy.name", "did you mean 'margin'"],
        ),
        (DATA + '[trimmer]\nname = "loss"\nbudgt = 0.1\n', ["[trimmer].budgt", "'budget'"]),
        (
            DATA + '[trimmer]\nname = "loss"\nbudget = "a"\n',
            ["[trimmer].budget", "'a'"],
        ),
        (DATA + '[annotator]\nkind = "peple"\n', ["[annotator].kind", "did you mean 'people'"]),
        (
            DATA + '[annotator]\nkind = "people"\ndelay = 1\n',
            ["[annotator].delay", "not for people"],
        ),
        (
            DATA + '[annotator]\nnoise = { name = "symetric", rate = 0.1 }\n',
            ["[annotator].noise.name", "did you mean 'symmetric'"],
        ),
        (
            DATA + '[annotator]\nnoise = { name = "symmetric" }\n',
            ["[annotator].noise.rate is missing"],
        ),
        (DATA + "[stop]\nplato = {}\n", ["[stop].plato", "did you mean 'plateau'"]),
        (DATA + "[stop]\nplateau = { round = 3 }\n", ["[stop].plateau.round", "'rounds'"]),
        (DATA + "[stop]\nplateau = 3\n", ["[stop].plateau must be a table", "rounds"]),
        (DATA + "[stop]\ntime_up = {}\n", ["[stop].time_up", "seconds"]),
        ("seed = \n", ["not valid TOML", "line 1"]),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        config(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "c.toml"))
    for word in words:
        assert word in message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read(tmp_path / "nowhere.toml")


def test_everything_at_once(tmp_path: Path) -> None:
    said = config(
        tmp_path,
        """
        seed = 3
        budget = { labels = 50, cost = 80, price = 2 }
        per_round = 0.1
        initial = 9
        test = 30
        reference = 6
        votes = 2
        memory = 500
        metrics = ["log_loss"]
        [data]
        name = "iris"
        [learner]
        name = "logistic"
        C = 2
        [strategy]
        name = "diverse"
        pool_factor = 3
        strategy = { name = "entropy" }
        [trimmer]
        name = "loss"
        budget = 0.2
        [annotator]
        noise = { name = "symmetric", rate = 0.2 }
        abstain = 0.1
        delay = 2
        cost = 0.5
        [stop]
        plateau = { metric = "log_loss", rounds = 4, lower_is_better = true }
        time_up = { seconds = 60 }
        require = "all"
        """,
    )
    assert said.budget == Budget(50, 80, 2)
    assert said.strategy is not None
    made = said.strategy.make()
    assert isinstance(made, Diverse)
    assert isinstance(made.strategy, Entropy)
    assert said.learner.make().C == 2
    assert "Plateau" in repr(said.stop)
    assert "Both" in repr(said.stop)
    assert said.seed == 3
    assert read(tmp_path / "c.toml", seed=8).seed == 8


def test_conditions_end_at_the_first_by_default(tmp_path: Path) -> None:
    text = "[stop]\nplateau = { rounds = 4 }\nagreement = {}\n"
    assert "Either" in repr(config(tmp_path, DATA + text).stop)


def test_a_seed_goes_where_the_file_sets_none(tmp_path: Path) -> None:
    said = config(tmp_path, DATA + '[trimmer]\nname = "random"\n')
    assert said.trimmer is not None
    assert said.trimmer.make(seed=5).seed == 5
    said = config(tmp_path, DATA + '[trimmer]\nname = "random"\nseed = 2\n')
    assert said.trimmer is not None
    assert said.trimmer.make(seed=5).seed == 2
