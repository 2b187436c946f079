"""The faults, each on a switch: which kinds there are, whom they hit and how often."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# token and gateway faults answer in place of the server; upstream ones happen while a file is made; body ones
# change the bytes of a file; wire ones change how any answer travels.
Stage = Literal["token", "gateway", "upstream", "body", "wire"]

# Kind -> stage and its own parameters with their defaults. `analytics-cloud-api.md` §2 and §3 name each of them.
KINDS: Mapping[str, tuple[Stage, Mapping[str, Any]]] = {
    "reject_401": ("token", {}),
    "reject_403": ("token", {}),
    "reject_500_empty": ("token", {}),
    "reject_500_html": ("token", {}),  # echoes the token
    "reject_blank": ("token", {}),  # 200 without Content-Type
    "too_many": ("gateway", {"retry_after": None, "as_date": False}),
    "internal_error": ("gateway", {}),
    "bad_gateway": ("gateway", {}),
    "unavailable": ("gateway", {"retry_after": None, "as_date": False}),
    "gateway_timeout": ("gateway", {}),
    "html": ("gateway", {"status": 200}),
    "redirect": ("gateway", {"to": "http://elsewhere.invalid", "status": 302}),
    "odd_status": ("gateway", {"status": "PAUSED"}),
    "bad_request": ("gateway", {"message": "The request was refused"}),
    "bad_request_behind": ("gateway", {"description": ""}),
    "blank": ("gateway", {}),  # like a rejected token, but the probe is answered
    "answer": ("gateway", {"status": 200, "body": "", "content_type": None, "headers": {}}),
    "fails": ("upstream", {}),
    "stuck": ("upstream", {}),
    "cut_body": ("body", {"at": None}),  # bytes; None: half
    "empty_body": ("body", {}),
    "flipped_bit": ("body", {"at": None}),
    "junk_before": ("body", {"junk": "warning: upstream\n"}),
    "junk_after": ("body", {"junk": "\n<!-- upstream -->\n"}),
    "two_archives": ("body", {}),
    "two_entries": ("body", {}),
    "cut_rows": ("body", {}),
    "bad_row": ("body", {"row": "[1, 2]"}),
    "drip": ("wire", {"pause": 0.2, "size": 1}),
    "drip_headers": ("wire", {"pause": 0.2, "size": 1}),
    "reset": ("wire", {"after": 0}),
    "hang_up": ("wire", {"after": 0}),  # a clean end, headers cut included
    "silence": ("wire", {"after": 0, "seconds": 3600.0}),
    "missing_last_chunk": ("wire", {}),
}


@dataclass
class Fault:
    """One switched-on fault. `times` None means for ever; `skip` lets that many matching requests pass first."""

    kind: str
    workspace: str | None = None
    type: str | None = None
    times: int | None = None
    skip: int = 0
    chance: float = 1.0
    probe: bool = False
    files_only: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    hits: int = 0

    @property
    def stage(self) -> Stage:
        return KINDS[self.kind][0]

    def __getitem__(self, name: str) -> Any:
        return self.params[name]


class Faults:
    """The switchboard. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._random = random.Random("faults")  # noqa: S311  # nosec B311  # which requests are hit, not a secret

    def add(
        self,
        kind: str,
        *,
        workspace: str | None = None,
        type: str | None = None,
        times: int | None = None,
        skip: int = 0,
        chance: float = 1.0,
        probe: bool | None = None,
        files_only: bool = False,
        **params: Any,
    ) -> Fault:
        """Switch a fault on.

        `probe`: hits the token probe too (default: only the token's rejections do). `files_only`: a wire fault
        that leaves status answers alone. Raises ValueError for an unknown kind or parameter.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        stage, defaults = KINDS[kind]
        if strange := params.keys() - defaults.keys():
            raise ValueError(f"{kind} takes {sorted(defaults)}, not {sorted(strange)}")
        fault = Fault(
            kind=kind,
            workspace=workspace,
            type=type,
            times=times,
            skip=skip,
            chance=chance,
            probe=stage == "token" if probe is None else probe,
            files_only=files_only,
            params={**defaults, **params},
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Switch one fault off; one that is off already stays off."""
        with self._lock:
            self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        with self._lock:
            self._faults = []

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(
        self,
        stage: Stage,
        *,
        workspace: str | None,
        type: str | None,
        probe: bool = False,
        file: bool = False,
    ) -> Fault | None:
        """The first fault that hits here, counted; None when all is well."""
        with self._lock:
            for fault in self._faults:
                if (
                    fault.stage != stage
                    or fault.workspace not in (None, workspace)
                    or (fault.type is not None and fault.type != type)
                    or (probe and not fault.probe)
                    or (fault.files_only and not file)
                    or fault.times == 0
                ):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.chance < 1 and self._random.random() >= fault.chance:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.hits += 1
                return fault
        return None


def parse_fault(text: str) -> tuple[str, dict[str, Any]]:
    """Read a fault of the command line: `cut_body,type=page,times=2`. Raises ValueError."""
    kind, *pairs = text.split(",")
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
        options[name.strip()] = _value(value.strip())
    return kind.strip(), options


def _value(text: str) -> str | int | float | bool:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
