"""The data sets that ship inside River, from streams of dicts to frames."""

from dataclasses import dataclass

import pandas as pd

from streamlearn.datasets.dataset import Dataset, Declaration, sensitive_column


@dataclass(frozen=True, kw_only=True)
class RiverSet(Declaration):
    """A set inside River's wheel; ``stream`` is its class there. Rows keep the stream's order."""

    stream: str

    @property
    def origin(self) -> str:
        """Where the data comes from, in a word or two."""
        return "River"

    def read(self, sensitive: str | None = None) -> Dataset:
        """Load it; see `Declaration.read`."""
        from river import datasets  # over a second to import: only on use

        features, labels = zip(*getattr(datasets, self.stream)(), strict=True)
        frame = pd.DataFrame.from_records(features)
        target = pd.Series(labels, name="target")
        return self.dataset(frame, target, sensitive_column(self.name, frame, sensitive))


SETS = (
    RiverSet(
        name="bananas",
        stream="Bananas",
        rows=5300,
        columns=2,
        classes=2,
        labels={False: 0, True: 1},
        positive=1,
        description="Two banana-shaped clusters in the plane",
        source="KEEL repository, as shipped by River",
        licence="not stated; River: BSD-3-Clause",
    ),
    RiverSet(
        name="image_segments",
        stream="ImageSegments",
        rows=2310,
        columns=18,
        classes=7,
        description="Seven kinds of outdoor image segments, from their colour and texture",
        source="Vision Group, University of Massachusetts 1990 (UCI), as shipped by River",
        licence="CC BY 4.0 (as stated by UCI); River: BSD-3-Clause",
    ),
    RiverSet(
        name="phishing",
        stream="Phishing",
        rows=1250,
        columns=9,
        classes=2,
        labels={False: "legitimate", True: "phishing"},
        positive="phishing",
        description="Is a web page phishing, from its address and its forms",
        source="Abdelhamid 2016 (UCI), as shipped by River",
        licence="CC BY 4.0 (as stated by UCI); River: BSD-3-Clause",
    ),
    RiverSet(
        name="shuttle",
        stream="Shuttle",
        rows=49097,
        columns=9,
        classes=2,
        labels={0: "normal", 1: "anomaly"},
        positive="anomaly",
        description="Anomalies among the sensor readings of a space shuttle",
        source="Statlog (UCI), cut down by ODDS, as shipped by River",
        licence="CC BY 4.0 (as stated by UCI); River: BSD-3-Clause",
    ),
)
