"""Questions over a real socket: redirects, deadlines, aborts, and a token that goes nowhere else."""

import gc
import io
import logging
import os
import pickle
import signal
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.origins import OriginRefused
from exports.analytics_cloud.replies import (
    Accepted,
    Ready,
    TokenRejected,
    Unavailable,
    Unintelligible,
    Waiting,
)
from exports.analytics_cloud.streams import DownloadCut
from exports.analytics_cloud.transport import BearerAuth
from tests.analytics_cloud.certificates import server_context, write_certificate
from tests.analytics_cloud.scripted import (
    ScriptedServer,
    chunked,
    drip,
    head,
    reply,
    reset,
    say,
    stall,
    wait_until,
)

TOKEN = "100dnsjvw78q2p3a5zsxxa61a0x7o8wtfx8z39z8gm2fvdq5lp7dfen"
FROM = datetime(2022, 1, 1, 0, 0, 1, tzinfo=UTC)
TO = datetime(2022, 1, 5, 23, 59, 59, tzinfo=UTC)
PENDING = (
    b'{"fromDate":"2022-01-01T00:00:01.000Z","createdDate":"2022-06-29T17:50:46.824Z",'
    b'"toDate":"2022-01-05T23:59:59.000Z","message":"A new data export file for this date range and type will be '
    b'created. Please come back later.","type":"PAGE","status":"PENDING"}'
)
WAITING = Waiting(datetime(2022, 6, 29, 17, 50, 46, 824000, UTC))
LINKS = reply(body=b'{"_links":{}}', content_type="application/json")
PENDING_REPLY = reply(body=PENDING, content_type="application/json")


def client_for(server, *more_origins, token=TOKEN, **options):
    origin = server if isinstance(server, str) else server.origin
    return AnalyticsCloudClient(base_url=origin, token=token, allowed_origins=[origin, *more_origins], **options)


def ask(client, give_up_after=5.0, **options):
    with client:
        return client.ask(
            "page",
            FROM,
            TO,
            **{"give_up_after": give_up_after, "stall_seconds": 5.0, "max_bytes": 10**9, **options},
        )


def answer(*scripts, **options):
    """What the client makes of a server that runs these scripts."""
    with ScriptedServer(*scripts) as server:
        return ask(client_for(server), **options)


