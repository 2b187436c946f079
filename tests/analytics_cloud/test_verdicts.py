"""Every row of the contract's tables, and the unknown (`analytics-cloud-api.md` §2)."""

import json
from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from exports.analytics_cloud.replies import (
    Accepted,
    FailedUpstream,
    Preparing,
    Rejected,
    TokenRejected,
    Unavailable,
    Unintelligible,
    Waiting,
)
from exports.analytics_cloud.verdicts import (
    LEAD_BYTES,
    Confirm,
    Next,
    Seen,
    judge_answer,
    judge_fault,
    judge_probe,
)

JSON = {"Content-Type": "application/json"}
ZIP = {"Content-Type": "application/zip"}
HTML = {"Content-Type": "text/html"}
NO_TYPE: dict[str, str] = {}
CREATED = datetime(2022, 6, 29, 17, 50, 46, 824000, UTC)
STARTED = datetime(2022, 6, 29, 17, 55, 0, 0, UTC)


def judge(body=b"", *, status=200, headers=JSON, ended=True, fault=None):
    return judge_answer(Seen(status, CaseInsensitiveDict(headers), body, ended, fault))


def probe(body=b"", *, status=200, headers=JSON, ended=True, fault=None):
    return judge_probe(Seen(status, CaseInsensitiveDict(headers), body, ended, fault))


def status_object(status="PENDING", message="", **more):
    """A status object as upstream writes it."""
    return json.dumps(
        {
            "fromDate": "2022-01-01T00:00:01.000Z",
            "createdDate": "2022-06-29T17:50:46.824Z",
            "toDate": "2022-01-05T23:59:59.000Z",
            "message": message,
            "type": "PAGE",
            "status": status,
            **more,
        }
    ).encode()


def error(message):
    return json.dumps({"status": "ERROR", "message": message}).encode()


