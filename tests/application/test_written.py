"""What people write into cells is read as they meant it, or refused with a sentence that helps."""

# ruff: noqa: DTZ001 – cells of a spreadsheet have no zone

import contextlib
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from application.written import MINUTES_MAX, Malformed, instant, minutes, text
from domain.quantities import BERLIN, hours

SHORT, LONG = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))

WRITTEN_MINUTES = [
    ("90", 90),
    (" 90 ", 90),
    ("90 min", 90),
    ("90min", 90),
    ("90 Min.", 90),
    ("90 Minuten", 90),
    ("90\N{NO-BREAK SPACE}min", 90),
    ("90,0", 90),
    ("1 Minute", 1),
    ("0", 0),
    ("1:30", 90),
    ("1:30 h", 90),
    ("01:30", 90),
    ("01:30:00", 90),
    ("100:05 Std.", 6005),
    ("1,5 h", 90),
    ("1.5 h", 90),
    ("1,5h", 90),
    ("1,5 Std.", 90),
    ("1,5 STD", 90),
    ("1,5 Stunden", 90),
    ("1 Stunde", 60),
    ("2 Std.", 120),
    ("0,250 h", 15),
    ("1 Std. 30 Min.", 90),
    ("1 Stunde und 5 Minuten", 65),
    ("1h30", 90),
    ("1.140", 1140),
    ("1.140 Min.", 1140),
    ("1.140,00", 1140),
    ("1.000.000", 1_000_000),
    ("1.140,5 h", 68_430),
    ("10000000", MINUTES_MAX),
    (90, 90),
    (90.0, 90),
    (time(1, 30), 90),
    (timedelta(hours=30), 1800),
]


@pytest.mark.parametrize(("cell", "expected"), WRITTEN_MINUTES, ids=repr)
def test_minutes_are_read_as_people_write_them(cell, expected):
    """Every usual notation of a duration comes out as whole minutes."""
    assert minutes(cell) == expected


NO_MINUTES = [
    *("1;30", "neunzig", "90 s", "90 m", "1:5", "1:60", "1:30 min", "1:30:30", "1:30 Uhr", "1 Std. 60 Min.", "-30"),
    *("+30", "1e3", "1 140", "1.14", "1,5", "0,3 min", "1,33 h", "1.", ",5", "nan", "inf", "٩٠", "²", "1/2 h", "½ h"),
    *("1.14.0", "1.1400.000", "1,140.5", "9" * 5000, "10000001", "166666,7 h", "1.0000000000000000000000000000001 h"),
    *(90.5, float("nan"), float("inf"), float("-inf"), -1, 10**5000, -(10**5000), 1e300, True),
    *(
        time(1, 30, 1),
        timedelta(minutes=-1),
        timedelta(microseconds=1),
        date(2021, 12, 3),
        datetime(2021, 12, 3, 1, 30),
    ),
]


@pytest.mark.parametrize("cell", NO_MINUTES, ids=lambda cell: type(cell).__name__)
def test_what_is_not_whole_minutes_is_refused(cell):
    """Fractions, signs, other units and unlikely amounts are never rounded or guessed."""
    with pytest.raises(Malformed):
        minutes(cell)


@pytest.mark.parametrize("cell", ["2.000", "90.000", "1,140", "1,000", "1.500 h", "1,500 h", "1.333 h"])
def test_a_sign_with_two_readings_is_refused(cell):
    """Decimal or thousands: where both could be meant, a guess could be wrong by a factor of 1000."""
    with pytest.raises(Malformed, match="zweideutig"):
        minutes(cell)


def test_a_refusal_shows_what_would_be_right():
    """The sentence quotes the cell and gives examples."""
    with pytest.raises(Malformed) as refused:
        minutes("1;30")
    assert str(refused.value) == "„1;30“ ist keine Minutenangabe; erlaubt sind z. B. 90, 90 min, 1:30 oder 1,5 h"


@pytest.mark.parametrize("cell", [None, "", "  "])
def test_an_empty_cell_is_neither_minutes_nor_an_instant(cell):
    """Whether a value may be missing is the importer's to know."""
    for parse in (minutes, instant):
        with pytest.raises(Malformed):
            parse(cell)


