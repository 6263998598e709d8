"""Names of the columns that the preprocessor hands to the model.

Plain functions of this module, because a fitted pipeline refers to them by
name when it is saved.
"""

from __future__ import annotations

from typing import Any

RARE = "(rare)"
MISSING = "(missing)"


def level_name(feature: str, level: Any) -> str:
    """Return the name of one level's 0/1 column, such as ``purpose=car``.

    Parameters
    ----------
    feature : str
        Name of the category column.
    level : object
        The level; NaN stands for missing cells, and scikit-learn's own word
        for the lumped rare levels becomes ``(rare)``.
    """
    if not isinstance(level, str):
        return f"{feature}={MISSING}"
    return f"{feature}={RARE if level == 'infrequent_sklearn' else level}"


def output_name(transformer: str, feature: str) -> str:
    """Return the name that the model's column carries in reports.

    The names of different transformers may coincide (a column ``a`` with the
    level ``b=c`` beside a column ``a=b`` with the level ``c``); names are for
    people, and nothing is looked up by them.
    """
    if transformer.endswith("_missing"):
        return f"{feature.removeprefix('missingindicator_')}={MISSING}"
    return feature