class TestNotReady:
    @pytest.mark.parametrize(
        "message",
        [
            "A new data export file for this date range and type will be created. Please come back later.",
            "A data export for this date range and type has already been scheduled. Please come back later.",
        ],
    )
    def test_pending_waits(self, message):
        assert judge(status_object(message=message)) == Waiting(CREATED)

    @pytest.mark.parametrize(
        "message",
        [
            "The last data export for this date range and type failed. A new data export file will be created. "
            "Please come back later.",
            "The last data export for this date range and type failed. A new data export file will be created. "
            "Please come back later. ",
            "THE LAST DATA EXPORT FOR THIS DATE RANGE AND TYPE FAILED.",
        ],
    )
    def test_pending_with_the_failed_text_failed_upstream(self, message):
        assert judge(status_object(message=message)) == FailedUpstream(CREATED)

    def test_running_prepares(self):
        message = "The data export file for this date range and type is being created. Please come back later."
        body = status_object("RUNNING", message, startedDate="2022-06-29T17:55:00.000Z")
        assert judge(body) == Preparing(CREATED, STARTED)

    def test_dates_that_cannot_be_read_are_unknown(self):
        body = status_object("RUNNING", createdDate="yesterday", startedDate=7)
        assert judge(body) == Preparing(None, None)

    def test_line_of_the_seed_waits(self):
        body = (
            b'{"fromDate":"2022-01-01T00:00:01.000Z","createdDate":"2022-06-29T17:50:46.824Z",'
            b'"toDate":"2022-01-05T23:59:59.000Z","message":"A new data export file for this date range and type '
            b'will be created. Please come back later.","type":"PAGE","status":"PENDING"}'
        )
        assert judge(body) == Waiting(CREATED)

    @pytest.mark.parametrize("key", ["projectId", "channelId", "id"])
    def test_further_key_that_rows_have_too_does_not_make_a_file_of_it(self, key):
        body = json.dumps({key: "472514384234829061", "status": "RUNNING", "message": "Please come back later."})
        assert judge(body.encode()) == Preparing(None, None)
        assert judge(status_object(**{key: "472514384234829061"})) == Waiting(CREATED)

    @pytest.mark.parametrize("headers", [JSON, ZIP, NO_TYPE, {"Content-Type": "text/plain"}])
    def test_content_type_does_not_matter(self, headers):
        assert judge(status_object(), headers=headers) == Waiting(CREATED)

    @pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b" \r\n\t", b"\n\xef\xbb\xbf\n"])
    def test_byte_order_mark_and_blanks_in_front_do_not_matter(self, lead):
        assert judge(lead + status_object()) == Waiting(CREATED)

    def test_layout_over_many_lines_does_not_matter(self):
        body = json.dumps(json.loads(status_object()), indent=2).encode()
        assert judge(body) == Waiting(CREATED)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"status":"PENDING"}',
            b'{"status":" pending ","type":"PAGE"}',
            b'{"status":"PENDING","message":"x"}',
            b'{"status":"PENDING","message":"x","progress":"7"}',
            b'{"status":"PENDING","fromDate":"a","toDate":"b","type":"PAGE","progress":7}',
            b'{"status":"PENDING","fromDate":"a","toDate":"b","type":"PAGE","id":"e1"}',
            b'{"status":"PENDING","message":null}',
            b'{"status":"PENDING","message":"' + b"9" * 50 + b'","createdDate":' + b"9" * 5000 + b"}",
        ],
    )
    def test_leaner_or_richer_status_object_waits(self, body):
        assert judge(body) == Waiting(None)

    def test_status_object_is_known_before_the_body_ends(self):
        assert judge(status_object(), ended=False) == Waiting(CREATED)

    @pytest.mark.parametrize("size", [1, 2, 3, 40, len(status_object()) - 1])
    def test_part_of_a_status_object_is_read_on(self, size):
        assert judge((b"\xef\xbb\xbf" + status_object())[:size], ended=False) is Next.READ_ON

    @pytest.mark.parametrize("status", ["CANCELLED", "COMPLETED", "ERROR", "", "ACTIVE"])
    def test_unknown_status_is_unintelligible(self, status):
        assert judge(status_object(status)) == Unintelligible("odd_status")

    @pytest.mark.parametrize("status", [7, None, ["PENDING"]])
    def test_status_that_is_no_text_is_unintelligible(self, status):
        assert judge(status_object(status)) == Unintelligible("odd_status")

    def test_status_object_that_never_ends_is_too_large(self):
        body = b'{"status":"PENDING","message":"' + b"x" * LEAD_BYTES
        assert judge(body, ended=False) == Unintelligible("too_large")

    def test_status_object_cut_short_is_no_json(self):
        assert judge(status_object()[:-1]) == Unintelligible("not_json")

    @pytest.mark.parametrize("status", [201, 202, 203])
    def test_neighbours_of_200_are_read_like_it(self, status):
        assert judge(status_object(), status=status) == Waiting(CREATED)


PAGE_ROW = b'{"canonicalUrl":"https://www.example.com/home","title":"Home","views":"5"}'
SEGMENT_ROW = (
    b'{"id":480011223344556677,"authorname":"Test Test","createdate":"2023-04-02T16:02:01.824Z",'
    b'"name":"Segment 1","state":"READY","status":"ACTIVE","type":"DYNAMIC"}'
)
MEMBERSHIP_ROW = (
    b'{"createDate":"2023-02-10 08:00:00 UTC","modifiedDate":"2023-02-10 08:00:00 UTC","channelId":"4",'
    b'"segmentId":"48","identityId":"i1","status":"ACTIVE"}'
)


