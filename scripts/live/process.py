"""One background process of ours: started with its log in a file, found again by its pid, stopped by it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .fetch import Unavailable, say

# Generous: on a busy machine a start takes several times what it takes on an idle one.
START_DEADLINE = 180.0
STOP_DEADLINE = 20.0


class Process:
    """A process whose command line holds a mark that nobody else's has, so that a reused pid is not taken for it."""

    def __init__(self, name: str, folder: Path, mark: str | None = None) -> None:
        self.name = name
        self.folder = folder
        # What Java takes for a property; a program that takes no such word has a word of its own that nobody else has.
        self.mark = mark or f"-Dcontrail.service={folder}"
        self.log = folder / f"{name}.log"
        self._pid_file = folder / "pid"
        self._log_start = 0
        self._child: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The pid, if the process runs and is ours."""
        # A child of this very program: a process that has just begun has no command line yet, and one that has ended
        # is only gone when it has been asked for.
        if self._child:
            return self._child.pid if self._child.poll() is None else None
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self.mark in command_line(pid) else None

    def spawn(self, command: list[str], env: dict[str, str] | None = None) -> None:
        """Starts the command, in a session of its own, so that Ctrl-C where it was started does not end it."""
        if self.mark not in command:
            raise ValueError(f"the command of {self.name} lacks its mark")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=env,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._child.pid}\n")

    def wait(self, ready: Callable[[], bool]) -> None:
        """Waits until it is ready; shows the end of its log when it ends first, or takes too long."""
        begun = time.monotonic()
        while not ready():
            ended = self.pid() is None
            if ended or time.monotonic() - begun > START_DEADLINE:
                why = "ended while it started" if ended else f"was not ready in {START_DEADLINE:.0f} s"
                self.stop(force=True)
                raise Unavailable(f"{self.name} {why}; the end of {self.log}:\n{self.tail()}")
            time.sleep(0.1)
        say(f"{self.name} is ready after {time.monotonic() - begun:.1f} s, pid {self.pid()}")

    def stop(self, force: bool = False) -> bool:
        """Ends the process and waits until it is gone; whether there was one."""
        pid = self.pid()
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        self._signal(pid, signal.SIGKILL if force else signal.SIGTERM)
        begun = time.monotonic()
        while not is_gone(pid):
            if not force and time.monotonic() - begun > STOP_DEADLINE:
                say(f"{self.name} did not stop in {STOP_DEADLINE:.0f} s, killing it")
                self._signal(pid, signal.SIGKILL)
                force = True
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)
        return True

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def tail(self, lines: int = 25) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                text = log.read().decode(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def is_gone(pid: int) -> bool:
    """Whether nothing of a process is left that could hold a port or a file.

    A killed JVM has no command line any more while its last threads still hold its sockets, and a process that nobody
    waits for stays as a zombie for ever: gone is a zombie without other threads.
    """
    folder = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists():
        return not command_line(pid)
    try:
        state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(list((folder / "task").iterdir())) == 1
    except OSError:
        return True


def command_line(pid: int) -> list[str]:
    """The words of a running process; none if it does not run (or waits as a zombie)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        if Path("/proc/self").exists():
            return []
    said = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.split()


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
