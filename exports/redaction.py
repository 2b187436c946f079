"""Keeps secrets and line breaks out of every log line (promise 5)."""

import logging
import re

# Bearer values, sealed tokens (Fernet), personal API tokens, credentials inside URLs, and links that came by mail.
SECRETS = re.compile(
    r"(?i)(bearer\s+)[^\s\"',;]+|(\bgAAAA[\w-]{20,}={0,2})|(\blac_[A-Za-z0-9_-]{16,})|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
    r"|(?<=/invitations/)[\w-]{20,}|(?<=/reset/key/)\w+-[\w-]{10,}"
)
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
INDENT = "    | "


def redact(text: str) -> str:
    """Return ``text`` with anything that looks like a secret replaced by ``***``."""
    return SECRETS.sub(lambda match: (match.group(1) or "") + "***", text)


class RedactingFilter(logging.Filter):
    """Rewrites a record's message: secrets become ``***``, control characters become visible."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True always; the record is rewritten in place."""
        record.msg = redact(record.getMessage()).translate(CONTROLS)
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            # An exception's text may hold a visitor's line breaks: no line of it may pass for one of the log's own.
            lines = redact(record.exc_text).removeprefix(INDENT).split("\n")
            record.exc_text = "\n".join(INDENT + line.removeprefix(INDENT).translate(CONTROLS) for line in lines)
        return True