class TestReady:
    @pytest.mark.parametrize(
        "headers", [ZIP, {"Content-Type": "applization/zip"}, JSON, NO_TYPE, {"Content-Type": "text/html"}]
    )
    def test_archive_is_the_file_whatever_its_type(self, headers):
        assert judge(b"PK\x03\x04rest", headers=headers, ended=False) is Next.DOWNLOAD

    def test_first_byte_of_an_archive_is_read_on(self):
        assert judge(b"P", ended=False) is Next.READ_ON
        assert judge(b"P") is Next.DOWNLOAD

    @pytest.mark.parametrize("row", [PAGE_ROW, SEGMENT_ROW, MEMBERSHIP_ROW])
    @pytest.mark.parametrize("after", [b"", b"\n", b"\r\n{", b"\n" + PAGE_ROW])
    def test_bare_rows_are_the_file(self, row, after):
        assert judge(row + after) is Next.DOWNLOAD
        assert judge(row + after, ended=False) is Next.DOWNLOAD
        assert judge(b"\xef\xbb\xbf\n" + row + after) is Next.DOWNLOAD

    @pytest.mark.parametrize(
        "more", [{"message": "hello"}, {"fromDate": "a", "toDate": "b"}, {"message": "x", "type": "PAGE"}]
    )
    def test_row_with_a_status_and_more_is_the_file(self, more):
        row = json.dumps({**json.loads(MEMBERSHIP_ROW), **more}).encode()
        assert judge(row + b"\n") is Next.DOWNLOAD

    @pytest.mark.parametrize(
        ("more", "meant"),
        [
            ({"status": "pending"}, Waiting),
            ({"status": "PENDING "}, Waiting),
            ({"status": "COMPLETED"}, Unintelligible),
            ({"status": "ERROR", "message": "An internal problem happened"}, Unintelligible),
            ({"status": "500", "error": "x", "message": "boom"}, Unintelligible),
        ],
    )
    @pytest.mark.parametrize("key", ["id", "projectId", "userId"])
    def test_status_with_a_key_of_a_row_is_never_the_file(self, more, meant, key):
        body = status_object(**more, **{key: "77"})
        assert isinstance(judge(body), meant)
        assert judge(body, ended=False) is Next.READ_ON

    @pytest.mark.parametrize("fields", [{"message": "Bad Request"}, {"error": "Internal error"}])
    def test_error_with_a_key_of_a_row_is_never_the_file_unless_a_row_follows(self, fields):
        body = json.dumps({**fields, "id": "1"}).encode()
        assert judge(body) == Unintelligible("odd_json")
        assert judge(body + b"\n" + body) is Next.DOWNLOAD

    def test_row_of_columns_nobody_knows_is_the_file_once_another_follows(self):
        assert judge(b'{"a":1}\n', ended=False) is Next.READ_ON
        assert judge(b'{"a":1}\n{', ended=False) is Next.DOWNLOAD

    def test_row_in_pieces_is_read_on_until_its_end(self):
        assert judge(SEGMENT_ROW[:-1], ended=False) is Next.READ_ON
        nested = b'{"id":"1","fields":[{"name":"a"}'
        assert judge(nested, ended=False) is Next.READ_ON

    def test_row_longer_than_the_lead_is_the_file(self):
        body = b'{"title":"' + b"x" * LEAD_BYTES + b'","id" : 1'
        assert judge(body, ended=False) is Next.DOWNLOAD

    def test_row_with_a_byte_that_is_no_text_is_the_file(self):
        assert judge(b'{"id":"\xff\xfe","title":"a\tb"}\n', ended=False) is Next.DOWNLOAD

    def test_broken_row_is_the_file_for_the_gate_to_refuse(self):
        assert judge(b'{"id":"1","title":}\n') is Next.DOWNLOAD

    @pytest.mark.parametrize("body", [b"[", b"[]", b'[{"id":1}]', b" [\n"])
    def test_array_is_the_file(self, body):
        assert judge(body, ended=False) is Next.DOWNLOAD

    @pytest.mark.parametrize("headers", [JSON, ZIP, {"content-type": "applization/zip"}])
    @pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
    def test_nothing_under_a_type_is_a_cut_file(self, headers, body):
        assert judge(body, headers=headers) is Next.DOWNLOAD


