"""What the gate makes of the ZIP around the rows."""

import io
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files.archive import ArchiveLimits, ArchiveReceipt, ArchiveRefused, CheckStopped, check_archive
from tests.files.archives import LIMITS, Crafted, check, page_rows, refusal, streamed, zipped

ROWS = page_rows(40)
DESCRIPTOR = 0x808


def descriptor(content: bytes, packed: int, form: str = "<3L", signature: bytes = b"PK\x07\x08") -> bytes:
    return signature + struct.pack(form, zlib.crc32(content), packed, len(content))


def packed_length(content: bytes) -> int:
    deflate = zlib.compressobj(wbits=-15)
    return len(deflate.compress(content) + deflate.flush())


@pytest.mark.parametrize(
    "body",
    [
        zipped(ROWS),
        zipped(ROWS, method=zipfile.ZIP_STORED),
        streamed(ROWS),
        streamed(ROWS, force_zip64=True),
        bytes(Crafted(ROWS)),
        zipped(ROWS, name="データ　2023.json"),
        zipped(ROWS, name="exports/2023-03-01T12:00:00/page.json"),
    ],
    ids=["deflated", "stored", "streamed", "streamed-zip64", "crafted", "japanese-name", "name-in-folder"],
)
def test_whole_archive_passes(tmp_path: Path, body: bytes) -> None:
    receipt = check(tmp_path, body)
    assert (receipt.kind, receipt.rows, receipt.unpacked_bytes, receipt.proved) == ("zip", 40, len(ROWS), True)


def test_archive_by_info_zip_passes(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(ROWS)
    subprocess.run(["zip", "-q", "out.zip", "data.json"], cwd=tmp_path, check=True)
    receipt = check(tmp_path, (tmp_path / "out.zip").read_bytes())
    assert (receipt.rows, receipt.entry_name) == (40, "data.json")


def test_streamed_archive_by_info_zip_passes(tmp_path: Path) -> None:
    made = subprocess.run(["zip", "-q", "-", "-"], input=ROWS, capture_output=True, check=True)
    receipt = check(tmp_path, made.stdout)
    assert (receipt.rows, receipt.entry_name) == (40, "-")


def test_entry_of_zero_bytes_is_a_result(tmp_path: Path) -> None:
    receipt = check(tmp_path, zipped(b""))
    assert receipt == ArchiveReceipt("zip", 0, 0, None, None, proved=True, entry_name="data.json")


@pytest.mark.parametrize("signature", [b"PK\x07\x08", b""], ids=["signed", "bare"])
@pytest.mark.parametrize("form", ["<3L", "<LQQ"], ids=["32-bit", "64-bit"])
def test_each_form_of_data_descriptor_passes(tmp_path: Path, signature: bytes, form: str) -> None:
    gap = descriptor(ROWS, packed_length(ROWS), form, signature)
    assert check(tmp_path, bytes(Crafted(ROWS, flags=DESCRIPTOR, local_sizes=(0, 0, 0), gap=gap))).rows == 40
    assert check(tmp_path, bytes(Crafted(ROWS, flags=DESCRIPTOR, gap=gap))).rows == 40


def zip64_end(body: bytes, *, disks: int = 1, shift: int = 0, length: int = 44, here: int = 1) -> bytes:
    """`body` with its end record replaced by a ZIP64 one, a locator, and an end record of all ones."""
    directory_bytes, offset = struct.unpack_from("<2L", body, len(body) - 10)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", length, 45, 45, 0, 0, here, 1, directory_bytes, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body) - 22 + shift, disks)
    narrow = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return body[:-22] + wide + locator + narrow


def test_zip64_end_record_passes(tmp_path: Path) -> None:
    body = zip64_end(zipped(ROWS))
    assert check(tmp_path, body).rows == 40
    (tmp_path / "z.zip").write_bytes(body)
    assert zipfile.ZipFile(tmp_path / "z.zip").testzip() is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disks": 2}, "unsupported_method"),
        ({"shift": 1}, "bad_structure"),
        ({"shift": -1}, "leading_bytes"),
        ({"length": 45}, "bad_structure"),
        ({"here": 2}, "bad_structure"),
    ],
)
def test_wrong_zip64_end_record_is_refused(tmp_path: Path, changes: dict[str, int], code: str) -> None:
    assert refusal(tmp_path, zip64_end(zipped(ROWS), **changes)) == (code, None)


