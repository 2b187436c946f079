"""For machines that watch: is the web process there, is the whole of it working."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from exports.services import health


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process answers (for balancers)."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, clock and workers are there, else 503 with the codes of what is not."""
    state = health.state()
    return JsonResponse(
        {"status": "ok" if state.ok else "bad", "problems": [code for code, _sentence in state.problems]},
        status=200 if state.ok else 503,
        headers={"Cache-Control": "no-store"},
    )