class TestUnintelligible:
    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b'{"error":"boom"}',
            b'{"message":"Bad Request","description":""}',
            b'{"_links":{}}',
            b'{"a":1} trailing',
        ],
    )
    def test_object_nobody_documented_is_odd(self, body):
        assert judge(body) == Unintelligible("odd_json")

    @pytest.mark.parametrize(
        "body",
        [
            b"hello",
            b'"PENDING"',
            b"null",
            b"7",
            b"\x1f\x8b\x08",
            b"\x00",
            b"Pending",
            b"{",
            b"{]}",
            b"\xef",
            b'{"a":' * 20000 + b"}",
        ],
    )
    def test_other_bytes_are_no_json(self, body):
        assert judge(body) == Unintelligible("not_json")

    def test_blanks_without_end_are_too_large(self):
        assert judge(b" " * 10, ended=False) is Next.READ_ON
        assert judge(b" " * LEAD_BYTES, ended=False) == Unintelligible("too_large")

    @pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "deflate", "zstd"])
    def test_compressed_body_is_not_looked_into(self, coding):
        headers = {**ZIP, "Content-Encoding": coding}
        assert judge(b"", headers=headers, ended=False) == Unintelligible("encoded")

    def test_compressed_transfer_is_not_looked_into(self):
        headers = {**ZIP, "Transfer-Encoding": "gzip, chunked"}
        assert judge(b"", headers=headers, ended=False) == Unintelligible("encoded")

    @pytest.mark.parametrize("coding", ["identity", "", " Identity "])
    def test_identity_is_plain(self, coding):
        headers = {**ZIP, "Content-Encoding": coding, "Transfer-Encoding": "Chunked"}
        assert judge(b"PK", headers=headers) is Next.DOWNLOAD

    @pytest.mark.parametrize("status", [206, 226, 300, 304, 402, 404, 405, 406, 409, 410, 418, 422, 451, 103])
    @pytest.mark.parametrize("body", [b"{}", b"no", status_object(), b"PK\x03\x04"])
    def test_http_status_nobody_documented_is_odd(self, status, body):
        assert judge(body, status=status) == Unintelligible("odd_http")

    def test_204_with_a_type_is_odd(self):
        assert judge(status=204) == Unintelligible("odd_http")


class TestRejected:
    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            ('The "type" query parameter must be either "event", "identity" or "page"', "unknown_type"),
            (
                "The \"fromDate\" query parameter must be ISO 8601 compliant yyyy-MM-dd'T'HH:mm[:ss.SSS'Z']",
                "bad_dates",
            ),
            ("dates must be iso 8601 compliant", "bad_dates"),
            ('Wrong range date. "fromDate" cannot be after "toDate"', "wrong_order"),
            ("outside of your data retention period", "outside_retention"),
            ("Because.", "refused"),
            ("", "refused"),
        ],
    )
    def test_error_object_tells_why(self, message, reason):
        assert judge(error(message), status=400) == Rejected(reason)

    @pytest.mark.parametrize(
        ("description", "reason"),
        [
            (
                "The requested data is outside of your data retention period of 13 months. "
                "Please adjust the time range in your query accordingly.",
                "outside_retention",
            ),
            ("OUTSIDE OF YOUR DATA RETENTION PERIOD OF 7 MONTHS", "outside_retention"),
            ("", "refused"),
            (None, "refused"),
            ("Something else.", "refused"),
        ],
    )
    def test_gateways_shape_tells_why(self, description, reason):
        body = json.dumps({"description": description, "message": "Bad Request"}).encode()
        assert judge(body, status=400) == Rejected(reason)

    def test_gateways_shape_without_a_description_is_refused(self):
        assert judge(b'{"message":"Bad Request"}', status=400) == Rejected("refused")

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b'{"error":"x"}', "odd_json"),
            (b"{}", "odd_json"),
            (status_object(), "odd_status"),
            (b'{"status":400,"message":"x"}', "odd_status"),
            (b"Bad Request", "not_json"),
            (b'["x"]', "not_json"),
            (b'{"status":"ERROR"', "not_json"),
            (b"", "not_json"),
        ],
    )
    def test_400_of_another_shape_is_unintelligible(self, body, reason):
        assert judge(body, status=400) == Unintelligible(reason)

    def test_400_is_read_to_the_end_of_its_object(self):
        assert judge(error("x")[:-1], status=400, ended=False) is Next.READ_ON

    def test_400_that_never_ends_is_too_large(self):
        body = b'{"status":"ERROR","message":"' + b"x" * LEAD_BYTES
        assert judge(body, status=400, ended=False) == Unintelligible("too_large")