def test_end_records_that_disagree_are_refused(tmp_path: Path) -> None:
    body = bytearray(zip64_end(zipped(ROWS)))
    struct.pack_into("<L", body, len(body) - 6, 5)
    assert refusal(tmp_path, bytes(body)) == ("bad_structure", None)


def wide_extra(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def test_zip64_sizes_in_extra_fields_pass(tmp_path: Path) -> None:
    most = 2**32 - 1
    sizes = (zlib.crc32(ROWS), most, most)
    extra = wide_extra(len(ROWS), packed_length(ROWS))
    crafted = Crafted(ROWS, local_sizes=sizes, local_extra=extra, central_sizes=sizes, central_extra=extra)
    assert check(tmp_path, bytes(crafted)).rows == 40
    crafted.central_extra = extra[:2] + b"\x08\x00" + extra[4:12]
    assert refusal(tmp_path, bytes(crafted)) == ("bad_structure", None)


def test_timestamps_in_extra_fields_pass(tmp_path: Path) -> None:
    extra = struct.pack("<2HBL", 0x5455, 5, 1, 1_700_000_000)
    assert check(tmp_path, bytes(Crafted(ROWS, local_extra=extra, central_extra=extra))).rows == 40


LINK, FOLDER, DEVICE = 0o120777 << 16, 0o040755 << 16, 0o020600 << 16
PACKED = packed_length(ROWS)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"PK", "cut"),
        (b"\x1f\x8b gzip", "not_an_archive"),
        (b"  <html><body>502</body></html>", "html"),
        (b"junk" + zipped(ROWS), "leading_bytes"),
        (zipped(ROWS) + zipped(ROWS), "leading_bytes"),
        (b"PK\x00\x00" + zipped(ROWS), "leading_bytes"),
        (zipped(ROWS) + b"\n", "trailing_bytes"),
        (zipped(ROWS) + b"x" * 70_000, "cut"),
        (bytes(Crafted(ROWS, comment=b"hello")), "trailing_bytes"),
        (bytes(Crafted(ROWS, comment=b"hello"))[:-5], "trailing_bytes"),  # the comment was cut off
        (b"PK\x05\x06" + bytes(18), "no_entry"),
        (bytes(Crafted(ROWS, entries=(0, 0))), "no_entry"),
        (bytes(Crafted(ROWS, entries=(2, 2), more_central=[b"PK\x01\x02"])), "several_entries"),
        (bytes(Crafted(ROWS, entries=(1, 2))), "bad_structure"),
        (bytes(Crafted(ROWS, entries=(1, 1), more_central=[b"more"])), "bad_structure"),
        (bytes(Crafted(ROWS, end_disk=1)), "unsupported_method"),
        (bytes(Crafted(ROWS, disk=1)), "unsupported_method"),
        (bytes(Crafted(ROWS, directory=(10, 60))), "leading_bytes"),
        (bytes(Crafted(ROWS, directory=(10**6, 60))), "bad_structure"),
        (bytes(Crafted(ROWS, before_end=b"between")), "leading_bytes"),
        (bytes(Crafted(ROWS, flags=0x801)), "encrypted"),
        (bytes(Crafted(ROWS, flags=0x840)), "encrypted"),
        (bytes(Crafted(ROWS, method=99)), "encrypted"),
        (bytes(Crafted(ROWS, central_extra=b"\x01\x99\x00\x00")), "encrypted"),
        (bytes(Crafted(ROWS, method=12)), "unsupported_method"),
        (bytes(Crafted(ROWS, flags=0x820)), "unsupported_method"),
        (bytes(Crafted(ROWS, name=b"../data.json")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"..\\data.json")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"/etc/passwd")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"C:data.json")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"a//b")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"data\x00.json")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"data\n.json")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"\xff\xfe")), "bad_name"),
        (bytes(Crafted(ROWS, name=b"x" * 256)), "bad_name"),
        (bytes(Crafted(b"", name=b"folder/", method=0)), "not_a_file"),
        (bytes(Crafted(ROWS, attributes=LINK)), "not_a_file"),
        (bytes(Crafted(ROWS, attributes=FOLDER)), "not_a_file"),
        (bytes(Crafted(ROWS, attributes=DEVICE)), "not_a_file"),
        (bytes(Crafted(ROWS, made_by=0, attributes=0x10)), "not_a_file"),
        (bytes(Crafted(ROWS, local_name=b"other.json")), "bad_structure"),
        (bytes(Crafted(ROWS, local_flags=0x802)), "bad_structure"),
        (bytes(Crafted(ROWS, local_sizes=(1, 2, 3))), "bad_structure"),
        (bytes(Crafted(ROWS, local_offset=7)), "leading_bytes"),
        (bytes(Crafted(ROWS, local_extra=b"\x01\x00\xff\x00")), "bad_structure"),
        (bytes(Crafted(ROWS, central_extra=b"\x01\x00")), "bad_structure"),
        (bytes(Crafted(ROWS, central_extra=b"\x02\x00\x00\x00" * 2)), "bad_structure"),
        (bytes(Crafted(ROWS, gap=b"hidden")), "trailing_bytes"),
        (bytes(Crafted(ROWS, flags=DESCRIPTOR, gap=b"PK\x07\x08" + bytes(12))), "bad_structure"),
        (bytes(Crafted(ROWS, flags=DESCRIPTOR, gap=descriptor(ROWS, PACKED) + bytes(30))), "bad_structure"),
        (bytes(Crafted(ROWS, flags=DESCRIPTOR)), "bad_structure"),
        (bytes(Crafted(ROWS, packed_bytes=PACKED + 1)), "overlap"),
        (bytes(Crafted(ROWS, packed_bytes=PACKED + 10**6)), "overlap"),
        (bytes(Crafted(ROWS, crc=1)), "bad_crc"),
        (bytes(Crafted(ROWS, unpacked_bytes=len(ROWS) + 1)), "bad_size"),
        (bytes(Crafted(ROWS, unpacked_bytes=1)), "bad_size"),
        (bytes(Crafted(ROWS, method=0, unpacked_bytes=1)), "bad_structure"),
        (bytes(Crafted(ROWS, packed=b"\xff" * 100)), "bad_compression"),
        (bytes(Crafted(ROWS, packed=b"")), "bad_compression"),
    ],
)
def test_broken_archive_is_refused_with_its_code(tmp_path: Path, body: bytes, code: str) -> None:
    assert refusal(tmp_path, body) == (code, None)


