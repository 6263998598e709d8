"""Dates as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.features.dateparts import PARTS, date_part, elapsed_days
from mlcli.features.dates import DateEncoder

DATES = pd.DataFrame(
    {
        "day": pd.to_datetime(["2024-02-28", "2024-02-29", None, "2024-03-02"]).astype("datetime64[us]"),
        "time": pd.to_datetime(
            ["2023-12-31 23:59:30", "2024-01-01 00:00:00", "2024-01-06 12:30:00", "2024-01-07 12:30:00"]
        ).astype("datetime64[us]"),
    }
)


@settings(max_examples=50, deadline=None)
@given(when=st.datetimes())
def test_parts_are_those_of_the_calendar(when):
    dates = np.array([when], dtype="datetime64[us]")
    expected = {
        "year": when.year,
        "month": when.month,
        "day": when.day,
        "weekday": when.weekday(),
        "hour": when.hour,
        "minute": when.minute,
        "quarter": (when.month + 2) // 3,
        "day_of_year": when.timetuple().tm_yday,
        "weekend": when.weekday() >= 5,
    }
    assert {part: date_part(dates, part)[0] for part in PARTS} == expected


def test_elapsed_days_have_fractions_and_a_sign():
    dates = np.array(["1969-12-31T12:00", "1970-01-02T06:00", "NaT"], dtype="datetime64[us]")

    np.testing.assert_array_equal(elapsed_days(dates, 0), [-0.5, 1.25, np.nan])


def test_parts_that_do_not_vary_in_training_are_left_out():
    encoder = DateEncoder().fit(DATES)

    assert encoder.get_feature_names_out().tolist() == [
        "day.month",
        "day.day",
        "day.weekday",
        "day.day_of_year",
        "day.weekend",
        "day.elapsed_days",
        "time.year",
        "time.month",
        "time.day",
        "time.weekday",
        "time.hour",
        "time.minute",
        "time.quarter",
        "time.day_of_year",
        "time.weekend",
        "time.elapsed_days",
    ]


def test_the_configured_parts_are_given_whether_they_vary_or_not():
    encoder = DateEncoder(parts=("year", "hour"), elapsed=False).fit(DATES[["day"]])

    np.testing.assert_array_equal(
        encoder.transform(DATES[["day"]]), [[2024, 0], [2024, 0], [np.nan, np.nan], [2024, 0]]
    )


def test_days_count_from_the_earliest_training_date():
    encoder = DateEncoder(parts=()).fit(DATES[["day"]])
    later = pd.DataFrame({"day": pd.to_datetime(["2024-02-27 00:00", "2024-03-28 06:00"])})

    np.testing.assert_array_equal(encoder.transform(later).ravel(), [-1.0, 29.25])


def test_only_columns_with_gaps_in_training_get_an_indicator():
    encoder = DateEncoder(parts=("year",), elapsed=False, indicator=True).fit(DATES)

    assert encoder.get_feature_names_out().tolist() == ["day.year", "day=(missing)", "time.year"]
    np.testing.assert_array_equal(encoder.transform(DATES)[:, 1], [0, 0, 1, 0])


@pytest.mark.parametrize("elapsed", [True, False])
def test_a_column_without_a_date_keeps_its_place(elapsed):
    blank = pd.DataFrame({"day": pd.to_datetime([None, None]).astype("datetime64[us]")})

    assert np.isnan(DateEncoder(elapsed=elapsed).fit_transform(blank)).tolist() == [[True], [True]]


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match=r"parts must be among year, .*\. Got century, decade\."):
        DateEncoder(parts=("decade", "century")).fit(DATES)


def test_arrays_are_read_as_frames_are():
    array = DATES.to_numpy("datetime64[us]")

    np.testing.assert_array_equal(DateEncoder().fit_transform(array), DateEncoder().fit_transform(DATES))
