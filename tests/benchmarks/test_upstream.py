"""The simulation keeps running, and what it shows of the engine's own decisions keeps its promises."""

import random

import pytest

from benchmarks.upstream import CHANCE, HOUR, PACE, SHORT, play, report_load
from benchmarks.virtual.engine import Engine
from benchmarks.virtual.worlds import new_workspace, queue_at


def test_every_export_is_stored() -> None:
    rng = random.Random(1)
    workspace = new_workspace(rng)
    rows = queue_at(workspace, CHANCE, 24, 0.0, rng)
    Engine(PACE, rng).run([workspace])
    assert workspace.rows == []
    assert all(row.stored_at is not None for row in rows)
    assert len(workspace.upstream.made) == 24


def test_hour_is_asked_about_at_most_eighteen_times() -> None:
    for before in (0, 8):
        assert max(play(HOUR, count=1, before=before, trials=5).questions) <= 18


def test_short_ones_are_made_together() -> None:
    result = play(SHORT, count=24, before=0, trials=3)
    assert max(result.against_single) < 1 / 8


def test_delay_before_anything_is_known_is_five_minutes_at_most() -> None:
    result = play(CHANCE, count=24, before=0, trials=2)
    assert sorted(result.unknown)[int(0.9 * len(result.unknown))] <= 300


def test_load_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    report_load(2, 4)
    out = capsys.readouterr().out
    assert "questions per second" in out
