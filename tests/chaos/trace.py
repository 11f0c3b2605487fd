"""strace, which makes system calls fail, lie, wait, or be a program's last.

Measured with strace 6.1: SQLite writes with pwrite64 and syncs with fdatasync, never write and fsync; a signal is not
injected behind `--seccomp-bpf`; `-P` needs the canonical path, and the file need not be there yet; without `-D` the
child would be strace, and killing it would leave the agent behind.
"""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def tampering(
    call: str, fault: str, only: Sequence[Path] = (), *, log: Path = Path("/dev/null")
) -> tuple[str, ...]:
    """A command's prefix: `call` has `fault` ("error=EIO:when=3", "signal=SIGKILL:when=9"), on some files or on all.

    log: where every such call is written down, the spoilt ones marked "(INJECTED)".
    """
    fast = () if "signal" in fault else ("--seccomp-bpf",)
    return ("strace", "-D", *fast, "-f", *_injecting(call, fault, only, log))


@contextmanager
def tampered(pid: int, call: str, fault: str, only: Sequence[Path] = ()) -> Iterator[None]:
    """The same, for a process that runs, until the end of this block."""
    command = ["strace", "-f", "-p", str(pid), *_injecting(call, fault, only, Path("/dev/null"))]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


def _injecting(call: str, fault: str, only: Sequence[Path], log: Path) -> tuple[str, ...]:
    files = [word for path in only for word in ("-P", str(path.resolve()))]
    return ("-o", str(log), *files, "-e", f"trace={call}", "-e", f"inject={call}:{fault}")
