"""Run one server so that none of its descendants outlives it.

    guard.py [--signal INT] [--grace 20] -- command ...

A scheduler's workers outlive a killed scheduler, and a supervisor that is killed leaves everything behind. The guard
adopts what its child leaves (PR_SET_CHILD_SUBREAPER), is told when its own parent dies (PR_SET_PDEATHSIG), ends all
of it in both cases, and before it starts also what a killed guard of the same name has left. It passes the output on
by itself: a supervisor waits for the end of the last process that holds its pipe. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
PARENT_DIED = signal.SIGUSR1
WATCHED = STOP | {PARENT_DIED, signal.SIGCHLD}

libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    options = read_arguments()
    parent = os.getppid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, PARENT_DIED)

    end_leftovers()
    output, its_output = os.pipe()
    child = start(options.command, mask, its_output)
    write_pid(child)
    relay = threading.Thread(target=pass_on, args=(output,), daemon=True)
    relay.start()

    status = watch(child, parent, options)
    end_descendants()
    os.close(its_output)
    relay.join(timeout=5)
    return os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one server so that none of its descendants outlives it.")
    parser.add_argument("--signal", default="TERM", help="what asks the server to stop (default: TERM)")
    parser.add_argument("--grace", type=float, default=20, help="seconds until it is killed (default: 20)")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
    options.signal = signal.Signals[f"SIG{options.signal}"]
    return options


def start(command: list[str], mask: set[int], output: int) -> int:
    child = os.fork()
    if child:
        return child
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    # Started in the background of a script, we inherit that SIGINT is ignored, and so would the server.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execvpe(command[0], command, {**os.environ, "STACK_GUARDED": name()})  # noqa: S606
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


def pass_on(output: int) -> None:
    """Until everybody has closed it; when nobody listens any more, the server must not notice."""
    while said := os.read(output, 65536):
        try:
            os.write(1, said)
        except OSError:
            continue


def watch(child: int, parent: int, options: argparse.Namespace) -> int:
    """Wait for the child's end; ask it to stop when we are asked, and kill it when the grace is over."""
    deadline = float("inf")
    while True:
        status = reap(child)
        if status is not None:
            return status
        if time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            deadline = float("inf")
        seen = signal.sigtimedwait(WATCHED, min(deadline - time.monotonic(), 3600))
        # The kernel also sends this when only a thread of the parent ends.
        orphaned = os.getppid() != parent
        if seen and (seen.si_signo in STOP or orphaned) and deadline == float("inf"):
            os.kill(child, options.signal)
            deadline = time.monotonic() + options.grace


def reap(child: int) -> int | None:
    """Bury everything that has ended; the wait status of the child if it was among them."""
    status = None
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = found


def end_descendants(grace: float = 3.0) -> None:
    """Ask what the child left behind to stop, then kill it."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while left := descendants(os.getpid()):
        late = time.monotonic() > deadline
        for pid in left:
            if late or pid not in asked:
                send(pid, signal.SIGKILL if late else signal.SIGTERM)
                asked.add(pid)
        time.sleep(0.05)
        reap(0)


def end_leftovers() -> None:
    ours = {f"STACK_HOME={os.environ.get('STACK_HOME', '')}", f"STACK_GUARDED={name()}"}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = set((folder / "environ").read_bytes().decode(errors="replace").split("\0"))
        except OSError:
            continue
        if ours <= environment:
            send(int(folder.name), signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """All live processes below `pid`."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            below.setdefault(int(parent), []).append(int(folder.name))
    found: list[int] = []
    ask = [pid]
    while ask:
        children = below.get(ask.pop(), [])
        found += children
        ask += children
    return found


def write_pid(child: int) -> None:
    """Say which run of the server this is: probes compare with it, so nothing of an earlier run counts as ready."""
    path = Path(os.environ["STACK_HOME"], "run", f"{name()}.pid") if "STACK_HOME" in os.environ else None
    if path:
        path.write_text(str(child))


def name() -> str:
    return os.environ.get("PC_PROC_NAME", "guarded")


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def prctl(option: int, value: int) -> None:
    if libc.prctl(option, int(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    sys.exit(main())
