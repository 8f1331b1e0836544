"""Windows' names of time zones as IANA's: every member of ``TimeZone``, none that this machine does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mlsteps.errors import InvalidInput
from mlsteps.schedules.zones import IANA, iana_name
from mlsteps.sdk.time_zones import TimeZone


def test_all_131_names_of_the_sdk_have_a_zone() -> None:
    assert set(IANA) == {member.value for member in TimeZone}
    assert len(IANA) == 131


@pytest.mark.parametrize("name", sorted(set(IANA.values())))
def test_the_zone_exists(name: str) -> None:
    assert ZoneInfo(name).utcoffset(datetime(2026, 7, 1)) is not None


@pytest.mark.parametrize(
    ("member", "january", "july"),
    [
        (TimeZone.GMTStandardTime, 0, 60),
        (TimeZone.GreenwichStandardTime, 0, 0),
        (TimeZone.WEuropeStandardTime, 60, 120),
        (TimeZone.PacificStandardTime, -480, -420),
        (TimeZone.USMountainStandardTime, -420, -420),
        (TimeZone.TokyoStandardTime, 540, 540),
        (TimeZone.IndiaStandardTime, 330, 330),
        (TimeZone.NewfoundlandStandardTime, -210, -150),
        (TimeZone.AUSEasternStandardTime, 660, 600),
        (TimeZone.UTC11, -660, -660),
        (TimeZone.UTC12, 720, 720),
        (TimeZone.LineIslandsStandardTime, 840, 840),
    ],
)
def test_clocks_show_what_windows_says(member: TimeZone, january: int, july: int) -> None:
    zone = ZoneInfo(iana_name(member.value))
    found = [datetime(2026, month, 15, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7)]
    assert [offset.total_seconds() / 60 for offset in found if offset is not None] == [january, july]


def test_another_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Europe/Berlin"):
        iana_name("Europe/Berlin")
