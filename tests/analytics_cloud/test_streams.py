"""A download over a real socket: whole, or cut with a reason."""

import io
import threading
import time
import zipfile

import pytest

from exports.analytics_cloud.replies import Ready
from exports.analytics_cloud.streams import PIECE_BYTES, DownloadCut
from tests.analytics_cloud.certificates import server_context, write_certificate
from tests.analytics_cloud.scripted import (
    ScriptedServer,
    chunk,
    chunked,
    drip,
    head,
    reply,
    reset,
    say,
    stall,
    wait_until,
)
from tests.analytics_cloud.test_client import ask, client_for

ZIP = {"Content-Type": "application/zip"}
IN_CHUNKS = {**ZIP, "Transfer-Encoding": "chunked"}
ROWS = b'{"id":"1","canonicalUrl":"https://www.example.com"}\n' * 4000


def archive(rows=ROWS):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
        made.writestr("data.json", rows)
    return file.getvalue()


FILE = archive()


def stream_of(server, **options):
    outcome = ask(client_for(server), **options)
    assert isinstance(outcome, Ready)
    return outcome.stream


def cut_of(script, **options):
    """The reason for which a download of this script is cut, and what had been handed out."""
    with ScriptedServer(script) as server, stream_of(server, **options) as stream:
        with pytest.raises(DownloadCut) as cut:
            b"".join(stream)
        with pytest.raises(DownloadCut) as again:
            next(stream)
    assert str(cut.value) == cut.value.reason == again.value.reason
    return cut.value.reason


