"""What learning curves show: areas, paired tests, ranks over data sets, findings in plain words."""

from streamlearn.statistics.curves import average, summarise
from streamlearn.statistics.finding import Finding
from streamlearn.statistics.findings import findings
from streamlearn.statistics.nemenyi import critical_difference
from streamlearn.statistics.paired import paired
from streamlearn.statistics.ranks import Ranking, rank, rankings
from streamlearn.statistics.wins import WinMatrix, win_matrix

__all__ = [
    "Finding",
    "Ranking",
    "WinMatrix",
    "average",
    "critical_difference",
    "findings",
    "paired",
    "rank",
    "rankings",
    "summarise",
    "win_matrix",
]
