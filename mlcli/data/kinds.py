"""The rules by which a column gets its kind, each with its reason in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mlcli.config.sections import Kind
from mlcli.data.bad_cells import quoted
from mlcli.data.dates import ISO, TWINS
from mlcli.data.profile import ColumnProfile, date_forms, likeliest_form, text_shape
from mlcli.data.schema import Storage
from mlcli.data.suspects import odd_tokens

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ENOUGH_ROWS = 20
"""Rows below which a column without repeats proves nothing."""

NEAR_UNIQUE = 0.5
"""Share of distinct values above which names and codes repeat too seldom to learn from."""

TEXT_WORDS = 3
"""Mean words from which near-unique values are texts and not names."""

# A last word of a name that says: this names a row or a thing, it measures nothing.
_NAMES_A_ROW = {"id", "ids", "uuid", "guid", "index", "idx", "no", "nr", "number", "key", "rowid", "rownum", "serial"}
_NAMES_A_THING = {"id", "ids", "uuid", "guid", "code", "zip", "zipcode", "postcode", "postal", "plz", "sku"}
_ENDINGS = ("编号", "序号", "代码", "邮编")
_BOOLEAN_PAIRS = ({"false", "true"}, {"no", "yes"}, {"f", "t"}, {"n", "y"})


class KindChoice(NamedTuple):
    """What a column is taken for.

    Parameters
    ----------
    kind : Kind, optional
        How the model uses it; None where it is left out.
    storage : Storage
        What its cells are.
    reason : str
        Why, for people.
    form : str, optional
        Form of its dates, from `mlcli.data.dates.FORMS`.
    """

    kind: Kind | None
    storage: Storage
    reason: str
    form: str | None = None


def storage_of(profile: ColumnProfile) -> Storage:
    """Return what a category's or a target's cells are.

    Numbers with leading zeros are texts: 007 is not 7. Of the boolean words
    only true and false are booleans; a person who wrote "yes" wants to read "yes".
    """
    if profile.native == "boolean" or (profile.native == "text" and _within(profile, {"false", "true"})):
        return "boolean"
    return "number" if profile.numbers is not None and not profile.leading_zeros else "text"


def _within(profile: ColumnProfile, words: set[str]) -> bool:
    lowered = profile.lowered()
    return bool(lowered) and lowered <= words if lowered is not None else False


def choose_kind(profile: ColumnProfile) -> KindChoice:
    """Choose the kind of a column that the config says nothing of.

    Parameters
    ----------
    profile : ColumnProfile
        What stands in its training rows.
    """
    if profile.native is None:
        return KindChoice(None, "text", f"nested values ({profile.type_name})")
    if profile.n_present == 0:
        return KindChoice(None, "text", "empty: every cell is missing")
    if profile.n_distinct == 1 and profile.n_missing == 0:
        only = f": always {quoted(profile.texts[0].as_py())}" if len(profile.texts) else ""
        return KindChoice(None, storage_of(profile), f"constant{only}")
    if profile.native == "date":
        return KindChoice("date", "date", "dates in the file")
    if profile.native == "boolean" or any(_within(profile, pair) for pair in _BOOLEAN_PAIRS):
        return KindChoice(
            "boolean",
            "boolean",
            "true or false in the file" if profile.native == "boolean" else "words for true and false",
        )
    if profile.numbers is not None and not profile.leading_zeros:
        return _choose_for_numbers(profile)
    return _choose_for_dates(profile) or _choose_for_texts(profile)


def _choose_for_numbers(profile: ColumnProfile) -> KindChoice:
    assert profile.numbers is not None
    shown = f"{profile.n_distinct} distinct values in {profile.n_present} rows"
    plain = KindChoice("number", "number", f"{'whole numbers' if profile.whole else 'numbers'}, {shown}")
    if not profile.whole:
        return plain
    least, greatest = float(profile.numbers[0]), float(profile.numbers[-1])
    last = _last_word(profile.name)
    if _is_year(last, least, greatest):
        return plain
    if _are_compact_dates(profile.numbers):
        return plain._replace(reason=f"{plain.reason}; {_date_advice(profile.name)}")
    unique = profile.n_distinct == profile.n_rows
    if unique and profile.n_rows > 2 and (last in _NAMES_A_ROW or profile.name.endswith(_ENDINGS)):
        return KindChoice(
            None, "number", f"id-like: a whole number of its own in every row, and its name ends in {last!r}"
        )
    # So many draws from so few whole numbers would repeat (the birthday bound): these were dealt out, not measured.
    if unique and profile.n_rows >= ENOUGH_ROWS and profile.n_rows**2 >= 20 * (greatest - least + 1):
        return KindChoice(
            None,
            "number",
            f"id-like: it counts the rows, a whole number of its own in each ({least:.0f} to {greatest:.0f})",
        )
    code = last in _NAMES_A_THING or profile.name.endswith(_ENDINGS)
    if not code and max(-least, greatest) <= 2**53:
        return plain
    why = f"its name ends in {last!r}" if code else "they have more digits than a measure has"
    if profile.n_distinct > NEAR_UNIQUE * profile.n_rows and profile.n_distinct > ENOUGH_ROWS:
        return KindChoice(None, "number", f"id-like: {shown}, and {why}")
    return KindChoice("category", "number", f"whole numbers that name something: {why}; {shown}")


def _is_year(last: str, least: float, greatest: float) -> bool:
    return last in {"year", "yr", "years"} or last.endswith("年") if least >= 1000 and greatest < 3000 else False


def _are_compact_dates(numbers: NDArray[np.float64]) -> bool:
    """Tell whether whole numbers look like 20110131, in a plausible century."""
    if numbers[0] < 1900_01_01 or numbers[-1] > 2100_12_31:
        return False
    return "%Y%m%d" in date_forms(_whole_texts(numbers), asked=True)


def _whole_texts(numbers: NDArray[np.float64]) -> pa.Array:
    import pyarrow as pa

    return pa.array([f"{number:.0f}" for number in numbers], pa.large_string())


def _date_advice(name: str) -> str:
    return f"they could be dates: data.columns: {{{name}: date}} reads them so"


def _last_word(name: str) -> str:
    """Return the last word of a column name, lower case: ``id`` of PassengerId, Customer ID and card_id."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+", name)
    return words[-1].lower() if words else ""


