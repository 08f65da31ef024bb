"""Dates are read in the forms that people write, and nothing else is taken for a date."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.data.splitting.dates import EPOCH, MICROSECOND, Reading, read_date
from kitae.data.splitting.moments import Moments
from kitae.errors import RecipeError

FIRST_OF_MARCH = datetime(2024, 3, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-01", "2024/3/1", "2024.03.01", "20240301", 20240301, "２０２４／０３／０１", " 2024-03-01 ",
        "2024年3月1日", "2024年3月1日(金)", "2024年3月1日 金曜日",
        "令和6年3月1日", "令和６年３月１日", "R6.3.1", "r6/3/1",
        "March 1, 2024", "Mar 1 2024", "1 March 2024", "1 Mar 2024", "1st of March 2024", "Fri, 1 Mar 2024",
        "2024-03", "2024年3月", 1709251200, 1709251200000, "1709251200", "1709251200000", 1709251200.0,
        "2024-03-01T00:00:00Z", "2024-03-01T09:00:00+09:00", "2024-03-01 09:00 JST", "2024-02-29 24:00",
    ],
)  # fmt: skip
def test_the_same_day_in_many_forms(written: object) -> None:
    assert read_date(written) == Reading(micros(FIRST_OF_MARCH), micros(FIRST_OF_MARCH))


@pytest.mark.parametrize(
    ("written", "hour", "minute"),
    [
        ("2024-03-01T15:05:00", 15, 5), ("2024-03-01 15:05", 15, 5), ("2024/03/01 3:05 PM", 15, 5),
        ("2024年3月1日15時5分", 15, 5), ("2024年3月1日 午後3時5分", 15, 5), ("20240301150500", 15, 5),
        ("Fri, 01 Mar 2024 15:05:00 +0000", 15, 5), ("2024-03-01 12:05 am", 0, 5), ("2024-03-01 午後0時5分", 12, 5),
    ],
)  # fmt: skip
def test_times_of_day(written: str, hour: int, minute: int) -> None:
    moment = micros(FIRST_OF_MARCH.replace(hour=hour, minute=minute))
    assert read_date(written) == Reading(moment, moment)


@pytest.mark.parametrize(
    ("written", "year"),
    [("令和元年5月1日", 2019), ("平成31年5月1日", 2019), ("昭和64年5月1日", 1989), ("H1.5.1", 1989)],
)
def test_eras(written: str, year: int) -> None:
    moment = micros(datetime(year, 5, 1, tzinfo=UTC))
    assert read_date(written) == Reading(moment, moment)


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "2024-13-01", "2024-02-30", "0000-00-00", "2024-03-01 25:00", "2024-03-01 foo", "12345", 12345,
        3.5, float("nan"), float("inf"), True, None, [2024], {}, "5月1日", "99/99/9999", "1 Foo 2024",
        "2024-03-01T00:00:00+99:00",
        "-5", 10**30, "9" * 40, 10**400, "٢٠٢٤-٠٣-٠٠",
    ],
)  # fmt: skip
def test_what_is_no_date(written: object) -> None:
    assert read_date(written) == Reading(None, None)


@given(
    st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.from_regex(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}"))
)
def test_anything_is_read_or_not_read(written: object) -> None:
    reading = read_date(written)
    assert reading.month_first is None or isinstance(reading.month_first, int)


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 hypothesis wants it so
def test_what_machines_write_is_read_back(moment: datetime) -> None:
    assert read_date(moment.isoformat()).month_first == micros(moment)


def test_the_order_of_month_and_day_is_learnt_from_the_column() -> None:
    day_first, month_first = Moments("day"), Moments("day")
    day_first.add(["03/04/2024", "13/04/2024", "", None, "soon"])
    month_first.add(["03/04/2024", "04/13/2024"])
    dates = day_first.dates()
    assert dates.order == "day first"
    assert dates.at[:2].tolist() == [micros(datetime(2024, 4, day, tzinfo=UTC)) for day in (3, 13)]
    assert (dates.known.tolist(), dates.missing, dates.unreadable) == ([True, True, False, False, False], 2, 1)
    assert dates.examples == ("soon",)
    assert month_first.dates().at[0] == micros(datetime(2024, 3, 4, tzinfo=UTC))


def test_a_date_against_the_order_of_the_column_is_unreadable() -> None:
    moments = Moments("day")
    moments.add(["13/04/2024", "14/04/2024", "04/13/2024"])
    dates = moments.dates()
    assert (dates.known.tolist(), dates.unreadable) == ([True, True, False], 1)


@pytest.mark.parametrize("values", [["03/04/2024"], ["03/04/2024", "13/04/2024", "04/13/2024"]])
def test_what_nothing_tells_is_refused(values: list[str]) -> None:
    moments = Moments("day")
    moments.add(values)
    with pytest.raises(RecipeError, match="month or day"):
        moments.dates()


def test_equal_readings_are_no_doubt() -> None:
    moments = Moments("day")
    moments.add(["03/03/2024", "2024-05-01"])
    assert moments.dates().order == ""