def test_data_behind_the_deflate_stream_are_refused(tmp_path: Path) -> None:
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(ROWS) + deflate.flush()
    assert refusal(tmp_path, bytes(Crafted(ROWS, packed=packed + b"x"))) == ("trailing_bytes", None)
    assert refusal(tmp_path, bytes(Crafted(ROWS, packed=packed + b"x" * 10**6))) == ("trailing_bytes", None)


def test_deflate_stream_that_ends_early_is_refused(tmp_path: Path) -> None:
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(ROWS) + deflate.flush()
    assert refusal(tmp_path, bytes(Crafted(ROWS, packed=packed[:-9]))) == ("bad_compression", None)


def test_central_header_shorter_than_its_fixed_part_is_refused(tmp_path: Path) -> None:
    body = bytes(Crafted(ROWS))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 40, len(body) - 22 - 40, 0)
    assert refusal(tmp_path, body[:-22] + end) == ("bad_structure", None)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 50, len(body) - 22 - 50, 0)
    assert refusal(tmp_path, body[:-22] + end) == ("bad_structure", None)


def test_directory_over_the_local_header_is_refused(tmp_path: Path) -> None:
    central = bytes(Crafted(b"", packed=b"", method=0, name=b"d"))[31:-22]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), 4, 0)
    assert refusal(tmp_path, b"PK\x03\x04" + central + end) == ("overlap", None)
    whole = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0x800, 0, 0, 33, 0, 0, 0, 1, 500) + b"d"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(whole), 0)
    assert refusal(tmp_path, whole + central + end) == ("overlap", None)


@pytest.mark.parametrize("make", [zipped, streamed], ids=["plain", "streamed"])
def test_archive_cut_anywhere_is_refused(tmp_path: Path, make: Callable[[bytes], bytes]) -> None:
    body = make(ROWS)
    codes = {refusal(tmp_path, body[:length])[0] for length in range(len(body))}
    assert codes == {"empty", "cut"}


@pytest.mark.parametrize("bit", [6, 7])
@pytest.mark.parametrize("header", [b"PK\x01\x02", b"PK\x03\x04"])
def test_version_that_there_is_not_is_refused_as_other_tools_do(tmp_path: Path, header: bytes, bit: int) -> None:
    body = bytearray(zipped(ROWS))
    body[body.rindex(header) + (6 if header == b"PK\x01\x02" else 4)] ^= 1 << bit
    assert refusal(tmp_path, bytes(body)) == ("unsupported_method", None)


