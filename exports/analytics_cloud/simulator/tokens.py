"""Which token opens which workspace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# Without a list of its own the simulator knows tokens of the documented sample's form, and anything said to be a demo.
_OPEN = re.compile(r"[a-z0-9]{55}|demo[A-Za-z0-9._-]*")


class Tokens:
    """Tokens by workspace. With None every well-formed token opens a workspace of its own."""

    def __init__(self, tokens: Mapping[str, str] | None) -> None:
        self._by_workspace = dict(tokens) if tokens is not None else None

    def workspace_of(self, token: str) -> str | None:
        """The workspace's name, or None for a token nobody knows."""
        if self._by_workspace is not None:
            return next((name for name, known in self._by_workspace.items() if known == token), None)
        if _OPEN.fullmatch(token):
            return f"workspace-{hashlib.sha256(token.encode()).hexdigest()[:8]}"
        return None

    def replace(self, tokens: Mapping[str, str]) -> None:
        """Give workspaces another token: the old one is unknown from now on. An empty text revokes."""
        known = {**(self._by_workspace or {}), **tokens}
        self._by_workspace = {name: token for name, token in known.items() if token}

    def hide(self, text: str, sent: str) -> str:
        """The text without any token in it."""
        for token in {sent, *(self._by_workspace or {}).values()} - {""}:
            text = text.replace(token, "***")
        return re.sub(r"\b[a-z0-9]{55}\b", "***", text)