def _choose_for_dates(profile: ColumnProfile) -> KindChoice | None:
    """Return the kind date when every value has one form of dates."""
    forms = date_forms(profile.texts, asked=False)
    return _date_choice(profile, forms) if forms else None


def _date_choice(profile: ColumnProfile, forms: list[str]) -> KindChoice:
    form = forms[0]
    twin = TWINS.get(form)
    if form == ISO or twin not in forms:
        return KindChoice("date", "date", f"dates, {'ISO 8601' if form == ISO else form}", form)
    # 01/05/2011, 01/06/2011, ...: a first part that is always 1 is the day of monthly data.
    firsts = {re.split("[/-]", text)[0].lstrip("0") for text in profile.texts.to_pylist()}
    if firsts == {"1"}:
        form, twin = str(twin), form
    return KindChoice(
        "date",
        "date",
        f"dates, ambiguous: read as {form}, but {twin} fits every value as well; ISO dates (2011-01-31) leave no doubt",
        form,
    )


def _choose_for_texts(profile: ColumnProfile) -> KindChoice:
    """Choose between category, text and left out."""
    n_distinct, n_present = profile.n_distinct, profile.n_present
    shown = f"{n_distinct} distinct values in {n_present} rows"
    if odd := odd_tokens(profile):
        return KindChoice("category", "text", odd.reason)
    shape = text_shape(profile.texts)
    repeats_seldom = n_distinct > NEAR_UNIQUE * n_present and n_distinct >= (ENOUGH_ROWS if shape.words < 5 else 5)
    long_and_varied = shape.words >= 8 and n_distinct > max(50, 0.2 * n_present)
    if (repeats_seldom and shape.words >= TEXT_WORDS) or long_and_varied:
        unit = "words" if shape.spaced else "characters, not separated by spaces,"
        size = shape.words if shape.spaced else shape.length
        return KindChoice("text", "text", f"texts of {size:.0f} {unit} on average; {shown}")
    if n_distinct > NEAR_UNIQUE * profile.n_rows and n_distinct > ENOUGH_ROWS:
        if n_distinct == n_present and shape.one_word:
            return KindChoice(
                None, "text", f"id-like: a value of its own in every row, such as {quoted(profile.texts[0].as_py())}"
            )
        return KindChoice(
            None, "text", f"near-unique: {shown}, too few repeats to learn from and too few words for a text"
        )
    if n_distinct == n_present > 2 and _last_word(profile.name) in _NAMES_A_THING:
        return KindChoice(
            None, "text", f"id-like: a value of its own in every row, and its name ends in {_last_word(profile.name)!r}"
        )
    if profile.leading_zeros:
        return KindChoice("category", "text", f"codes of digits with leading zeros; {shown}")
    if date_forms(profile.texts, asked=True):
        return KindChoice("category", "text", f"{shown}; {_date_advice(profile.name)}")
    return KindChoice("category", "text", shown)


def forced_kind(profile: ColumnProfile, kind: Kind) -> KindChoice:
    """Return the choice that a config makes for a column.

    Parameters
    ----------
    profile : ColumnProfile
        What stands in its training rows.
    kind : Kind
        The kind that `data.columns` gives it.
    """
    inferred = choose_kind(profile)
    # A config that only confirms, as one written by init does, keeps the reason that tells something.
    confirms = inferred.kind == kind
    by_itself = f"{inferred.kind or 'ignored'}, {inferred.reason}"
    reason = inferred.reason if confirms else f"data.columns says so; by itself: {by_itself}"
    match kind:
        case "category":
            return KindChoice("category", storage_of(profile), reason)
        case "date":
            if profile.native == "date":
                return KindChoice("date", "date", reason)
            choice = _forced_date(profile)
            return choice if confirms else choice._replace(reason=f"data.columns says so; {choice.reason}")
        case _:
            return KindChoice(kind, kind, reason)


def _forced_date(profile: ColumnProfile) -> KindChoice:
    """Return the form of dates that a config asks to read; where none fits every cell, the one that fits most."""
    texts = profile.texts
    if not len(texts) and profile.numbers is not None:
        texts = _whole_texts(profile.numbers)
    return _date_choice(profile, date_forms(texts, asked=True) or [likeliest_form(texts)])