class TestToken:
    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("headers", [NO_TYPE, JSON])
    @pytest.mark.parametrize("body", [b"", b" ", b'{"message":"no"}', b"no", b"PK"])
    def test_401_and_403_reject_the_token(self, status, headers, body):
        assert judge(body, status=status, headers=headers) == TokenRejected()

    @pytest.mark.parametrize("status", [401, 403])
    def test_401_and_403_with_a_page_are_confirmed(self, status):
        assert judge(b"<html>", status=status, headers=HTML) == Confirm(Unavailable("html"))

    def test_401_that_is_compressed_is_confirmed(self):
        verdict = judge(b"\x1f\x8b", status=401, headers={"Content-Encoding": "gzip"})
        assert isinstance(verdict, Confirm)

    @pytest.mark.parametrize("status", [200, 204, 304, 400, 404])
    @pytest.mark.parametrize("body", [b"", b"\r\n", b"\xef\xbb\xbf "])
    def test_blank_reply_without_a_type_is_confirmed(self, status, body):
        verdict = judge(body, status=status, headers={"Content-Type": " "})
        assert verdict == Confirm(Unavailable("blank"))

    @pytest.mark.parametrize("status", [500, 520])
    def test_blank_500_without_a_type_is_confirmed(self, status):
        assert judge(status=status, headers=NO_TYPE) == Confirm(Unavailable("blank", opens_breaker=True))

    @pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
    def test_gateways_status_is_enough(self, status):
        assert isinstance(judge(status=status, ended=False), Unavailable)

    @pytest.mark.parametrize("status", [401, 500, 200])
    def test_nothing_is_said_before_the_first_byte(self, status):
        assert judge(status=status, headers=NO_TYPE, ended=False) is Next.READ_ON


class TestUnavailable:
    def test_back_end_unreachable_is_theirs(self):
        body = error("An internal problem happened when trying to reach our services")
        assert judge(body, status=500) == Unavailable("http_5xx", opens_breaker=True)

    def test_blank_500_with_a_type_is_theirs(self):
        assert judge(status=500) == Unavailable("http_5xx", opens_breaker=True)

    def test_blank_200_that_asks_for_patience_is_asked_about_and_waited_for(self):
        verdict = judge(headers={**NO_TYPE, "Retry-After": "8"})
        assert verdict == Confirm(Unavailable("blank", 8.0))

    def test_blank_500_that_asks_for_patience_is_theirs(self):
        verdict = judge(status=500, headers={"Retry-After": "5"})
        assert verdict == Unavailable("http_5xx", 5.0, opens_breaker=True)

    @pytest.mark.parametrize("status", [502, 503, 504])
    @pytest.mark.parametrize("body", [b"", b"upstream timed out", b"{}", b"<html>"])
    def test_gateways_errors_are_theirs(self, status, body):
        assert judge(body, status=status, headers=NO_TYPE) == Unavailable("http_5xx", opens_breaker=True)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"slow down"])
    def test_429_keeps_its_retry_after(self, body):
        verdict = judge(body, status=429, headers={"Retry-After": "120"})
        assert verdict == Unavailable("http_429", 120.0, opens_breaker=True)

    def test_retry_after_as_a_date_is_measured_by_the_servers_clock(self):
        headers = {"Date": "Wed, 21 Oct 2020 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2020 07:29:00 GMT"}
        assert judge(status=503, headers=headers) == Unavailable("http_5xx", 60.0, opens_breaker=True)

    def test_retry_after_as_a_date_that_is_past_is_now(self):
        headers = {"Retry-After": "Wed, 21 Oct 2020 07:29:00 GMT"}
        assert judge(status=503, headers=headers) == Unavailable("http_5xx", 0.0, opens_breaker=True)

    def test_408_is_a_time_out(self):
        verdict = judge(status=408, headers={"Retry-After": "7"})
        assert verdict == Unavailable("timeout", 7.0, opens_breaker=False)

    @pytest.mark.parametrize("status", [200, 204, 302, 400, 404, 410])
    def test_page_of_any_status_is_a_fault_of_the_way(self, status):
        assert judge(b"\n <!DOCTYPE html>", status=status, headers=JSON) == Unavailable("html")

    @pytest.mark.parametrize("status", [500, 501, 520])
    def test_page_of_an_error_opens_the_breaker(self, status):
        verdict = judge(b"<html>", status=status, headers={**HTML, "Retry-After": "9"})
        assert verdict == Unavailable("html", 9.0, opens_breaker=True)


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "reply"),
        [
            ("aborted", Unavailable("aborted")),
            ("timeout", Unavailable("timeout")),
            ("deadline", Unavailable("timeout")),
            ("silence", Unavailable("timeout")),
            ("connection", Unavailable("connection", opens_breaker=True)),
            ("incomplete", Unavailable("connection", opens_breaker=True)),
            ("dns", Unavailable("dns", opens_breaker=True)),
            ("tls", Unavailable("tls", opens_breaker=True)),
            ("malformed", Unintelligible("odd_http")),
        ],
    )
    def test_each_fault_has_its_reply(self, fault, reply):
        assert judge_fault(fault) == reply
        assert judge(b'{"stat', ended=False, fault=fault) == reply
        assert probe(b'{"_li', ended=False, fault=fault) == reply

    @pytest.mark.parametrize(("body", "headers"), [(b"", ZIP), (b"P", ZIP), (PAGE_ROW[:-3], JSON)])
    def test_file_that_breaks_off_early_is_a_cut_file(self, body, headers):
        assert judge(body, headers=headers, ended=False, fault="connection") is Next.DOWNLOAD
        assert judge(body, headers=headers, ended=False, fault="aborted") == Unavailable("aborted")

    @pytest.mark.parametrize(
        ("status", "reply"),
        [
            (401, TokenRejected()),
            (403, TokenRejected()),
            (500, Unavailable("http_5xx", opens_breaker=True)),
            (503, Unavailable("http_5xx", opens_breaker=True)),
            (400, Unavailable("timeout")),
            (404, Unavailable("timeout")),
        ],
    )
    def test_status_that_speaks_for_itself_counts_without_its_body(self, status, reply):
        assert judge(status=status, headers=NO_TYPE, ended=False, fault="deadline") == reply
        assert probe(status=status, headers=NO_TYPE, ended=False, fault="deadline") == reply


