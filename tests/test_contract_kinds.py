"""What a column is taken for, and the reason that a person reads."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from mlcli.data.cells import Missing
from mlcli.data.kinds import choose_kind, forced_kind
from mlcli.data.profile import profile_column
from mlcli.data.suspects import suspect_tokens

N = 60
PLAIN = Missing.of([])


def choice_for(cells, *, name="x", missing=()):
    """Return what the inference makes of one column."""
    column = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([pa.array(cells)])
    return choose_kind(profile_column(column, Missing.of(missing), name=name))


def repeated(*values, n=N):
    return [values[i % len(values)] for i in range(n)]


def measures(n=N):
    return [f"{i * 0.37:.2f}" for i in range(n)]


COLUMNS = {
    "decimals as text": (measures(), "number"),
    "unique decimals are a measurement": ([i * 1.5 + 0.25 for i in range(N)], "number"),
    "numbers with blanks and spaces": (repeated("1", " 2 ", "", None, "3.5"), "number"),
    "numbers with nan": (repeated("1", "nan", "2"), "number"),
    "whole numbers with few values": (repeated(0, 1, 2), "number"),
    "native decimals": (repeated(Decimal("1.10"), Decimal("2.20"), None), "number"),
    "zeros and ones": (repeated("0", "1"), "number"),
    "one number or blank": (repeated("5", ""), "number"),
    "unique whole numbers far apart": ([(i * i * 7919) % 1_000_003 for i in range(N)], "number"),
    "repeated whole numbers": ([i // 2 for i in range(N)], "number"),
    "native booleans": (repeated(True, False), "boolean"),
    "true and false": (repeated("True", "FALSE", "true"), "boolean"),
    "yes and no": (repeated("Yes", "no"), "boolean"),
    "t and f": (repeated("t", "F"), "boolean"),
    "y and n with blanks": (repeated("Y", "N", ""), "boolean"),
    "yes or blank": (repeated("yes", ""), "boolean"),
    "yes, no and maybe": (repeated("yes", "no", "maybe"), "category"),
    "words of two pairs": (repeated("yes", "f"), "category"),
    "few words": (repeated("red", "green", "blue"), "category"),
    "many-worded levels": (repeated("existing credits paid back duly till now", "no credits taken at all"), "category"),
    "leading zeros": (repeated("00501", "10001", "94105"), "category"),
    "numbers and words": (repeated("1", "2", "three", "four", "five", "six"), "category"),
    "None, NA and Unknown": (repeated("None", "NA", "Unknown"), "category"),
    "levels such as 3+": (repeated("0", "1", "2", "3+"), "category"),
    "month and year of a card": (repeated("01/20", "07/22", "12/21"), "category"),
    "iso dates": ([f"2011-01-{i % 28 + 1:02d}" for i in range(N)], "date"),
    "iso of mixed precision": (repeated("2011-01-02", "2011-01-02T03:04:05Z", "2011-01-02 03:04:05.123456"), "date"),
    "slashed dates, year first": (repeated("2011/01/31", "2011/02/01"), "date"),
    "native dates": (repeated(date(2011, 1, 2), date(2011, 1, 3)), "date"),
    "month names": (repeated("Jan 2 2011", "Feb 28, 2011"), "date"),
    "months": (repeated("2011-01", "2011-02"), "date"),
    "texts": ([f"the {i}th day was fine and we walked {i} miles" for i in range(N)], "text"),
    "chinese texts": ([f"酒店的房间很干净服务也不错{chr(0x4E00 + i)}" for i in range(N)], "text"),
    "few long texts": ([f"every one of these {i} reviews has its own words" for i in range(8)], "text"),
    "constant": (["x"] * N, None),
    "constant number": ([1.5] * N, None),
    "all missing": (["", " ", None] * 20, None),
    "no type at all": (pa.chunked_array([pa.nulls(N)]), None),
    "a count of the rows": (list(range(1, N + 1)), None),
    "a count of the rows as text, shuffled": ([str(i * 7 % 61) for i in range(1, 61)], None),
    "hashes": ([f"{i * 2654435761 % 2**32:08x}-ab" for i in range(N)], None),
    "uuids": ([f"6ba7b8{i:02d}-9dad-11d1-80b4-00c04fd430c8" for i in range(N)], None),
    "names of people": ([f"Ann{i} Bee{i}" for i in range(N)], None),
    "lists": (pa.chunked_array([pa.array([[1], [2]])]), None),
    "long whole numbers": ([2**60 + i * 10**9 for i in range(N)], None),
}


@pytest.mark.parametrize(("cells", "kind"), COLUMNS.values(), ids=COLUMNS.keys())
def test_a_column_is_taken_for(cells, kind):
    choice = choice_for(cells)

    assert choice.kind == kind
    assert choice.reason


@pytest.mark.parametrize("name", ["id", "PassengerId", "Customer ID", "row_id", "uuid", "Order No", "订单编号"])
def test_unique_whole_numbers_under_the_name_of_an_id_are_left_out(name):
    assert choice_for([i * i * 1000 for i in range(10)], name=name).kind is None


@pytest.mark.parametrize("name", ["paid", "grid", "amount", "identity_score", "numbers"])
def test_a_name_that_only_contains_id_is_no_id(name):
    assert choice_for([i * i * 1000 for i in range(10)], name=name).kind == "number"


@pytest.mark.parametrize("name", ["store_id", "storeID", "occupation_code", "zip", "邮编"])
def test_repeated_whole_numbers_under_the_name_of_a_code_are_categories(name):
    choice = choice_for(repeated(11, 12, 13), name=name)

    assert (choice.kind, choice.storage) == ("category", "number")


def test_whole_numbers_that_only_double_precision_makes_equal_are_no_constant():
    assert choice_for([2**60 + i for i in range(N)]).reason.startswith("id-like")


def test_years_count_as_numbers_though_each_occurs_once():
    assert choice_for(list(range(1950, 2010)), name="year").kind == "number"
    assert choice_for(list(range(1950, 2010)), name="row").kind is None


def test_compact_dates_stay_numbers_and_the_reason_says_how_to_read_them():
    choice = choice_for([20110101 + i for i in range(30)], name="day")

    assert choice.kind == "number"
    assert "data.columns: {day: date}" in choice.reason


@pytest.mark.parametrize(
    ("cells", "form", "ambiguous"),
    [
        (repeated("31/01/2011", "01/02/2011"), "%d/%m/%Y", False),
        (repeated("01/31/2011", "02/01/2011"), "%m/%d/%Y", False),
        (repeated("03/04/2011", "05/06/2011"), "%m/%d/%Y", True),
        (repeated("01/01/2011", "01/02/2011", "01/03/2011"), "%d/%m/%Y", True),
        (repeated("31-12-2011", "01-02-2011"), "%d-%m-%Y", False),
        (repeated("31.12.2011", "1.2.2011"), "%d.%m.%Y", False),
        (repeated("2011-01-02", "2011-02-03T04:05:06+01:00"), "%Y-%m-%d", False),
        (repeated("1/31/11 13:45", "2/1/11 08:00"), "%m/%d/%y", False),
    ],
)
def test_the_values_decide_the_form_of_dates(cells, form, ambiguous):
    choice = choice_for(cells)

    assert (choice.kind, choice.form) == ("date", form)
    assert ("ambiguous" in choice.reason) == ambiguous


@pytest.mark.parametrize("token", ["NA", "?", "-", "N/A", "null", "not measured"])
def test_numbers_except_a_token_stay_a_category_whose_reason_names_the_token(token):
    cells = [*measures(), *[token] * 7]

    choice = choice_for(cells)

    assert (choice.kind, choice.storage) == ("category", "text")
    assert f"numbers except {token!r} in 7 rows: add data.missing_values: [" in choice.reason
    assert choice_for(cells, missing=[token]).kind == "number"


def test_dates_except_a_token_are_told_as_numbers_are():
    cells = [*[f"2011-01-{i + 1:02d}" for i in range(28)], "never"]

    assert "dates except 'never' in 1 row" in choice_for(cells).reason


@pytest.mark.parametrize(
    ("cells", "kind", "storage"),
    [
        (repeated("1", "2"), "category", "number"),
        (repeated("01", "02"), "category", "text"),
        (repeated("True", "False"), "category", "boolean"),
        (repeated("yes", "no"), "category", "text"),
        (repeated("a", "b"), "text", "text"),
        (repeated("a", "b"), "number", "number"),
        (repeated("01/20", "02/21"), "date", "date"),
    ],
)
def test_a_config_decides_the_kind_and_the_cells_the_storage(cells, kind, storage):
    choice = forced_kind(profile_column(pa.chunked_array([cells]), PLAIN), kind)

    assert (choice.kind, choice.storage) == (kind, storage)


def test_suspects_are_the_tokens_among_numbers_and_the_spellings_of_missing():
    table = pa.table(
        {
            "income": [*measures(50), *["NA"] * 10],
            "msa": repeated("?", "North", "South", "N/A"),
            "alley": repeated("None", "NA", "Unknown"),
            "dependents": repeated("0", "1", "2", "3+"),
            "age": list(range(N)),
        }
    )

    assert suspect_tokens(table) == {"income": {"NA": 10}, "msa": {"?": 15, "N/A": 15}}
