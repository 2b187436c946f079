"""Keeps secrets and line breaks out of every log line (promise 5)."""

import logging
import re

# Bearer values, sealed tokens (Fernet), personal API tokens, and credentials inside URLs.
SECRETS = re.compile(
    r"(?i)(bearer\s+)[^\s\"',;]+|(\bgAAAA[\w-]{20,}={0,2})|(\blac_[A-Za-z0-9_-]{16,})|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(10, 32), 127, 0x85)}


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
            record.exc_text = redact(record.exc_text)
        return True