class TestProbe:
    @pytest.mark.parametrize(
        "body", [b'{"_links":{}}', b'{"_links":{"accounts":{"href":"x"}},"more":1}', b'\xef\xbb\xbf{"_links":1}']
    )
    def test_links_accept_the_token(self, body):
        assert probe(body, ended=False) == Accepted()

    @pytest.mark.parametrize(
        ("body", "status", "verdict"),
        [
            (b"", 401, TokenRejected()),
            (b"no", 403, TokenRejected()),
            (b"<html>", 403, Confirm(Unavailable("html"))),
            (b"<html>", 200, Unavailable("html")),
            (b"boom", 500, Unavailable("http_5xx", opens_breaker=True)),
            (b"", 503, Unavailable("http_5xx", opens_breaker=True)),
            (b"", 429, Unavailable("http_429", opens_breaker=True)),
            (b"", 200, Unintelligible("not_json")),
            (b"[]", 200, Unintelligible("not_json")),
            (b"{}", 200, Unintelligible("odd_json")),
            (b'{"_links"', 200, Unintelligible("not_json")),
            (b"PK", 200, Unintelligible("not_json")),
            (b'{"_links":{}}', 404, Unintelligible("odd_http")),
            (b'{"status":"ERROR"}', 400, Unintelligible("odd_http")),
        ],
    )
    def test_other_answers(self, body, status, verdict):
        assert probe(body, status=status) == verdict

    @pytest.mark.parametrize("status", [200, 500])
    def test_blank_without_a_type_is_to_be_confirmed(self, status):
        assert isinstance(probe(status=status, headers=NO_TYPE), Confirm)

    def test_part_of_an_answer_is_read_on(self):
        assert probe(b'{"_links":{}', ended=False) is Next.READ_ON

    def test_answer_without_end_is_too_large(self):
        assert probe(b'{"_links":"' + b"x" * LEAD_BYTES, ended=False) == Unintelligible("too_large")
