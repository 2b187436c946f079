"""The keys of the tokens are not those they were saved with: said at start and on the page, and nothing is lost."""

from tests.faults.case import Case
from tests.support.stack import WEB

# A key as good as any other, which opens nothing here.
WRONG = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="


def test_wrong_key_is_named_at_start_and_what_was_queued_goes_on_with_the_right_one(case: Case) -> None:
    stack, place = case.stack, case.place()
    stack.restart(WEB, TOKEN_ENCRYPTION_KEYS=WRONG)
    stack.stop_workers()  # in good order: one that is killed counts as alive for a while, in the next case too
    stack.start("worker", TOKEN_ENCRYPTION_KEYS=WRONG)
    for name in (WEB, "worker"):
        part = stack.parts[name]
        case.api.until(lambda part=part: "start.unreadable_tokens" in part.text(), f"{name} says so")
        line = next(line for line in part.text().splitlines() if "start.unreadable_tokens" in line)
        assert place.name in line
        assert place.token not in line
    key = case.queue_one(place)
    case.api.until(lambda: case.api.get(f"workspaces/{place.id}")["paused"], "paused")
    assert case.api.get(f"workspaces/{place.id}")["paused"]["code"] == "token_unreadable"
    assert case.api.export(key)["waiting_for"]["code"] == "token_unreadable"
    assert case.entries(place) == []

    stack.stop_workers()
    stack.heal()
    case.api.set_token(place.id, place.token)
    [export] = case.wait_ready([key])
    assert export["attempts"] == 0
