"""Small artifacts and fitted pipelines that the tests of the artifact share."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mlcli.archive import read_content, read_layout, write_archive
from mlcli.artifact.canonical import STATE
from mlcli.artifact.manifest import MANIFEST, Manifest, MemberDigest, members_digest
from mlcli.artifact.write import ArtifactParts
from mlcli.data.distributions import Bins, Distributions
from mlcli.data.schema import Column, NumberRange, Schema, Target

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

METRICS = b'{"metrics": [{"name": "accuracy", "value": 0.9, "low": 0.8, "high": 1.0, "dummy": 0.5, "note": "x"}]}'


def table() -> Any:
    """Rows with every kind of column, some cells missing."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    n_rows = 120
    level = rng.choice(["red", "green", "blue", "rare"], n_rows, p=[0.4, 0.3, 0.28, 0.02])
    frame = pd.DataFrame(
        {
            "length": rng.normal(size=n_rows),
            "width": rng.normal(size=n_rows),
            "colour": pd.Series(level, dtype="str"),
            "remark": pd.Series(
                [f"{a} and {b}" for a, b in rng.choice(["good", "bad", "fine", "odd"], (n_rows, 2))], dtype="str"
            ),
        }
    )
    frame.loc[::10, "length"] = np.nan
    frame.loc[::15, "colour"] = None
    return frame


def target() -> Any:
    frame = table()
    return ((frame["width"] + (frame["colour"] == "red")) > 0.3).to_numpy()


def classifiers() -> dict[str, Callable[[], Any]]:
    """Estimators whose stored forms differ: arrays, trees, sets, sparse matrices, generators."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC, LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic_regression": LogisticRegression,
        "decision_tree": lambda: DecisionTreeClassifier(random_state=0),
        "random_forest": lambda: RandomForestClassifier(4, random_state=0),
        "extra_trees": lambda: ExtraTreesClassifier(4, random_state=0),
        "gradient_boosting": lambda: HistGradientBoostingClassifier(max_iter=4, random_state=0),
        "svm": lambda: SVC(random_state=0),
        "linear_svm": lambda: CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False),
        "nearest_neighbors": lambda: KNeighborsClassifier(algorithm="kd_tree"),
        "naive_bayes": GaussianNB,
        "mlp": lambda: MLPClassifier((4,), max_iter=400, tol=0.1, random_state=0),
    }


def boosters() -> dict[str, Callable[[], Any]]:
    """Estimators of the extra ``boost``, where they are installed."""
    from importlib.util import find_spec

    found: dict[str, Callable[[], Any]] = {}
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        found["lightgbm"] = lambda: LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1)
    if find_spec("xgboost"):
        from xgboost import XGBClassifier

        found["xgboost"] = lambda: XGBClassifier(n_estimators=3, n_jobs=1)
    return found


TRUSTED = (
    "collections.OrderedDict",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
"""Types that the pipelines of these tests are made of, beside those that skops trusts."""


def fitted(estimator: Any, *, sparse: bool = False) -> Any:
    """Fit `estimator` behind numbers, categories and, when sparse, texts."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.05, sparse_output=sparse)
    steps: list[Any] = [
        ("number", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["length", "width"]),
        ("category", one_hot, ["colour"]),
    ]
    if sparse:
        steps.append(("text", TfidfVectorizer(stop_words=["and"]), "remark"))
    return Pipeline([("features", ColumnTransformer(steps)), ("estimator", estimator)]).fit(table(), target())


def small_pipeline() -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return fitted(DecisionTreeClassifier(max_depth=2, random_state=0))


def sample_schema() -> Schema:
    spread = NumberRange(-3.0, 3.0, (-2.5, -2.0, -1.0, 0.0, 1.0, 2.0, 2.5), integer=False)
    return Schema(
        columns=(
            Column("length", "number", "number", "numbers", 12, 108, number=spread),
            Column("colour", "category", "text", "few levels", 8, 4, categories={"red": 48, "blau, grün": 3}),
        ),
        target=Target(
            "good", "classification", "boolean", "two classes", classes=(False, True), counts=(60, 60), positive=True
        ),
        ignored=(),
        id=("id",),
        weight=None,
        missing_values=("?",),
        n_rows=120,
    )


def sample_distributions() -> Distributions:
    return Distributions(
        n_rows=120, columns={"length": Bins((-1.0, 0.0, 1.0), (27, 27, 27, 27), 12, 0.0, 1.0)}, predicted=(12, 12)
    )


def sample_parts(pipeline: Any, *, model: str = "decision_tree") -> ArtifactParts:
    return ArtifactParts(
        name="sample",
        task="classification",
        model=model,
        config_text="name: sample\nmodel: {name: decision_tree}  # größer\n",
        schema=sample_schema(),
        pipeline=pipeline,
        metrics=METRICS,
        baseline=b'{"kind": "classification"}',
        golden=b'{"rows": []}',
        provenance=b'{"split": "random"}',
        profile=sample_distributions().to_json(),
        data_fingerprint="ab" * 32,
        n_train=96,
        n_test=24,
    )


def unpack(content: bytes) -> dict[str, bytes]:
    file = io.BytesIO(content)
    return {m.name: read_content(file, m, place="sample") for m in read_layout(file, place="sample")}


def pack(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    write_archive(file, members.items())
    return file.getvalue()


def forge(content: bytes, *, members: dict[str, bytes] | None = None, **fields: Any) -> bytes:
    """Change members or manifest fields of an artifact and make every digest right again."""
    contents = unpack(content) | (members or {})
    manifest = msgspec.json.decode(contents.pop(MANIFEST), type=Manifest)
    digests = {name: MemberDigest(hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()}
    changed = msgspec.structs.replace(
        manifest,
        **(
            {"members": digests, "digest": members_digest(digests), "config_digest": digests["config.yaml"].sha256}
            | fields
        ),
    )
    return pack({MANIFEST: changed.to_json(), **contents})


def edit_state(
    skops: bytes, edit: Callable[[dict[str, Any]], object], *, files: dict[str, bytes] | None = None
) -> bytes:
    """Change the state of a skops file, and perhaps its files."""
    members = unpack(skops) | (files or {})
    state = json.loads(members[STATE])
    edit(state)
    return pack(members | {STATE: json.dumps(state).encode()})


def save(folder: Path, content: bytes) -> Path:
    path = folder / "model.mlcli"
    path.write_bytes(content)
    return path
