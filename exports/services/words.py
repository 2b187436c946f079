"""Every code in plain words: what happened, whose turn it is, what happens next (promise 6).

One table, so that no exception's text and no upstream text ever reaches a page. Codes that end a family (``file_``,
``download_``, ``rejected_``, ``answer_``, ``way_``) come from the closed sets of the client and the gate; a test
walks those sets and finds a sentence for each.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Turn(StrEnum):
    """Who can do something about it."""

    YOURS = "you"
    TOKEN = "token"  # noqa: S105 - whose turn, not a secret
    ANALYTICS_CLOUD = "analytics_cloud"
    OURS = "us"


TURN_LABELS: dict[Turn, Promise] = {
    Turn.YOURS: _("Your turn"),
    Turn.TOKEN: _("The access token"),
    Turn.ANALYTICS_CLOUD: _("Analytics Cloud’s turn"),
    Turn.OURS: _("Our turn"),
}


@dataclass(frozen=True)
class Words:
    """What happened, and what to do when it ends an export."""

    message: Promise
    next_action: Promise
    turn: Turn


AGAIN = _("Run it again. If it fails once more, wait an hour or tell your Analytics Cloud administrator.")
AGAIN_LATER = _("Run it again later; the portal has tried several times.")
TELL_US = _("Tell the administrator of this portal, with the number of this export.")
NEW_RANGE = _("Ask again with another date range.")
_BROKEN = _("Analytics Cloud’s file arrived damaged every time, so it was not kept.")
_UNCLEAR = _("Analytics Cloud gave an answer that this portal does not understand.")

PROBLEMS: dict[str, Words] = {
    # An export that failed at the other end.
    "upstream_failed": Words(
        _("Analytics Cloud could not make this export, although it tried several times."),
        AGAIN,
        Turn.ANALYTICS_CLOUD,
    ),
    "upstream_stuck": Words(
        _("Analytics Cloud has been preparing this export past its deadline and will not finish it."),
        AGAIN,
        Turn.ANALYTICS_CLOUD,
    ),
    # Our request was wrong.
    "rejected_unknown_type": Words(
        _("This Analytics Cloud server does not know the data type."), _("Choose another data type."), Turn.YOURS
    ),
    "rejected_bad_dates": Words(_("Analytics Cloud did not understand the dates of the request."), TELL_US, Turn.OURS),
    "rejected_wrong_order": Words(
        _("Analytics Cloud says that the end of the range lies before its beginning."), NEW_RANGE, Turn.YOURS
    ),
    "rejected_outside_retention": Words(
        _("The range begins before what Analytics Cloud keeps (usually 13 months)."),
        _("Ask again with a later beginning."),
        Turn.YOURS,
    ),
    "rejected_refused": Words(
        _("Analytics Cloud refused this request and gave no reason that could be read."), NEW_RANGE, Turn.YOURS
    ),
    # Answers outside the contract.
    "answer_redirect_elsewhere": Words(
        _("Analytics Cloud sent us to another address. The access token was not sent there."),
        _("A site administrator should check the address of this workspace."),
        Turn.OURS,
    ),
    "answer_redirect_loop": Words(
        _("Analytics Cloud’s address leads in a circle."),
        _("A site administrator should check the address of this workspace."),
        Turn.OURS,
    ),
    "answer_odd_http": Words(_UNCLEAR, AGAIN_LATER, Turn.ANALYTICS_CLOUD),
    "answer_odd_status": Words(_UNCLEAR, AGAIN_LATER, Turn.ANALYTICS_CLOUD),
    "answer_odd_json": Words(_UNCLEAR, AGAIN_LATER, Turn.ANALYTICS_CLOUD),
    "answer_not_json": Words(_UNCLEAR, AGAIN_LATER, Turn.ANALYTICS_CLOUD),
    "answer_too_large": Words(_UNCLEAR, AGAIN_LATER, Turn.ANALYTICS_CLOUD),
    "answer_encoded": Words(
        _("Something between Analytics Cloud and this portal compresses answers, so they can’t be checked."),
        _("The network’s administrator should exempt Analytics Cloud from it."),
        Turn.OURS,
    ),
    # Downloads that did not come whole.
    "download_incomplete": Words(
        _("The download from Analytics Cloud broke off before its end every time."), AGAIN, Turn.ANALYTICS_CLOUD
    ),
    "download_reset": Words(
        _("The connection broke during the download every time."), AGAIN_LATER, Turn.ANALYTICS_CLOUD
    ),
    "download_stalled": Words(
        _("Analytics Cloud stopped sending in the middle of the file every time."), AGAIN_LATER, Turn.ANALYTICS_CLOUD
    ),
    "download_too_slow": Words(
        _("Analytics Cloud sent the file too slowly to finish."), AGAIN_LATER, Turn.ANALYTICS_CLOUD
    ),
    "download_deadline": Words(
        _("The download took longer than six hours."), _("Ask for a shorter range."), Turn.YOURS
    ),
    "download_too_large": Words(
        _("The file is larger than this portal accepts."),
        _("Ask for a shorter range, or have the administrator raise EXPORT_MAX_BYTES."),
        Turn.YOURS,
    ),
    "download_aborted": Words(_("The download was broken off by this portal."), AGAIN_LATER, Turn.OURS),
    # Files that the gate did not let through.
    "file_too_large_unpacked": Words(
        _("Unpacked, the file is larger than this portal accepts."),
        _("Ask for a shorter range, or have the administrator raise EXPORT_MAX_UNPACKED_BYTES."),
        Turn.YOURS,
    ),
    "file_empty": Words(_("Analytics Cloud sent an empty answer instead of a file."), AGAIN, Turn.ANALYTICS_CLOUD),
    "file_html": Words(_("Analytics Cloud sent a web page instead of a file."), AGAIN, Turn.ANALYTICS_CLOUD),
    "file_cut": Words(
        _("Analytics Cloud’s file ended before it was complete every time, so it was not kept."),
        AGAIN,
        Turn.ANALYTICS_CLOUD,
    ),
    "file_line_too_long": Words(
        _("A row of the file is longer than 16 MiB, so the file was not kept."), AGAIN, Turn.ANALYTICS_CLOUD
    ),
    "file_not_an_object": Words(
        _("A row of the file is not a record, so the file was not kept."), AGAIN, Turn.ANALYTICS_CLOUD
    ),
    "file_too_deep": Words(
        _("A row of the file is nested too deeply, so the file was not kept."), AGAIN, Turn.ANALYTICS_CLOUD
    ),
    "file_last_line_incomplete": Words(
        _("The last row of the file is cut off, so the file was not kept."), AGAIN, Turn.ANALYTICS_CLOUD
    ),
    "file_ends_in_an_answer": Words(
        _("The file ends in a message of Analytics Cloud’s instead of a row, so it was not kept."),
        AGAIN,
        Turn.ANALYTICS_CLOUD,
    ),
    "file_bad_utf8": Words(
        _("A row of the file holds characters that can’t be read, so the file was not kept."),
        AGAIN,
        Turn.ANALYTICS_CLOUD,
    ),
    "file_lost": Words(
        _("The stored file was removed or altered outside the portal, so it is no longer offered."),
        _("Run it again to get a new file."),
        Turn.OURS,
    ),
    "declined": Words(
        _("A manager declined this request; the reason stands below."),
        _("Ask the manager, or ask for something else."),
        Turn.YOURS,
    ),
    "worker_died": Words(_("This file brought the checking process down several times."), TELL_US, Turn.OURS),
}

BROKEN_FILES = """
    not_an_archive leading_bytes trailing_bytes no_entry several_entries bad_name not_a_file encrypted
    unsupported_method overlap bad_structure bad_compression bad_size bad_crc
