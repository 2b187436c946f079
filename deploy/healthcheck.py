"""Asks an address of the portal under its public name, and exits 0 when the answer is 200. For containers."""

import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 4


def main(address: str) -> int:
    """Return 0 when the address answers 200, else 1 with the reason on standard error."""
    there = urlsplit(address)
    public = urlsplit(os.environ.get("PUBLIC_URL") or "http://localhost:8000")
    connection = HTTPConnection(there.hostname or "127.0.0.1", there.port, timeout=TIMEOUT_SECONDS)
    try:
        # The portal answers only to its own name, and over http only with a redirection where it is public by https.
        connection.request("GET", there.path, headers={"Host": public.netloc, "X-Forwarded-Proto": public.scheme})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1
    finally:
        connection.close()
    if status != 200:
        sys.stderr.write(f"{address}: {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
