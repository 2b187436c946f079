"""`python -m lacportal.demo`, which is `make demo`."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from lacportal.demo.folder import AlreadyRunning, FolderUnusable
from lacportal.demo.run import Demo, DemoFailed
from lacportal.embedded import RedisUnavailable


def main() -> int:
    """Run the demo; return 0 when it ended as it was meant to."""
    parser = argparse.ArgumentParser(prog="make demo", description="The whole portal on this machine.")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where its data lies")
    parser.add_argument("--port", type=int, default=8000, help="of the pages; the next free one when it is taken")
    parser.add_argument("--once", action="store_true", help="end once six files were downloaded and checked")
    parser.add_argument("--seconds", type=float, default=240, help="with --once: the most it may take")
    arguments = parser.parse_args()
    console = Console()
    try:
        demo = Demo(
            console=console,
            folder=arguments.folder,
            port=arguments.port,
            once=arguments.once,
            seconds=arguments.seconds,
        )
        demo.run()
    except (AlreadyRunning, DemoFailed, FolderUnusable, RedisUnavailable) as problem:
        console.print(str(problem), style="red", soft_wrap=True, highlight=False, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