@pytest.mark.parametrize("make", [zipped, streamed, lambda rows: zipped(rows, method=0)])
def test_flipped_bit_anywhere_never_changes_the_rows(tmp_path: Path, make: Callable[[bytes], bytes]) -> None:
    """A flip may pass only in a field that says nothing about the content, such as the time; rows stay equal."""
    rows = page_rows(4)
    body = make(rows)
    expected = check(tmp_path, body)
    passed = []
    for position in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[position // 8] ^= 1 << position % 8
        try:
            receipt = check(tmp_path, bytes(flipped))
        except ArchiveRefused:
            continue
        assert receipt == expected
        with zipfile.ZipFile(io.BytesIO(flipped)) as opened:
            assert len(opened.infolist()) == 1  # what passes here, other tools open
        passed.append(position // 8)
    local_header, central = 30, body.rindex(b"PK\x01\x02")
    harmless = [
        offset < local_header or offset >= central or offset == central - 1 or len(body) - offset < 200
        for offset in passed
    ]
    assert all(harmless)
    assert len(passed) < 200


def test_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    bomb = zipped(b"{}\n" * 20_000_000)
    assert len(bomb) < 100_000
    limits = ArchiveLimits(max_unpacked_bytes=1024**2)
    with pytest.raises(ArchiveRefused) as caught:
        check(tmp_path, bomb, limits=limits)
    assert (caught.value.code, caught.value.final) == ("too_large_unpacked", True)


def test_bomb_that_lies_about_its_size_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    bomb = bytes(Crafted(b"{}\n" * 1_000_000, unpacked_bytes=10))
    assert refusal(tmp_path, bomb, limits=ArchiveLimits(max_unpacked_bytes=1024**2))[0] == "too_large_unpacked"


def test_archive_of_exactly_the_limit_passes(tmp_path: Path) -> None:
    assert check(tmp_path, zipped(ROWS), limits=ArchiveLimits(len(ROWS))).rows == 40
    assert refusal(tmp_path, zipped(ROWS), limits=ArchiveLimits(len(ROWS) - 1))[0] == "too_large_unpacked"
    assert refusal(tmp_path, ROWS, limits=ArchiveLimits(len(ROWS) - 1))[0] == "too_large_unpacked"


def test_broken_archive_with_a_bad_row_is_called_broken(tmp_path: Path) -> None:
    rows = b'{"a":1}\n{"a":\n' + ROWS
    assert refusal(tmp_path, bytes(Crafted(rows, crc=5))) == ("bad_crc", None)
    assert refusal(tmp_path, bytes(Crafted(rows))) == ("not_an_object", 2)


def test_file_cut_behind_our_back_is_refused(tmp_path: Path) -> None:
    """The size is taken once; a file that shrinks afterwards is cut, whatever its compression."""
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        path = tmp_path / f"shrinking-{method}"
        content = bytes(range(256)) * 200_000
        lines = b"\n".join(b'{"a":"%b"}' % content[n : n + 64].hex().encode() for n in range(0, 20_000_000, 64))
        path.write_bytes(zipped(lines, method=method))

        def shrink(path: Path = path) -> bool:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 4 if path.stat().st_size > 2**20 else 1000)
            return False

        with pytest.raises(ArchiveRefused) as caught:
            check_archive(path, data_type="page", limits=LIMITS, should_stop=shrink)
        assert caught.value.code == "cut"


def test_check_told_to_stop_ends_without_a_verdict(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(zipped(b"{}\n" * 4_000_000))
    with pytest.raises(CheckStopped):
        check_archive(path, data_type="page", limits=LIMITS, should_stop=lambda: True)


def test_missing_file_raises_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_archive(tmp_path / "nothing", data_type="page", limits=LIMITS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.floats(0, 1)))))
def test_any_rows_pass_and_are_counted(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    from msgspec.json import encode  # noqa: PLC0415

    folder = tmp_path_factory.getbasetemp()
    content = b"".join(encode(row) + b"\n" for row in rows)
    assert check(folder, zipped(content)).rows == len(rows)
    assert check(folder, zipped(encode(rows))).rows == len(rows)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_or_are_rows(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for each in (body, b"PK\x03\x04" + body, zipped(body), zipped(b"[" + body), zipped(b"{" + body)):
        with suppress(ArchiveRefused):
            assert check(folder, each).rows >= 0