@given(st.integers(0, MINUTES_MAX))
def test_whole_minutes_come_back_from_every_notation(n):
    """Writing minutes and reading them is the identity, in each notation that can express them."""
    whole, rest = divmod(n, 60)
    notations = [
        *(n, float(n), timedelta(minutes=n), f"{n}", f"{n} min", f"{n} Min.", f"{n} Minuten"),
        *(f"{whole}:{rest:02}", f"{whole:02}:{rest:02} h", f"{whole} Std. {rest} Min."),
    ]
    if n < 24 * 60:
        notations.append(time(whole, rest))
    if n % 1000 or n >= 1_000_000:
        notations.append(f"{n:,}".replace(",", "."))
    if n % 3 == 0:  # otherwise two decimals cannot say it
        decimal = f"{whole}.{rest * 100 // 60:02}"
        notations += [hours(n), f"{decimal} h", f"{decimal.replace('.', ',')} Stunden"]
    assert {minutes(notation) for notation in notations} == {n}


WRITTEN_INSTANTS = [
    ("03.12.2021 14:30", datetime(2021, 12, 3, 14, 30, tzinfo=SHORT)),
    ("3.12.2021 14:30:15", datetime(2021, 12, 3, 14, 30, 15, tzinfo=SHORT)),
    ("03.12.2021, 14:30 Uhr", datetime(2021, 12, 3, 14, 30, tzinfo=SHORT)),
    ("3. 7. 2021 um 9:05 Uhr", datetime(2021, 7, 3, 9, 5, tzinfo=LONG)),
    ("03.12.2021", datetime(2021, 12, 3, tzinfo=SHORT)),
    ("2021-12-03", datetime(2021, 12, 3, tzinfo=SHORT)),
    ("2021-12-03T14:30", datetime(2021, 12, 3, 14, 30, tzinfo=SHORT)),
    ("2021-12-03 14:30:15", datetime(2021, 12, 3, 14, 30, 15, tzinfo=SHORT)),
    ("2021-12-03T14:30:15.5", datetime(2021, 12, 3, 14, 30, 15, 500_000, tzinfo=SHORT)),
    ("2021-12-03T14:30:15,000001", datetime(2021, 12, 3, 14, 30, 15, 1, tzinfo=SHORT)),
    ("2021-12-03T14:30:15.1234560Z", datetime(2021, 12, 3, 14, 30, 15, 123_456, tzinfo=UTC)),
    ("2021-12-03T14:30+05:45", datetime(2021, 12, 3, 14, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))),
    ("2021-12-03 14:30 -0330", datetime(2021, 12, 3, 14, 30, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
    ("2021-12-03T14:30+01", datetime(2021, 12, 3, 14, 30, tzinfo=SHORT)),
    ("31.10.2021 02:30", datetime(2021, 10, 31, 2, 30, tzinfo=LONG)),
    ("31.10.2021 02:30+01:00", datetime(2021, 10, 31, 2, 30, tzinfo=SHORT)),
    ("2021-03-28T02:30Z", datetime(2021, 3, 28, 2, 30, tzinfo=UTC)),
    (datetime(2021, 12, 3, 14, 30), datetime(2021, 12, 3, 14, 30, tzinfo=SHORT)),
    (datetime(2021, 7, 3, 14, 30, tzinfo=BERLIN), datetime(2021, 7, 3, 14, 30, tzinfo=LONG)),
    (date(2021, 7, 3), datetime(2021, 7, 3, tzinfo=LONG)),
]


@pytest.mark.parametrize(("cell", "expected"), WRITTEN_INSTANTS, ids=str)
def test_instants_are_read_as_people_write_them(cell, expected):
    """Without an offset it is Europe/Berlin; an offset is kept as written."""
    found = instant(cell)
    assert found == expected
    assert found.utcoffset() == expected.utcoffset()
    assert isinstance(found.tzinfo, timezone)


NO_INSTANTS = [
    *("31.02.2021", "29.02.2021 10:00", "2021-13-01", "03.12.2021 24:00", "03.12.2021 14:60", "03.12.2021 14:30:60"),
    *("03.12.21", "12/03/2021", "2021-12-3", "20211203", "03.12.2021 14", "03.12.202114:30", "14:30", "gestern"),
    *("2021-12-03T14:30+24:00", "2021-12-03T14:30+01:60", "2021-12-03T14:30:15.1234567", "2021-12-03T14:30 CET"),
    *("31.12.1899 23:59", "01.01.2201", "01.01.0001", "9999-12-31T23:59-12:00", "٠٣.١٢.٢٠٢١", "0" * 5000),
    *(44533, 44533.5, float("nan"), True, time(14, 30), timedelta(days=44533), date(1899, 12, 31), date(9999, 12, 31)),
]


@pytest.mark.parametrize("cell", NO_INSTANTS, ids=lambda cell: str(cell)[:30])
def test_what_is_not_an_instant_is_refused(cell):
    """Impossible, ambiguous and improbable dates are malformed."""
    with pytest.raises(Malformed):
        instant(cell)


@pytest.mark.parametrize("cell", ["28.03.2021 02:00", "2021-03-28T02:59:59.999999", datetime(2021, 3, 28, 2, 30)], ids=str)
def test_a_local_time_that_the_clock_skips_is_refused(cell):
    """In spring there is no time between two and three."""
    with pytest.raises(Malformed, match="Sommerzeit"):
        instant(cell)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 12, 31)))