class TestWhole:
    @pytest.mark.parametrize(
        "script",
        [
            chunked(FILE),
            chunked(*(FILE[i : i + 8192] for i in range(0, len(FILE), 8192))),
            chunked(FILE[:1], FILE[1:2], FILE[2:]),
            reply(body=FILE, content_type="application/zip"),
            head(headers=ZIP) + FILE,
            b"HTTP/1.0 200 OK\r\nContent-Type: applization/zip\r\n\r\n" + FILE,
            head(headers=IN_CHUNKS) + b"%X ; a=b\r\n%b\r\n00\r\nTrailer: x\r\n\r\n" % (len(FILE), FILE),
            head(headers=IN_CHUNKS) + b"%x\n%b\n0\n\n" % (len(FILE), FILE),
            head(headers=IN_CHUNKS) + chunk(FILE) + b"0\r\n",
            reply(body=FILE, content_type="application/zip") + b"more than was announced",
        ],
    )
    def test_file_arrives_byte_for_byte(self, script):
        with ScriptedServer(script) as server, stream_of(server) as stream:
            assert b"".join(stream) == FILE
            assert stream.received == len(FILE)
            assert list(stream) == []

    @pytest.mark.parametrize("rows", [ROWS, b"[" + ROWS, b"\xef\xbb\xbf\n" + ROWS, ROWS[:-1], b'{"a":1}\n{"a":2}\n'])
    def test_bare_rows_arrive_byte_for_byte(self, rows):
        with ScriptedServer(chunked(rows, content_type="application/json")) as server:
            assert b"".join(stream_of(server)) == rows

    def test_rows_in_tiny_pieces_arrive_byte_for_byte(self):
        rows = ROWS[:400]
        pieces = [rows[i : i + 1] for i in range(len(rows))]
        with ScriptedServer(chunked(*pieces, content_type="application/json")) as server:
            assert b"".join(stream_of(server)) == rows

    def test_first_row_longer_than_the_lead_arrives_byte_for_byte(self):
        rows = b'{"id":"1","title":"' + b"x" * 200_000 + b'"}\n'
        with ScriptedServer(chunked(rows, content_type="application/json")) as server:
            assert b"".join(stream_of(server)) == rows

    def test_large_file_comes_in_large_pieces(self):
        body = b"PK" + bytes(12 * 1024 * 1024)
        pieces = [body[i : i + 8192] for i in range(0, len(body), 8192)]
        with ScriptedServer(chunked(*pieces)) as server:
            sizes = [len(piece) for piece in stream_of(server)]
        assert sum(sizes) == len(body)
        assert max(sizes) <= PIECE_BYTES
        assert len(sizes) < len(pieces) / 4

    def test_size_is_declared_where_it_is_known(self):
        with ScriptedServer(reply(body=FILE)) as server, stream_of(server) as stream:
            assert stream.declared == len(FILE)
        with ScriptedServer(chunked(FILE)) as server, stream_of(server) as stream:
            assert stream.declared is None

    def test_file_over_tls_arrives_byte_for_byte(self, tmp_path):
        certificate = write_certificate(tmp_path / "server.pem")
        with ScriptedServer(chunked(FILE), tls=server_context(certificate)) as server:
            outcome = ask(client_for(server, ca_file=str(certificate)))
            assert b"".join(outcome.stream) == FILE

    def test_pieces_are_handed_out_as_they_arrive(self):
        parts = [chunk(b"PK" * 100)] * 5
        with ScriptedServer(drip(head(headers=IN_CHUNKS), [*parts, chunk(b"")], 0.1)) as server:
            arrivals = [time.monotonic() for _ in stream_of(server)]
        assert len(arrivals) == 5
        assert arrivals[-1] - arrivals[0] > 0.3

    def test_time_of_the_question_does_not_bound_the_file(self):
        parts = [chunk(b"PK" * 2000)] * 8
        with ScriptedServer(drip(head(headers=IN_CHUNKS), [*parts, chunk(b"")], 0.1)) as server:
            assert len(b"".join(stream_of(server, give_up_after=0.4))) == 32000

    def test_our_own_slowness_is_not_held_against_the_server(self):
        with ScriptedServer(chunked(*[b"PK" * 1000] * 200)) as server:
            stream = stream_of(server, stall_seconds=0.2)
            size = 0
            for piece in stream:
                size += len(piece)
                time.sleep(0.1)
        assert size == 400_000

    def test_small_file_may_come_slowly(self):
        with ScriptedServer(drip(head(headers=IN_CHUNKS), [chunk(b"PK"), chunk(b"")], 0.1)) as server:
            assert b"".join(stream_of(server, stall_seconds=0.5)) == b"PK"

    def test_client_may_be_closed_before_its_stream_is_read(self):
        with ScriptedServer(chunked(FILE)) as server:
            client = client_for(server)
            stream = ask(client).stream
            client.close()
            assert b"".join(stream) == FILE


