"""The minimum rate of a download."""

from exports.analytics_cloud.pace import Pace


def test_pace_is_measured_over_whole_windows_only():
    pace = Pace(minimum_rate=100, window=10)
    assert pace.is_kept(0, 0)
    assert pace.is_kept(9.9, 0)
    assert not pace.is_kept(10, 0)


def test_burst_long_ago_does_not_count():
    pace = Pace(minimum_rate=100, window=10)
    assert pace.is_kept(0, 0)
    assert all(pace.is_kept(second, 10_000) for second in range(1, 11))
    assert not pace.is_kept(12, 10_000)


def test_steady_minimum_is_kept():
    pace = Pace(minimum_rate=100, window=10)
    assert all(pace.is_kept(second / 10, second * 11) for second in range(1000))


def test_no_minimum_is_always_kept():
    pace = Pace(minimum_rate=0, window=10)
    assert all(pace.is_kept(second, 0) for second in range(100))
