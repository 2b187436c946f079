"""What the demo says in the terminal: a bar per export, or plain lines where nobody watches."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from lacportal.demo.portal import Export

# How far along a status stands; within a status nobody knows, so the bar stays.
STEPS = {"queued": 2, "waiting": 20, "preparing": 55, "downloading": 80, "ready": 100}


class Bars:
    """One bar per export, kept up to date with `show`; without a terminal one line per change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TextColumn("{task.fields[words]}", table_column=None),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, export: Export) -> None:
        """Bring an export's bar up to date."""
        words = in_words(export)
        if not self._console.is_terminal:
            if self._said.get(export.id) != words:
                self._said[export.id] = words
                self._console.print(f"{export.type:<12}{words}", soft_wrap=True, highlight=False)
            return
        if export.id not in self._tasks:
            self._tasks[export.id] = self._progress.add_task(export.type, total=100, words="")
        done = STEPS.get(export.status, 100)
        self._progress.update(self._tasks[export.id], completed=done, words=words)
        if not export.is_active:
            self._progress.stop_task(self._tasks[export.id])


def in_words(export: Export) -> str:
    """Say where an export stands, in a few words."""
    match export.status:
        case "ready":
            return f"[green]ready[/]: {export.rows:,} rows, {export.bytes:,} bytes"
        case "downloading":
            return f"downloading, {export.bytes_received:,} bytes so far"
        case "failed":
            return f"[red]failed[/]: {export.problem}"
        case _:
            return export.status


def greet(
    console: Console, *, address: str, people: dict[str, str], api_token: str, folder: str, simulator: str
) -> None:
    """Print where the portal is and how one gets in."""
    table = Table(title="Sign in as", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for title in ("e-mail", "password", "may"):
        table.add_column(title, no_wrap=True)
    may = {
        "viewer": "see and download",
        "member": "queue exports too",
        "manager": "tokens and members too",
        "admin": "everything, in every workspace",
    }
    for email, password in people.items():
        table.add_row(email, password, may.get(email.partition("@")[0], ""))
    console.print()
    console.print(f"[bold]LAC Portal:  {address}/[/]", soft_wrap=True, highlight=False)
    console.print(table, highlight=False)
    console.print(f"API token (of the member):  {api_token}", soft_wrap=True, highlight=False)
    console.print(f"Simulated Analytics Cloud:  {simulator}", soft_wrap=True, highlight=False)
    console.print(f"Data and logs:  {folder}  (delete it to begin anew)", soft_wrap=True, highlight=False)
    console.print("Mails, such as invitations:  in its subfolder mails", soft_wrap=True, highlight=False)
    console.print()
