"""The file as it is kept and as it travels (analytics-cloud-api.md §2, §4)."""

import hashlib
import io
import json
import socket
import zipfile
import zlib
from datetime import UTC, datetime

import pytest

from exports.analytics_cloud.simulator import VirtualClock
from tests.analytics_cloud.simulator.conftest import FROM, TO


def rows_of(content: bytes) -> list[dict]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["data.json"]
        assert archive.testzip() is None
        return [json.loads(line) for line in archive.read("data.json").splitlines()]


@pytest.mark.parametrize("type_", ["event", "identity", "individual", "membership", "page", "segment"])
def test_a_file_is_a_zip_of_json_lines_with_one_entry(client, type_):
    assert len(rows_of(client.fetch(type_).content)) == 20


def test_the_archive_is_streamed_with_a_data_descriptor(client):
    content = client.fetch().content
    assert zipfile.ZipFile(io.BytesIO(content)).infolist()[0].flag_bits & 0x08


def test_a_file_travels_in_chunks_without_length_or_name(client):
    headers = client.fetch().headers
    assert headers["Transfer-Encoding"] == "chunked"
    assert headers["Content-Type"] == "application/zip"
    assert not headers.keys() & {"content-length", "content-disposition", "accept-ranges", "etag"}


def test_a_range_is_ignored_and_a_violation(client):
    client.fetch()
    response = client.ask(headers={"Range": "bytes=10-"})
    assert response.status_code == 200
    assert response.content.startswith(b"PK")
    assert any(line.startswith("range") for line in client.simulator.violations())


def test_what_was_made_is_what_arrives(client):
    content = client.fetch().content
    made = client.simulator.made("acme", "page", FROM, TO)
    assert made is not None
    assert (made.sha256, made.bytes, made.rows) == (hashlib.sha256(content).hexdigest(), len(content), 20)
    assert made.path.read_bytes() == content
    downloads = [entry for entry in client.simulator.log if entry.is_download]
    assert [(entry.sha256, entry.whole) for entry in downloads] == [(made.sha256, True)]


def test_nothing_is_made_of_what_nobody_asked_for(client):
    assert client.simulator.made("acme", "page", datetime(2026, 10, 1, tzinfo=UTC), TO) is None


def test_no_rows_are_a_whole_archive_with_an_empty_entry(start):
    client = start(rows=0)
    content = client.fetch().content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.infolist()[0].file_size == 0


def test_the_oldest_servers_send_the_bare_rows_and_call_them_json(start):
    response = start(body="plain").fetch()
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert len([json.loads(line) for line in response.content.splitlines()]) == 20


def test_one_version_packs_segments_as_one_array(start):
    client = start(body="array")
    with zipfile.ZipFile(io.BytesIO(client.fetch("segment").content)) as archive:
        assert len(json.loads(archive.read("data.json"))) == 20
    assert len(rows_of(client.fetch("page").content)) == 20


def test_no_segments_are_an_empty_array(start):
    client = start(body="array", rows=0)
    with zipfile.ZipFile(io.BytesIO(client.fetch("segment").content)) as archive:
        assert archive.read("data.json") == b"[]"


def test_one_version_misspells_the_type(start):
    assert start(misspelt_type=True).fetch().headers["Content-Type"] == "applization/zip"


@pytest.mark.parametrize(("year", "starts"), [(2022, b"{"), (2023, b"PK")])
def test_the_clocks_day_decides_the_shape(start, year, starts):
    client = start(clock=VirtualClock(datetime(year, 6, 29, tzinfo=UTC)))
    client.ask(from_=f"{year}-01-01T00:00:00.000Z", to=f"{year}-02-01T00:00:00.000Z")
    client.simulator.clock.advance(1_000)
    answer = client.ask(from_=f"{year}-01-01T00:00:00.000Z", to=f"{year}-02-01T00:00:00.000Z")
    assert answer.content.startswith(starts)


@pytest.mark.parametrize("incompressible", [False, True])
def test_a_benchmarks_file_is_big_whole_and_still_rows(start, incompressible):
    client = start(megabytes=3, incompressible=incompressible)
    content = client.fetch().content
    assert 3_000_000 <= len(content) < 8_000_000
    made = client.simulator.made("acme", "page", FROM, TO)
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = archive.infolist()[0]
        assert archive.testzip() is None
        assert archive.read(entry).count(b"\n") == made.rows
    assert (entry.file_size / entry.compress_size < 2) is incompressible


def test_a_benchmarks_file_can_be_read_as_a_stream(start):
    """Readers that take the entry as it comes need the raw deflate stream to end where the descriptor says."""
    content = start(megabytes=1).fetch().content
    name_length, extra_length = content[26] + 256 * content[27], content[28] + 256 * content[29]
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    inflate.decompress(content[30 + name_length + extra_length :])
    assert inflate.eof
    assert inflate.unused_data.startswith(b"PK\x07\x08")


def test_an_old_client_gets_the_file_without_chunks(client):
    client.fetch()
    host, port = client.simulator.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        target = client.url().partition(port)[2]
        connection.sendall(f"GET {target} HTTP/1.0\r\nAuthorization: Bearer acmetoken0123456789\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert len(rows_of(body)) == 20