class TestCut:
    @pytest.mark.parametrize(
        "script",
        [
            say(head(headers=IN_CHUNKS), chunk(FILE)),
            say(head(headers=IN_CHUNKS), chunk(FILE)[:-2]),
            say(head(headers=IN_CHUNKS), chunk(FILE)[:-50]),
            say(head(headers=IN_CHUNKS), chunk(FILE), b"1f"),
            say(head(headers=IN_CHUNKS), chunk(FILE), b"10 x\r\n"),
            say(head(headers=IN_CHUNKS), chunk(FILE), b"1_0\r\n"),
            say(head(headers=IN_CHUNKS), chunk(FILE)[:-2], b"xx\r\n0\r\n\r\n"),
            say(reply(body=FILE, content_type="application/zip")[:-1]),
        ],
    )
    def test_body_that_ends_before_its_framing_does_is_incomplete(self, script):
        assert cut_of(script) == "incomplete"

    @pytest.mark.parametrize(
        "script",
        [
            head(headers=IN_CHUNKS) + chunk(b""),
            head(headers=ZIP),
            reply(content_type="application/zip"),
            reply(content_type="application/json"),
            chunked(b" \n", content_type="application/json"),
            head(headers={**ZIP, "Content-Length": "1000"}),
            head(headers=IN_CHUNKS),
            head(headers=IN_CHUNKS) + b"5",
        ],
    )
    def test_zero_bytes_are_incomplete(self, script):
        assert cut_of(say(script)) == "incomplete"

    def test_reset_is_a_reset(self):
        assert cut_of(reset(head(headers=ZIP), FILE[:500])) == "reset"
        assert cut_of(reset(head(headers=ZIP))) == "reset"

    def test_silence_is_a_stall(self):
        began = time.monotonic()
        assert cut_of(stall(head(headers=ZIP), FILE[:500]), stall_seconds=0.3) == "stalled"
        assert time.monotonic() - began < 1.5

    def test_silence_before_the_first_byte_of_an_archive_is_a_stall(self):
        assert cut_of(stall(head(headers=ZIP)), give_up_after=0.3) == "stalled"

    def test_drip_is_too_slow(self):
        began = time.monotonic()
        script = drip(head(headers=ZIP) + b"PK", [b"x"] * 400, 0.02)
        assert cut_of(script, stall_seconds=0.4) == "too_slow"
        assert time.monotonic() - began < 2

    def test_drip_after_a_good_start_is_too_slow(self):
        script = drip(head(headers=ZIP) + FILE, [b"x"] * 400, 0.02)
        assert cut_of(script, stall_seconds=0.4) == "too_slow"

    def test_drip_of_framing_alone_is_too_slow(self):
        script = drip(head(headers=IN_CHUNKS) + chunk(b"PK"), [b"0"] * 400, 0.02)
        began = time.monotonic()
        assert cut_of(script, stall_seconds=0.4) == "too_slow"
        assert time.monotonic() - began < 2

    def test_file_that_takes_too_long_meets_its_deadline(self):
        script = drip(head(headers=ZIP) + b"PK", [b"x" * 5000] * 400, 0.02)
        began = time.monotonic()
        assert cut_of(script, download_deadline=0.4) == "deadline"
        assert time.monotonic() - began < 2

    def test_file_larger_than_allowed_is_too_large(self):
        assert cut_of(say(chunked(FILE)), max_bytes=len(FILE) - 1) == "too_large"

    def test_announced_size_larger_than_allowed_is_too_large_before_it_comes(self):
        script = stall(head(headers={**ZIP, "Content-Length": "99999"}), b"PK")
        assert cut_of(script, max_bytes=1000) == "too_large"

    def test_file_as_large_as_allowed_passes(self):
        with ScriptedServer(chunked(FILE)) as server:
            assert b"".join(stream_of(server, max_bytes=len(FILE))) == FILE

    @pytest.mark.parametrize("more", [b"", b"x" * 100_000])
    def test_abort_from_another_thread_ends_a_blocked_read(self, more):
        with ScriptedServer(stall(head(headers=ZIP), b"PK", more)) as server:
            client = client_for(server)
            stream = ask(client, stall_seconds=15).stream
            threading.Timer(0.2, client.abort).start()
            began = time.monotonic()
            with pytest.raises(DownloadCut, match="aborted"):
                b"".join(stream)
            assert time.monotonic() - began < 2

    def test_stream_that_was_closed_reads_as_aborted(self):
        with ScriptedServer(stall(head(headers=ZIP), b"PK")) as server:
            stream = stream_of(server)
            stream.close()
            stream.close()
            with pytest.raises(DownloadCut, match="aborted"):
                next(stream)

    def test_closing_tells_the_server(self):
        gone = threading.Event()

        def script(sock, stop):
            sock.sendall(head(headers=ZIP) + b"PK")
            if sock.recv(1) == b"":
                gone.set()

        with ScriptedServer(script) as server:
            stream_of(server).close()
            wait_until(gone.is_set)

    def test_stream_shows_no_more_than_its_size(self):
        with ScriptedServer(chunked(FILE)) as server, stream_of(server) as stream:
            assert repr(stream) == "<BodyStream: 0 bytes received>"