def test_a_berlin_time_comes_back_from_every_notation(local):
    """Writing a Berlin time and reading it gives its first instant, exact to the microsecond."""
    expected = local.replace(tzinfo=BERLIN, fold=0).astimezone(UTC)
    assume(expected.astimezone(BERLIN).replace(tzinfo=None) == local)
    offset = expected.astimezone(BERLIN).isoformat()
    exact = [
        local,
        local.isoformat(),
        local.isoformat(" "),
        f"{local:%d.%m.%Y %H:%M:%S.%f}",
        offset,
        expected.isoformat(),
    ]
    assert {instant(notation).astimezone(UTC) for notation in exact} == {expected}
    to_the_minute = expected.replace(second=0, microsecond=0)
    short = [f"{local:%d.%m.%Y, %H:%M} Uhr", f"{local.day}.{local.month}.{local.year} {local.hour}:{local:%M}"]
    assert {instant(notation).astimezone(UTC) for notation in short} == {to_the_minute}


@given(st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30), timezones=st.just(UTC)))
def test_an_instant_with_its_berlin_offset_is_told_from_its_double(exact):
    """The doubled hour of autumn is kept apart wherever an offset is written."""
    assert instant(exact.astimezone(BERLIN).isoformat()).astimezone(UTC) == exact


WRITTEN_TEXTS = [
    ("  Jugendhaus Möwe ", "Jugendhaus Möwe"),
    (12, "12"),
    (12.0, "12"),
    (0, "0"),
    ("007", "007"),
    ("", None),
    (" \t ", None),
    (None, None),
]


@pytest.mark.parametrize(("cell", "expected"), WRITTEN_TEXTS, ids=repr)
def test_texts_are_trimmed_and_whole_numbers_are_texts(cell, expected):
    """A reference that looks like a number is no other reference for it; nothing is no text."""
    assert text(cell) == expected


NO_TEXTS = ["a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\ud800b", "a\nb", "a\tb", "x" * 2001]
NO_TEXTS += [1.5, float("nan"), float("inf"), 10**15, 10**5000, True, date(2021, 2, 1), time(1), timedelta(1)]


@pytest.mark.parametrize("cell", NO_TEXTS, ids=lambda cell: type(cell).__name__)
def test_what_is_not_a_line_of_text_is_refused(cell):
    """No control characters, nothing overlong, nothing that a spreadsheet has made of a text."""
    with pytest.raises(Malformed):
        text(cell)


def test_a_text_of_several_lines_keeps_them():
    """Notes may have line breaks, of whichever system; other control characters stay refused."""
    assert text("eins\r\nzwei\rdrei\n", several_lines=True) == "eins\nzwei\ndrei"
    with pytest.raises(Malformed):
        text("a\x00\nb", several_lines=True)


def test_the_longest_text_is_the_callers_to_set():
    """At the limit a text is taken, one character more is refused."""
    assert text("äöü", 3) == "äöü"
    with pytest.raises(Malformed, match="höchstens 2"):
        text("äöü", 2)


LIKELY = st.text(st.sampled_from("0123456789.,: +-hHTZStdMinuUr\n\N{NO-BREAK SPACE}"), max_size=70)


@given(st.text() | LIKELY | st.integers() | st.floats() | st.datetimes() | st.dates() | st.times() | st.timedeltas())
def test_no_cell_raises_anything_but_malformed(cell):
    """Whatever stands in a cell, it is read or refused; and what is read is within its limits."""
    for parse in (minutes, instant, text):
        with contextlib.suppress(Malformed):
            found = parse(cell)
            assert parse(found) == found


def test_a_refusal_is_one_readable_line_whatever_the_cell_holds():
    """It is shown on terminals and written into files, so it quotes nothing that could not stand there."""
    with pytest.raises(Malformed) as refused:
        minutes("\x1b[2J\n\ud800" + "x" * 5000)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200