""".split()  # noqa: SIM905 - a list of words reads better so
PROBLEMS |= {f"file_{code}": Words(_BROKEN, AGAIN, Turn.ANALYTICS_CLOUD) for code in BROKEN_FILES}

# Faults that end nothing: they stand in timelines and say why an export waits.
FAULTS: dict[str, Promise] = {
    "way_http_5xx": _("Analytics Cloud reports an internal problem."),
    "way_http_429": _("Analytics Cloud asks us to slow down."),
    "way_html": _("A web page came instead of an answer: something between Analytics Cloud and us is in the way."),
    "way_blank": _("Analytics Cloud gave a blank answer, although the access token is good."),
    "way_connection": _("Analytics Cloud could not be reached."),
    "way_dns": _("The address of Analytics Cloud could not be found."),
    "way_tls": _("No secure connection to Analytics Cloud could be made."),
    "way_timeout": _("Analytics Cloud did not answer in time."),
    "way_aborted": _("The question was broken off by this portal."),
    "storage_full": _("The portal’s storage is full."),
    "storage_unreachable": _("The portal’s storage of files does not answer."),
    "our_fault": _("The portal met a fault of its own; it is logged."),
    "paused": _("The workspace is paused."),
    "address_changed": _("The workspace’s address changed while the file arrived, so it was not kept."),
    # What ends an export when it happens every time, as it reads when it has happened once.
    "download_incomplete": _("The download from Analytics Cloud broke off before its end."),
    "download_reset": _("The connection broke during the download."),
    "download_stalled": _("Analytics Cloud stopped sending in the middle of the file."),
    "file_cut": _("Analytics Cloud’s file ended before it was complete, so it was not kept."),
}
FAULTS |= dict.fromkeys(
    (f"file_{code}" for code in BROKEN_FILES), _("Analytics Cloud’s file arrived damaged, so it was not kept.")
)

# What an export waits for. Where the wait has a known end, the page adds it.
WAITS: dict[str, tuple[Promise, Turn]] = {
    "turn": (_("Its place in the queue of this workspace."), Turn.OURS),
    "approval": (_("A manager’s approval."), Turn.YOURS),
    "upstream_pending": (_("Analytics Cloud has it and will begin soon."), Turn.ANALYTICS_CLOUD),
    "upstream_running": (_("Analytics Cloud is preparing the file."), Turn.ANALYTICS_CLOUD),
    "upstream_unavailable": (_("Analytics Cloud does not answer properly; asked again soon."), Turn.ANALYTICS_CLOUD),
    "retry": (_("Another try after a fault."), Turn.OURS),
    "download": (_("The file is arriving."), Turn.OURS),
    "checking": (_("The file is here and is being checked."), Turn.OURS),
    "download_turn": (_("Another download of this workspace to end."), Turn.OURS),
    "handed_back": (_("A worker: the last one was stopped."), Turn.OURS),
    "storage_full": (_("Free storage: the portal’s disk is full. It goes on when there is room."), Turn.OURS),
    "storage_unreachable": (_("The portal’s storage of files, which does not answer."), Turn.OURS),
    "our_fault": (_("Another try after a fault of the portal."), Turn.OURS),
    "no_worker": (_("A worker: none is running for it. It goes on by itself when one starts."), Turn.OURS),
    "token_missing": (_("An access token: a manager has to save one for the workspace."), Turn.TOKEN),
    "token_rejected": (_("A new access token: Analytics Cloud rejected the one saved."), Turn.TOKEN),
    "token_unreadable": (_("The access token: it can’t be decrypted with the portal’s keys."), Turn.TOKEN),
    "base_url_refused": (_("An address that this portal may send tokens to."), Turn.OURS),
    "manager": (_("A manager, who paused the workspace, to resume it."), Turn.YOURS),
}

# What happens next while it waits; a test compares the two tables.
_TOKEN_SAVED = _("A manager saves a token on the workspace’s page; then it goes on by itself.")
NEXT_STEPS: dict[str, Promise] = {
    "turn": _("Analytics Cloud is asked when its turn comes, and makes the file then."),
    "approval": _("A manager approves or declines it; a mail tells you."),
    "upstream_pending": _("Analytics Cloud begins to prepare the file; the portal looks again by itself."),
    "upstream_running": _("The file is fetched as soon as it is there, then checked and stored."),
    "upstream_unavailable": _("Analytics Cloud is asked again by itself; nothing is lost meanwhile."),
    "retry": _("It is tried again by itself."),
    "download": _("The file is checked row by row before anybody can download it."),
    "checking": _("The file is stored and ready to download."),
    "download_turn": _("Its own download begins as soon as the other one has ended."),
    "handed_back": _("The next free worker goes on with it."),
    "storage_full": _("Whoever runs this portal makes room; then it goes on by itself."),
    "storage_unreachable": _("The file is fetched again as soon as the storage answers, by itself."),
    "our_fault": _("It is tried again by itself. If it stays like this, tell the administrator of this portal."),
    "no_worker": _("Whoever runs this portal starts a worker; then it goes on by itself."),
    "token_missing": _TOKEN_SAVED,
    "token_rejected": _TOKEN_SAVED,
    "token_unreadable": _TOKEN_SAVED,
    "base_url_refused": _("A site administrator corrects or allows the address; then it goes on by itself."),
    "manager": _("A manager resumes the workspace; then it goes on by itself."),
}
# Whose turn it is where a turn's own label would be read wrongly by who isn't meant.
MANAGERS_TURN = _("A manager’s turn")
MANAGERS_WAITS = frozenset({"approval", "manager", "token_missing", "token_rejected", "token_unreadable"})

# The timeline. %(…)s are the event's data.
EVENTS: dict[str, Promise] = {
    "queued": pgettext_lazy("what happened to an export", "Queued"),
    "joined": _("Joined by another person with the same question"),
    "reused": _("Its file answered the same question again"),
    "left": _("A requester stepped back; others still wait for it"),
    "asked": _("Analytics Cloud was asked"),
    "asked_shifted": _("Analytics Cloud was asked for a fresh file: the range sent begins %(shift_ms)s ms earlier"),
    "waiting_upstream": _("Waiting in line at Analytics Cloud"),
    "preparing": _("Analytics Cloud began to prepare the file"),
    "failed_upstream": _(
        "It failed at Analytics Cloud and was put in line there again (attempt %(attempt)s of %(of)s)"
    ),
    "stuck_upstream": _(
        "Analytics Cloud did not finish within the deadline; asked anew for a range that begins %(shift_ms)s ms earlier"
    ),
    "problem": _("%(problem)s Asked again soon"),
    "recovered": _("Working again"),
    "downloading": _("The download began"),
    "download_broken": _("The download broke off (attempt %(attempt)s of %(of)s)"),
    "handed_back": _("Its worker was stopped and handed it back"),
    "storage_full": _("The storage is full"),
    "gate_refused": _("The file was damaged and was not kept (attempt %(attempt)s of %(of)s)"),
    "worker_died": _("Its worker vanished; another took over"),
    "ready": _("Ready: %(rows)s rows, checked and stored"),
    "failed": pgettext_lazy("what happened to an export", "Failed"),
    "cancelled": pgettext_lazy("what happened to an export", "Cancelled"),
    "expired": _("The file expired and was removed; this record stays"),
    "extended": _("Kept longer"),
    "pinned": _("Pinned: kept as long as the workspace allows"),
    "unpinned": _("Unpinned: kept for the usual time from then on"),
    "deleted": _("The file was deleted; this record stays"),
    "file_lost": _("The stored file is gone or was altered; it is no longer offered"),
    "ran_again": _("Run again as a new export"),
    "bumped": _("Moved to the front of the queue: %(reason)s"),
    "approved": _("Approved"),
    "taken_over": _("Taken over from %(person)s, who has left the workspace"),
    "declined": _("Declined: %(reason)s"),
    "paused": _("The workspace was paused"),
    "resumed": _("The workspace goes on"),
}


# A newer version beside this one may have written a code that this one lacks: its row must not take a page down.
_LATER = _("A newer version of this portal wrote this; this one has no words for it.")
UNKNOWN = Words(_LATER, TELL_US, Turn.OURS)


def of_problem(code: str) -> Words:
    """Return the words for an error code."""
    return PROBLEMS.get(code, UNKNOWN)


def of_wait(code: str) -> tuple[Promise, Turn]:
    """Return what an export waits for and whose turn it is."""
    return WAITS.get(code, (_LATER, Turn.OURS))


def of_event(code: str) -> Promise:
    """Return an event's sentence, to be filled with its data."""
    return EVENTS.get(code, _LATER)


def fault_sentence(code: str) -> str:
    """Return one sentence for a fault in the timeline."""
    return str(FAULTS.get(code) or of_problem(code).message)