class TestQuestion:
    def test_request_is_the_one_documented(self):
        with ScriptedServer(PENDING_REPLY) as server:
            assert ask(client_for(server, user_agent="desk/1")) == WAITING
        [request] = server.requests
        line, *headers = request.decode().strip().split("\r\n")
        assert line == (
            "GET /api/reports/export/page?fromDate=2022-01-01T00:00:01.000Z&toDate=2022-01-05T23:59:59.000Z HTTP/1.1"
        )
        assert sorted(headers) == [
            "Accept-Encoding: identity",
            "Accept: */*",
            f"Authorization: Bearer {TOKEN}",
            # No "Connection: close": some servers then leave the chunks out, and a cut could not be seen.
            f"Host: 127.0.0.1:{server.port}",
            "User-Agent: desk/1",
        ]

    def test_every_question_has_a_connection_of_its_own(self):
        with ScriptedServer(PENDING_REPLY) as server, client_for(server) as client:
            for _ in range(3):
                assert ask(client) == WAITING
        assert len(server.requests) == 3

    def test_type_cannot_leave_its_place_in_the_path(self):
        with ScriptedServer(PENDING_REPLY) as server, client_for(server) as client:
            client.ask("../x?y#z", FROM, TO, give_up_after=5, stall_seconds=5, max_bytes=9)
        assert server.paths[0].startswith("/api/reports/export/..%2Fx%3Fy%23z?fromDate=")

    def test_date_without_a_zone_is_refused(self):
        with client_for("http://127.0.0.1:1") as client, pytest.raises(ValueError, match="time zone"):
            client.ask("page", FROM.replace(tzinfo=None), TO, give_up_after=5, stall_seconds=5, max_bytes=9)

    def test_base_url_that_is_not_listed_is_refused(self):
        with pytest.raises(OriginRefused):
            AnalyticsCloudClient(base_url="http://127.0.0.1:1", token=TOKEN, allowed_origins=["http://127.0.0.1:2"])

    def test_environment_is_not_asked(self, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("default login someone password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
        with ScriptedServer(PENDING_REPLY) as proxy, ScriptedServer(PENDING_REPLY) as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.origin)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            assert ask(client_for(server)) == WAITING
        assert proxy.requests == []
        assert f"Authorization: Bearer {TOKEN}\r\n".encode() in server.requests[0]

    def test_cookie_of_theirs_is_not_sent_back(self):
        with ScriptedServer(reply(body=PENDING, Set_Cookie="JSESSIONID=1; Path=/")) as server:
            client = client_for(server)
            ask(client)
            ask(client)
        assert b"cookie" not in server.requests[1].lower()

    @pytest.mark.parametrize("line", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </a>", b"199 Odd"])
    @pytest.mark.parametrize("times", [1, 3])
    def test_interim_answer_is_passed_over(self, line, times):
        assert answer((b"HTTP/1.1 " + line + b"\r\n\r\n") * times + PENDING_REPLY) == WAITING

    def test_interim_answers_without_end_are_no_answer(self):
        assert answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200 + PENDING_REPLY) == Unintelligible("odd_http")

    def test_answer_in_chunks_of_one_byte_is_understood(self):
        pieces = [PENDING[i : i + 1] for i in range(len(PENDING))]
        assert answer(chunked(*pieces, content_type="application/json")) == WAITING

    def test_status_object_of_a_body_that_never_ends_is_understood(self):
        assert answer(stall(head(), PENDING)) == WAITING


class TestFaultsOfTheWay:
    def test_refused_connection_is_unavailable(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert ask(client_for(origin)) == Unavailable("connection", opens_breaker=True)

    def test_unknown_host_is_unavailable(self):
        assert ask(client_for("http://nowhere.invalid:8091")) == Unavailable("dns", opens_breaker=True)

    def test_slow_name_server_is_a_time_out(self, slow_resolver):
        began = time.monotonic()
        assert ask(client_for("http://slow.example"), give_up_after=0.2) == Unavailable("timeout")
        assert time.monotonic() - began < 1

    def test_host_that_does_not_pick_up_is_a_time_out(self, full_listener):
        assert ask(client_for(full_listener, connect_timeout=0.2)) == Unavailable("timeout")

    def test_second_address_is_tried_when_the_first_refuses(self, monkeypatch):
        real = socket.getaddrinfo
        with socket.create_server(("127.0.0.1", 0)) as listener:
            closed = listener.getsockname()[1]

        def two_addresses(host, port, *args, **options):
            if host != "two.example":
                return real(host, port, *args, **options)
            if options.get("flags"):
                raise socket.gaierror
            return [*real("127.0.0.1", closed, **options), *real("127.0.0.1", port, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
        with ScriptedServer(PENDING_REPLY) as server:
            assert ask(client_for(f"http://two.example:{server.port}")) == WAITING

    @pytest.mark.parametrize(
        "script",
        [
            reset(),
            reset(head()[:30]),
            reset(head(headers={"Content-Type": "application/json", "Content-Length": "500"}), PENDING[:50]),
            say(),
            say(b"HTTP/1.1 200 O"),
            say(b"HTTP/1.1 200 OK\r\nContent-Ty"),
            say(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n"),
            say(b"SSH-2.0-OpenSSH_9.2\r\n"),
            say(b"HTTP/1.1 abc\r\n\r\n"),
            say(b"HTTP/3 200 OK\r\n\r\n"),
            say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n"),
            say(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n"),
            say(head(headers={"Content-Type": "application/json", "Content-Length": "500"}), PENDING[:50]),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"1f4\r\n", PENDING[:50]),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"1f"),
        ],
    )
    def test_answer_that_breaks_off_is_a_fault_of_the_way(self, script):
        assert answer(script) == Unavailable("connection", opens_breaker=True)

    @pytest.mark.parametrize(
        "script",
        [
            say(b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n"),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"zz\r\n"),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"-5\r\n"),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"1" * 9000),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"2\r\n{}2\r\n"),
            say(head(headers={"Transfer-Encoding": "chunked"}), b"0\r\n" + b"x: y\r\n" * 200),
        ],
    )
    def test_answer_that_is_no_http_is_unintelligible(self, script):
        assert answer(script) == Unintelligible("odd_http")

    @pytest.mark.parametrize(
        ("script", "reply"),
        [
            (stall(), Unavailable("timeout")),
            (stall(b"HTTP/1.1 200 OK\r\n"), Unavailable("timeout")),
            (drip(b"HTTP/1.1 200 OK\r\n", [b"X: y\r\n"] * 99, 0.05), Unavailable("timeout")),
            (drip(b"", [b"HTTP/1.1 100 Continue\r\n\r\n"] * 99, 0.05), Unavailable("timeout")),
            (drip(head(), [b" "] * 99, 0.05), Unavailable("timeout")),
            (drip(head(), [PENDING[i : i + 1] for i in range(99)], 0.05), Unavailable("timeout")),
            (drip(head("404 No"), [b" "] * 99, 0.05), Unavailable("timeout")),
            (stall(head("503 No")), Unavailable("http_5xx", opens_breaker=True)),
        ],
    )
    def test_time_for_the_question_is_a_total(self, script, reply):
        began = time.monotonic()
        assert answer(script, give_up_after=0.4) == reply
        assert time.monotonic() - began < 1.5

    def test_no_time_at_all_is_a_time_out(self):
        assert ask(client_for("http://127.0.0.1:1"), give_up_after=0) == Unavailable("timeout")

    def test_status_body_without_end_is_too_large(self):
        forever = [b'{"status":"PENDING","message":"', *([b"x" * 8192] * 100)]
        assert answer(say(head(), *forever)) == Unintelligible("too_large")


class TestBombs:
    @pytest.mark.parametrize("content_type", ["application/zip", "application/json", "text/html"])
    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_body_that_grows_a_thousandfold_is_never_unpacked(self, content_type, coding):
        packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        packed = b"".join([*(packer.compress(b"\0" * 2**20) for _ in range(64)), packer.flush()])
        assert len(packed) < 2**17
        tracemalloc.start()
        try:
            outcome = answer(reply(body=packed, content_type=content_type, Content_Encoding=coding))
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert outcome == Unintelligible("encoded")
        assert peak < 8 * 2**20


class TestRedirects:
    def test_redirect_to_https_on_the_same_host_is_followed(self, certificate):
        with ScriptedServer(PENDING_REPLY, tls=server_context(certificate)) as secure:
            there = f"{secure.origin}/api/reports/export/page?a=b"
            with ScriptedServer(reply("301 Moved", Location=there)) as plain:
                assert ask(client_for(plain, secure.origin, ca_file=str(certificate))) == WAITING
        assert secure.paths == ["/api/reports/export/page?a=b"]
        assert f"Authorization: Bearer {TOKEN}\r\n".encode() in secure.requests[0]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_within_the_origin_is_followed_with_get(self, status):
        with ScriptedServer(reply(f"{status} Moved", Location="/there?x=1"), PENDING_REPLY) as server:
            assert ask(client_for(server)) == WAITING
        assert server.paths[1] == "/there?x=1"
        assert server.requests[1].startswith(b"GET ")

    def test_redirect_to_another_host_is_not_followed(self):
        with ScriptedServer(PENDING_REPLY) as other:
            there = other.origin.replace("127.0.0.1", "localhost")
            with ScriptedServer(reply("302 Found", Location=there)) as server:
                assert ask(client_for(server, there)) == Unintelligible("redirect_elsewhere")
        assert other.requests == []

    def test_redirect_to_another_port_over_http_is_not_followed(self):
        with (
            ScriptedServer(PENDING_REPLY) as other,
            ScriptedServer(reply("302 Found", Location=other.origin)) as server,
        ):
            assert ask(client_for(server, other.origin)) == Unintelligible("redirect_elsewhere")
        assert other.requests == []

    def test_redirect_down_to_http_is_not_followed(self, certificate):
        with ScriptedServer(PENDING_REPLY) as plain:
            script = reply("302 Found", Location=plain.origin)
            with ScriptedServer(script, tls=server_context(certificate)) as secure:
                outcome = ask(client_for(secure, plain.origin, ca_file=str(certificate)))
        assert outcome == Unintelligible("redirect_elsewhere")
        assert plain.requests == []

    @pytest.mark.parametrize(
        "location", ["", "https://127.1/", "//evil.example/x", "http://a@127.0.0.1/", "ftp://x", "\xff"]
    )
    def test_redirect_to_an_odd_place_is_not_followed(self, location):
        assert answer(reply("302 Found", Location=location)) == Unintelligible("redirect_elsewhere")

    def test_redirect_in_a_circle_ends(self):
        with ScriptedServer(reply("302 Found", Location="/again")) as server:
            assert ask(client_for(server)) == Unintelligible("redirect_loop")
        assert len(server.requests) == 6

    def test_redirect_to_nowhere_is_odd(self):
        assert answer(reply("302 Found", b"moved", "text/plain")) == Unintelligible("odd_http")


class TestToken:
    @pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
    def test_rejection_needs_no_probe(self, status):
        with ScriptedServer(reply(status)) as server:
            assert ask(client_for(server)) == TokenRejected()
        assert len(server.requests) == 1

    @pytest.mark.parametrize("doubt", [reply(), reply("500 Error"), reply("403 No", b"<html>", "text/html")])
    @pytest.mark.parametrize("confirmed", [reply(), reply("500 Error"), reply("401 No"), reply("403 No", b"<html>")])
    def test_doubt_that_the_probe_shares_rejects_the_token(self, doubt, confirmed):
        with ScriptedServer(doubt, confirmed) as server:
            assert ask(client_for(server)) == TokenRejected()
        assert server.paths[1:] == ["/api/reports"]

    @pytest.mark.parametrize(
        ("doubt", "otherwise"),
        [
            (reply(), Unavailable("blank")),
            (reply("204 No Content"), Unavailable("blank")),
            (reply("500 Error"), Unavailable("blank", opens_breaker=True)),
            (reply("403 No", b"<html>", "text/html"), Unavailable("html")),
        ],
    )
    @pytest.mark.parametrize("denied", [LINKS, reply(body=b"<html>"), reply("302 Found", Location="//x.y")])
    def test_doubt_that_the_probe_does_not_share_is_a_fault_of_the_way(self, doubt, otherwise, denied):
        assert answer(doubt, denied) == otherwise

    def test_patience_the_probe_is_asked_for_is_kept(self):
        busy = reply("429 Busy", Retry_After="60")
        assert answer(reply(), busy) == Unavailable("blank", 60.0, opens_breaker=True)

    def test_probe_shares_the_time_of_the_question(self):
        began = time.monotonic()
        assert answer(reply(), stall(), give_up_after=0.4) == Unavailable("blank")
        assert time.monotonic() - began < 1.5

    def test_head_that_was_cut_is_no_rejection(self):
        script = b"HTTP/1.1 200 OK\r\nDate: Wed"
        assert answer(script) == Unavailable("connection", opens_breaker=True)

    def test_blank_answer_with_a_type_is_a_cut_file(self):
        outcome = answer(reply(content_type="application/zip"))
        assert isinstance(outcome, Ready)
        with outcome.stream as stream, pytest.raises(DownloadCut, match="incomplete"):
            next(stream)

    @pytest.mark.parametrize(
        "token", ["", "two words", "line\nbreak", "null\0", "ünï", "x" * 513, "tab\t", "\u2028", "\ud800"]
    )
    def test_token_that_no_header_can_carry_is_never_sent(self, token):
        with ScriptedServer(PENDING_REPLY) as server:
            client = client_for(server, token=token)
            assert ask(client) == TokenRejected()
            assert client.probe(give_up_after=5) == TokenRejected()
        assert server.requests == []


class TestProbe:
    def probe(self, *scripts, give_up_after=5.0):
        with ScriptedServer(*scripts) as server, client_for(server) as client:
            outcome = client.probe(give_up_after=give_up_after)
        self.paths = server.paths
        return outcome

    def test_good_token_is_accepted(self):
        assert self.probe(LINKS) == Accepted()
        assert self.paths == ["/api/reports"]

    @pytest.mark.parametrize("script", [reply("401 No"), reply("403 No", b"{}", "application/json")])
    def test_bad_token_is_rejected_at_once(self, script):
        assert self.probe(script) == TokenRejected()
        assert len(self.paths) == 1

    @pytest.mark.parametrize("script", [reply(), reply("500 Error"), reply("401 No", b"<html>")])
    def test_doubt_is_confirmed_by_asking_again(self, script):
        assert self.probe(script) == TokenRejected()
        assert self.probe(script, LINKS) == Accepted()
        assert len(self.paths) == 2

    @pytest.mark.parametrize(
        ("script", "outcome"),
        [
            (reply("503 Busy"), Unavailable("http_5xx", opens_breaker=True)),
            (reply(body=b"<html>"), Unavailable("html")),
            (reply(body=b"{}"), Unintelligible("odd_json")),
            (say(head(headers={"Content-Type": "application/zip"})), Unintelligible("not_json")),
            (stall(head(headers={"Content-Type": "application/zip"})), Unavailable("timeout")),
        ],
    )
    def test_other_answers_say_nothing_of_the_token(self, script, outcome):
        assert self.probe(script, give_up_after=0.5) == outcome


class TestTls:
    def test_trusted_certificate_is_accepted(self, certificate):
        with ScriptedServer(PENDING_REPLY, tls=server_context(certificate)) as server:
            assert ask(client_for(server, ca_file=str(certificate))) == WAITING

    def test_unknown_certificate_is_refused_before_the_token_is_sent(self, certificate):
        with ScriptedServer(PENDING_REPLY, tls=server_context(certificate)) as server:
            assert ask(client_for(server)) == Unavailable("tls", opens_breaker=True)
        assert server.requests == []

    def test_certificate_of_another_name_is_refused(self, certificate):
        with ScriptedServer(PENDING_REPLY, tls=server_context(certificate)) as server:
            origin = server.origin.replace("127.0.0.1", "localhost")
            outcome = ask(client_for(origin, ca_file=str(certificate)))
        assert outcome == Unavailable("tls", opens_breaker=True)
        assert server.requests == []

    def test_server_without_tls_is_a_tls_fault(self):
        # It answers before it is asked, as mail servers do.
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def greet():
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(b"220 hello\r\n" * 10)
                    sock.recv(4096)

            thread = threading.Thread(target=greet)
            thread.start()
            outcome = ask(client_for(f"https://127.0.0.1:{listener.getsockname()[1]}"))
            thread.join()
        assert outcome == Unavailable("tls", opens_breaker=True)

    def test_reset_within_the_handshake_is_a_connection_fault(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def hang_up():
                sock, _ = listener.accept()
                sock.recv(1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()

            thread = threading.Thread(target=hang_up)
            thread.start()
            outcome = ask(client_for(f"https://127.0.0.1:{listener.getsockname()[1]}"))
            thread.join()
        assert outcome == Unavailable("connection", opens_breaker=True)

    def test_handshake_that_hangs_is_a_time_out(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            origin = f"https://127.0.0.1:{listener.getsockname()[1]}"
            assert ask(client_for(origin, connect_timeout=0.2)) == Unavailable("timeout")

    def test_abort_within_the_handshake_ends_it(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = client_for(f"https://127.0.0.1:{listener.getsockname()[1]}")
            threading.Timer(0.1, client.abort).start()
            began = time.monotonic()
            assert ask(client) == Unavailable("aborted")
        assert time.monotonic() - began < 2

    def test_time_out_of_a_secure_read_is_a_time_out(self, certificate):
        with ScriptedServer(stall(head()), tls=server_context(certificate)) as server:
            client = client_for(server, ca_file=str(certificate))
            assert ask(client, give_up_after=0.5) == Unavailable("timeout")

    def test_noise_in_the_encrypted_stream_is_a_tls_fault(self, certificate):
        def noise(sock, stop):
            sock.sendall(head())
            raw = sock.detach()
            os.write(raw, b"\x17\x03\x03\x00\x20" + b"x" * 32)
            os.close(raw)

        with ScriptedServer(noise, tls=server_context(certificate)) as server:
            outcome = ask(client_for(server, ca_file=str(certificate)))
        assert outcome == Unavailable("tls", opens_breaker=True)

    def test_missing_certificate_file_is_told_to_the_caller(self):
        with pytest.raises(OSError, match="certificate"):
            ask(client_for("https://127.0.0.1:1", ca_file="/does/not/exist"))


class TestAbort:
    @pytest.mark.parametrize(
        "script", [stall(), stall(head()), stall(head(), PENDING[:20]), stall(reply("503 Busy")[:-4])]
    )
    def test_abort_from_another_thread_ends_a_blocked_question(self, script):
        with ScriptedServer(script) as server:
            client = client_for(server)
            threading.Timer(0.15, client.abort).start()
            began = time.monotonic()
            assert ask(client, give_up_after=15) == Unavailable("aborted")
            assert time.monotonic() - began < 2

    def test_abort_lasts(self):
        with ScriptedServer(PENDING_REPLY) as server:
            client = client_for(server)
            client.abort()
            assert ask(client) == Unavailable("aborted")
            assert client.probe(give_up_after=5) == Unavailable("aborted")
        assert server.requests == []

    def test_abort_within_the_confirming_probe_ends_it(self):
        with ScriptedServer(reply(), stall()) as server:
            client = client_for(server)

            def abort_the_second():
                wait_until(lambda: len(server.requests) == 2)
                client.abort()

            thread = threading.Thread(target=abort_the_second)
            thread.start()
            assert ask(client, give_up_after=15) == Unavailable("aborted")
            thread.join()

    def test_abort_ends_a_name_look_up(self, slow_resolver):
        client = client_for("http://slow.example")
        threading.Timer(0.1, client.abort).start()
        began = time.monotonic()
        assert ask(client, give_up_after=15) == Unavailable("aborted")
        assert time.monotonic() - began < 1

    def test_abort_ends_a_connection_being_made(self, full_listener):
        client = client_for(full_listener, connect_timeout=5)
        threading.Timer(0.1, client.abort).start()
        began = time.monotonic()
        assert ask(client, give_up_after=15) == Unavailable("aborted")
        assert time.monotonic() - began < 4


class TestSecrets:
    """The token reaches the Authorization header of an allowed origin, and no other place."""

    SCRIPTS = [
        PENDING_REPLY,
        reply("500 Error", f"<html>Bearer {TOKEN}</html>".encode(), "text/html"),
        reply("403 No", TOKEN.encode(), "text/plain", WWW_Authenticate=f"Bearer {TOKEN}"),
        reply("400 Bad", f'{{"status":"ERROR","message":"{TOKEN}"}}'.encode()),
        reply("302 Found", Location=f"https://evil.example/?t={TOKEN}"),
        b"HTTP/1.1 200 OK\r\n" + TOKEN.encode() + b"\r\nX: y\r\n\r\n",
        f"garbage {TOKEN}\r\n\r\n".encode(),
        reset(TOKEN.encode()),
        stall(),
        reply(body=TOKEN.encode()),
        reply(body=b"PK" + TOKEN.encode(), content_type="application/zip"),
    ]

    @pytest.mark.parametrize("script", SCRIPTS)
    def test_token_is_in_no_reply_log_or_output(self, script, every_log, capfd, monkeypatch):
        monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 1)
        with ScriptedServer(script) as server:
            client = client_for(server)
            outcome = ask(client, give_up_after=0.4)
            if isinstance(outcome, Ready):
                outcome.stream.close()
        shown = [repr(outcome), repr(client), str(vars(client)), repr(vars(client._transport)), every_log.getvalue()]
        assert TOKEN not in "".join([*shown, *capfd.readouterr()])
        assert server.requests

    def test_log_of_the_library_is_on_in_that_test(self, every_log):
        with ScriptedServer(PENDING_REPLY) as server:
            ask(client_for(server))
        assert "GET /api/reports/export/page" in every_log.getvalue()

    def test_unforeseen_exception_carries_no_frame_that_holds_the_token(self):
        class SoftLimit(Exception):
            pass

        def raise_it(number, frame):
            raise SoftLimit

        def interrupt(sock, stop):
            # A signal handler may raise anywhere, here within the deepest read.
            os.kill(os.getpid(), signal.SIGALRM)
            stop.wait(5)

        before = signal.signal(signal.SIGALRM, raise_it)
        try:
            with ScriptedServer(interrupt) as server, pytest.raises(SoftLimit) as caught:
                ask(client_for(server))
        finally:
            signal.signal(signal.SIGALRM, before)
        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "SoftLimit" in "".join(whole.format())
        assert f"Bearer {TOKEN}" not in "".join(whole.format())

    def test_auth_refuses_an_origin_that_is_not_listed(self):
        auth = BearerAuth(TOKEN, {"https://analytics.liferay.com"})
        request = requests.Request("GET", "https://evil.example/api")
        with pytest.raises(OriginRefused):
            request.prepare().prepare_auth(auth)

    def test_auth_shows_nothing_and_is_never_pickled(self):
        auth = BearerAuth(TOKEN, {"https://analytics.liferay.com"})
        assert (repr(auth), str(auth)) == ("***", "***")
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(auth)


class TestLeftovers:
    def test_no_connection_stays_open(self):
        scripts = [PENDING_REPLY, reply("403 No"), stall(), reply(body=b"PK")]
        gc.collect()  # what other tests left
        before = open_sockets()
        for script in scripts:
            with ScriptedServer(script) as server:
                outcome = ask(client_for(server), give_up_after=0.3)
                if isinstance(outcome, Ready):
                    outcome.stream.close()
        gc.collect()
        assert open_sockets() == before


def open_sockets():
    links = (str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return sum(link.startswith("socket:") for link in links)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate and its key for 127.0.0.1, in one file."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def every_log(monkeypatch):
    """All that any logger says, down to DEBUG, whatever the product's settings silence."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("urllib3", "requests", "http"))]
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "propagate", False)
        monkeypatch.setattr(logger, "handlers", [handler])
        logger.setLevel(logging.DEBUG)
    yield written
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def slow_resolver(monkeypatch):
    """A resolver that takes its time for every name that is no address."""
    real = socket.getaddrinfo
    woken = threading.Event()

    def slow(host, port, *args, **options):
        if host == "slow.example" and not options.get("flags"):
            woken.wait(3)
            raise socket.gaierror
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield
    woken.set()


@pytest.fixture
def full_listener():
    """The origin of a host that does not answer to a new connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        time.sleep(0.1)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for filler in fillers:
            filler.close()
