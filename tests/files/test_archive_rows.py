"""What the gate makes of the rows, in a ZIP and bare."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exports.files.archive import ArchiveLimits, ArchiveRefused
from exports.files.dates import DateSpan, parse_date
from exports.files.rows import RowCheck, is_utf8, mend_surrogates
from tests.files.archives import LIMITS, check, page_rows, refusal, zipped

ROWS = page_rows(40)
EMOJI = "😀".encode()


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (ROWS, 40),
        (ROWS.rstrip(b"\n"), 40),
        (ROWS.replace(b"\n", b"\r\n"), 40),
        (b'{"a":1}\n\n  \t\n{"a":2}\n\n', 2),
        (b"\n", 0),
        (b' {"a" : [ 1 , 2 ] } ', 1),
        (b'{"a":1,"a":2}', 1),
        (b'{"a":"\\ud83d"}\n{"\\uD800":"x\\\\ud83d"}\n', 2),
        (b'{"eventDate":5}\n{"eventDate":null}\n{"eventDate":{"a":[1]}}\n{"eventDate":""}\n', 4),
        (b'{"n":' + b"9" * 5000 + b"}", 1),
        (b'{"x":"' + "ホームページ".encode() * 20_000 + b'"}\n' * 1, 1),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", 1),
    ],
)
def test_lines_of_one_object_each_pass(tmp_path: Path, content: bytes, rows: int) -> None:
    assert check(tmp_path, zipped(content)).rows == rows


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b'{"a":1}\n[1]\n', "not_an_object", 2),
        (b'{"a":1}\n\n7\n', "not_an_object", 3),
        (b"null\n{}\n", "not_an_object", 1),
        (b'"text"\n{}\n', "not_an_object", 1),
        (b"{}{}\n", "not_an_object", 1),
        (b'{"a":\n1}\n', "not_an_object", 1),
        (b'{}{"a":\n1}\n', "not_an_object", 1),
        (b'{"a":1}{"a":2}\n{"b":\n{"c":3}}\n', "not_an_object", 1),
        (b'{"a":1}\n{"b":{"c":3}\n,"d":{}}{}\n', "not_an_object", 2),
        (b'{"a":1}{}\n{"b":[{"c":3},\n{"d":4}]}\n', "not_an_object", 1),
        (b'{"a":1,}\n', "not_an_object", 1),
        (b'{"a":NaN}\n', "not_an_object", 1),
        (b"{a:1}\n", "not_an_object", 1),
        (b'{"a":"tab\tinside"}\n', "not_an_object", 1),
        (b'{"a":"\\x"}\n', "not_an_object", 1),
        (b"\xef\xbb\xbf{}\n", "not_an_object", 1),
        (b'{}\n{"a":"\xff"}\n', "bad_utf8", 2),
        (b'{}\n{"a":"\xed\xa0\xbd"}\n', "bad_utf8", 2),
        (b'{"a":"\xe3\x83"}\n', "bad_utf8", 1),
        (ROWS[:-20], "last_line_incomplete", 40),
        (ROWS + b'{"title":"\xe3\x83', "last_line_incomplete", 41),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "too_deep", 1),
        (b'{}\n{"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "too_deep", 2),
        (b'{"eventDate":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "too_deep", 1),
        (ROWS * 200 + b"x\n" + ROWS, "not_an_object", 8001),
    ],
)
def test_bad_row_is_refused_with_its_line(tmp_path: Path, content: bytes, code: str, line: int) -> None:
    assert refusal(tmp_path, zipped(content)) == (code, line)
    if content.startswith(b"{"):
        assert refusal(tmp_path, content) == (code, line)


ANSWERS = [
    b'{"status":"PENDING","type":"page","fromDate":"x","toDate":"y","createdDate":"z","message":"Export failed"}',
    b'{"status":"RUNNING","type":"page","fromDate":"x","toDate":"y","createdDate":"z","startedDate":"z"}',
    b'{"timestamp":"2026-11-28T10:00:00Z","status":500,"error":"Internal Server Error","path":"/api/reports"}',
    b'{"error":{"code":503}}',
    b'{"Message":"Gateway \\ud83d time-out"}',
    b'{"title":"Internal Server Error","status":500,"detail":"out of memory","type":"about:blank"}',
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_of_the_server_in_place_of_the_last_row_is_refused(tmp_path: Path, answer: bytes) -> None:
    refused = "ends_in_an_answer"
    for content in (ROWS + answer, ROWS + answer + b"\n", ROWS + b"\n" + answer.replace(b"{", b" {", 1) + b"\r\n\n \n"):
        line = content[: content.index(answer)].count(b"\n") + 1
        assert refusal(tmp_path, zipped(content)) == (refused, line)
        assert refusal(tmp_path, content) == (refused, line)
    assert refusal(tmp_path, zipped(answer)) == (refused, 1)
    assert refusal(tmp_path, b"[" + answer + b"]") == (refused, 1)
    assert refusal(tmp_path, b"[" + b",".join([*ROWS.splitlines(), answer]) + b"]") == (refused, 41)


@pytest.mark.parametrize(
    "row",
    [
        b'{"status":"ACTIVE","individualId":"1","message":"x"}',
        b'{"status":"ACTIVE"}',
        b'{"title":"Home","type":"x"}',
        b'{"message":"' + b"x" * 70_000 + b'"}',
        b"{}",
    ],
)
def test_last_row_that_tells_of_no_failure_passes(tmp_path: Path, row: bytes) -> None:
    assert check(tmp_path, zipped(ROWS + row)).rows == 41
    assert check(tmp_path, b"[" + row + b"]").rows == 1


def test_answer_before_other_rows_passes_as_one(tmp_path: Path) -> None:
    assert check(tmp_path, zipped(ANSWERS[2] + b"\n" + ROWS)).rows == 41


@pytest.mark.parametrize("at", range(1, 150))
def test_rows_cut_inside_a_whole_archive_are_refused(tmp_path: Path, at: int) -> None:
    content = page_rows(1)
    cut = content[:at]
    assert refusal(tmp_path, zipped(content + cut)) == ("last_line_incomplete", 2)


def long_line(length: int) -> bytes:
    return b'{"a":"' + b"x" * (length - 8) + b'"}'


@pytest.mark.parametrize("limit", [100, 2 * 1024**2])
def test_line_of_exactly_the_limit_passes(tmp_path: Path, limit: int) -> None:
    limits = ArchiveLimits(LIMITS.max_unpacked_bytes, max_line_bytes=limit)
    fits, too_long = long_line(limit), long_line(limit + 1)
    for before in (b"", b'{"short":1}\n' * 3):
        for after in (b"", b"\n", b'\n{"short":1}\n'):
            assert check(tmp_path, zipped(before + fits + after), limits=limits).rows >= 1
            number = before.count(b"\n") + 1
            assert refusal(tmp_path, zipped(before + too_long + after), limits=limits) == ("line_too_long", number)


def test_long_line_of_japanese_passes_and_its_fault_is_found(tmp_path: Path) -> None:
    text = "データ".encode() * 500_000 + EMOJI
    assert check(tmp_path, zipped(b'{"a":"' + text + b'"}\n{"a":"' + text + b'"}\n{}\n')).rows == 3
    broken = b'{"a":"' + text + b'"}\n{"a":"' + text[:-1] + b'"}\n{}\n'
    assert refusal(tmp_path, zipped(broken)) == ("bad_utf8", 2)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"[]", 0),
        (b" [ ] \n", 0),
        (b'[{"id":480011223344556677}]', 1),
        (b'\n[\n {"a":"]}"} ,\n {"b":[{"c":"\\"}"}]}\n]\n', 2),
        (b"[" + b",".join(ROWS.splitlines() * 300) + b"]", 12_000),
        (b'[{"a":"\\ud83d"}]', 1),
    ],
)
def test_one_array_of_objects_passes(tmp_path: Path, content: bytes, rows: int) -> None:
    inside, bare = check(tmp_path, zipped(content)), check(tmp_path, content)
    assert (inside.kind, inside.rows, inside.proved) == ("zip_array", rows, True)
    assert (bare.kind, bare.rows, bare.proved, bare.entry_name) == ("json_array", rows, False, None)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"[", "last_line_incomplete", 1),
        (b'[{"a":1}', "last_line_incomplete", 2),
        (b'[{"a":1},', "last_line_incomplete", 2),
        (b'[{"a":1},{"b":"x', "last_line_incomplete", 2),
        (b'[{"a":1},{"b":"x"', "last_line_incomplete", 2),
        (b"[1]", "not_an_object", 1),
        (b"[{},]", "not_an_object", 2),
        (b"[,{}]", "not_an_object", 1),
        (b"[{}{}]", "not_an_object", 2),
        (b'[{},{"a":}]', "not_an_object", 2),
        (b'[{},{"a"]}]', "not_an_object", 2),
        (b"[{}]{}", "trailing_bytes", None),
        (b"[{}]\n[{}]", "trailing_bytes", None),
        (b'[{},{"a":"\xff"}]', "bad_utf8", 2),
        (b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "too_deep", 1),
        (b'[{"a":"' + b"x" * 2_000_000 + b'"}]', "line_too_long", 1),
        (b'[{},{"a":"' + b"x" * 2_000_000, "line_too_long", 2),
    ],
)
def test_broken_array_is_refused_with_its_element(tmp_path: Path, content: bytes, code: str, line: int | None) -> None:
    limits = ArchiveLimits(LIMITS.max_unpacked_bytes, max_line_bytes=1024**2)
    assert refusal(tmp_path, zipped(content), limits=limits) == (code, line)
    assert refusal(tmp_path, content, limits=limits) == (code, line)


def test_array_with_a_large_element_passes(tmp_path: Path) -> None:
    large = json.dumps([{"a": 'x"\\]' * 700_000}, {"b": 1}]).encode()
    assert check(tmp_path, zipped(large)).rows == 2


def test_bare_lines_pass_unproved(tmp_path: Path) -> None:
    receipt = check(tmp_path, ROWS)
    assert (receipt.kind, receipt.rows, receipt.proved) == ("json_lines", 40, False)
    assert receipt.unpacked_bytes == len(ROWS)


@pytest.mark.parametrize(
    ("data_type", "fields", "expected"),
    [
        ("page", ["eventDate"], True),
        ("EVENT", ["eventDate"], True),
        ("page", ["createDate"], False),
        ("individual", ["createDate"], True),
        ("membership", ["createDate", "createdate"], True),
        ("identity", ["eventDate"], False),
        ("segment", ["createdate"], True),
        ("segment", ["createDate"], True),
        ("account", ["createDate"], True),
    ],
)
def test_dates_are_taken_from_the_field_the_range_filters(
    tmp_path: Path, data_type: str, fields: list[str], expected: bool
) -> None:
    lines = [
        json.dumps({fields[n % len(fields)]: text, "n": n})
        for n, text in enumerate(["2023-04-02T16:02:01.824Z", "2023-04-01T00:00:00Z", "2023-04-03 08:00:00.5 UTC"])
    ]
    receipt = check(tmp_path, zipped("\n".join(lines).encode()), data_type)
    first, last = datetime(2023, 4, 1, tzinfo=UTC), datetime(2023, 4, 3, 8, 0, 0, 500_000, tzinfo=UTC)
    assert (receipt.first_date, receipt.last_date) == ((first, last) if expected else (None, None))


def test_dates_are_found_in_rows_checked_one_by_one(tmp_path: Path) -> None:
    lines = b'{"eventDate":7}\n{"eventDate":"2023-04-01 10:00:00 UTC"}\n{"eventDate":"' + b"x" * 500 + b'"}\n'
    receipt = check(tmp_path, zipped(lines + b'{"eventDate":"\\ud800"}\n{"eventDate":"2023-04-02"}\n'))
    assert receipt.first_date == datetime(2023, 4, 1, 10, tzinfo=UTC)
    assert receipt.last_date == datetime(2023, 4, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-03-01 12:01:44.345 UTC", datetime(2023, 3, 1, 12, 1, 44, 345_000, UTC)),
        ("2023-03-01 12:01:44.3 UTC", datetime(2023, 3, 1, 12, 1, 44, 300_000, UTC)),
        ("2023-03-01 12:01:44 UTC", datetime(2023, 3, 1, 12, 1, 44, 0, UTC)),
        ("2023-03-01T12:01:44.345678Z", datetime(2023, 3, 1, 12, 1, 44, 345_678, UTC)),
        ("2023-03-01T12:01:44.345678999Z", datetime(2023, 3, 1, 12, 1, 44, 345_678, UTC)),
        ("2023-03-01T12:01", datetime(2023, 3, 1, 12, 1, 0, 0, UTC)),
        ("2023-03-01T12:01:44+09:00", datetime(2023, 3, 1, 3, 1, 44, 0, UTC)),
        ("2023-03-01 12:01:44 -0330", datetime(2023, 3, 1, 15, 31, 44, 0, UTC)),
        ("2023-03-01", datetime(2023, 3, 1, tzinfo=UTC)),
        ("2023-02-30 00:00:00 UTC", None),
        ("2023-03-01T12:01:44+99:00", None),
        ("0001-01-01T00:00:00+09:00", None),
        ("", None),
        ("yesterday", None),
        ("２０２３-03-01", None),
        ("2023-03-01 12:01:44 UTC" + " " * 100, None),
    ],
)
def test_date_text_is_read_or_ignored(text: str, expected: datetime | None) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    "texts",
    [
        ["2023-03-01 12:00:00 UTC", "2023-03-01 12:00:00.5 UTC", "2023-03-01 11:59:59.999 UTC"],
        ["2023-03-01T12:00:00Z", "2023-03-01 12:00:00.5 UTC", "2023-03-01 11:59:59.999 UTC"],
        ["zzz", "2023-03-01 12:00:00.5 UTC", "0", "2023-03-01 11:59:59.999 UTC", "--"],
        ["2023-03-01T21:00:00.500+09:00", "2023-03-01T11:59:59.999Z"],
        ["2023-03-01 12:00:00.5 UTC", "line\nbreak", "2023-03-01T11:59:59.999Z"],
    ],
)
def test_span_is_that_of_the_moments_not_of_the_text(texts: list[str]) -> None:
    span = DateSpan()
    span.add([])
    span.add(["nonsense"])
    span.add(texts)
    span.add(["2023-03-01 12:00:00.1 UTC"])
    assert span.first == datetime(2023, 3, 1, 11, 59, 59, 999_000, UTC)
    assert span.last == max(d for t in [*texts, "2023-03-01 12:00:00.1 UTC"] if (d := parse_date(t)))


def test_lone_halves_of_surrogate_pairs_are_mended_and_nothing_else() -> None:
    row = rb'{"a":"\ud83d\ude00 \ud83d x \uDE00\ud83d \\ud83d \u00e9"}'
    assert mend_surrogates(row) == rb'{"a":"\ud83d\ude00 \ufffd x \ufffd\ufffd \\ud83d \u00e9"}'


@pytest.mark.parametrize("size", [10, 65_535, 65_536, 65_537, 200_000])
def test_text_split_inside_a_letter_is_still_utf8(size: int) -> None:
    text = b"x" * size + EMOJI * 3
    assert is_utf8(text)
    assert not is_utf8(text[:-1])
    assert not is_utf8(text + b"\xff" + text)


def test_rows_checked_together_count_nothing_when_one_is_bad() -> None:
    check = RowCheck("page")
    assert not check.many([b"{}", b"7"])
    assert check.rows == 0


def test_refusal_survives_the_way_between_processes() -> None:
    import pickle  # noqa: PLC0415

    refused = pickle.loads(pickle.dumps(ArchiveRefused("not_an_object", line=7)))
    assert (refused.code, refused.line, refused.final) == ("not_an_object", 7, False)
    with pytest.raises(ValueError, match="not a refusal code"):
        ArchiveRefused("something else")


PEAK = """
import resource, sys
from pathlib import Path
from exports.files.archive import ArchiveLimits, ArchiveRefused, check_archive
def peak(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
path, small = map(Path, sys.argv[1:])
limits = ArchiveLimits(max_unpacked_bytes=10**10)
check_archive(small, data_type="page", limits=limits)
before = peak()
try:
    print(check_archive(path, data_type="page", limits=limits).rows)
except ArchiveRefused as refused:
    print(refused)
print((peak() - before) // 1024)
"""


@pytest.mark.parametrize(
    ("content", "said", "most_mib"),
    [
        (lambda: b'{"a":"' + b"x" * (256 * 1024**2) + b'"}\n', "line_too_long at line 1", 30),
        (lambda: b"x" * (256 * 1024**2), "line_too_long at line 1", 30),
        (lambda: b'{"eventDate":[' + b"[]," * (5 * 1024**2) + b"[]]}\n", "1", 36),
        (lambda: b'{"eventDate":"' + EMOJI + b"x" * (15 * 1024**2) + b'"}\n', "1", 36),
        (lambda: b'{"a":"' + EMOJI + b"x" * (15 * 1024**2) + b'"}\n', "1", 36),
        (lambda: b"{}\n" * (8 * 1024**2), str(8 * 1024**2), 20),
        (lambda: b"[" + b"{}," * 1024**2 + b"{}]", str(1024**2 + 1), 20),
        (lambda: b"[" * (100 * 1024**2), "not_an_object at line 1", 10),
        (lambda: b'[{"a":' + b"[" * (100 * 1024**2), "too_deep at line 1", 10),
    ],
    ids=[
        "long-line",
        "long-nonsense",
        "brackets-for-date",
        "text-for-date",
        "emoji",
        "tiny-rows",
        "tiny-elements",
        "open",
        "deep",
    ],
)
def test_hostile_rows_do_not_fill_memory(
    tmp_path: Path, content: Callable[[], bytes], said: str, most_mib: int
) -> None:
    path, small = tmp_path / "hostile", tmp_path / "small"
    path.write_bytes(zipped(content()))
    small.write_bytes(zipped(ROWS * 100))
    done = subprocess.run([sys.executable, "-c", PEAK, path, small], capture_output=True, text=True, check=True)
    answer, grown = done.stdout.splitlines()
    assert answer == said
    assert int(grown) <= most_mib
