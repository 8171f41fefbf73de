"""Peak of resident memory, the same way for every bench."""

import resource
import sys
from pathlib import Path


def peak_memory() -> float:
    """Gigabytes of this process at most; on Linux not `ru_maxrss`, which starts with what the parent process had."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 2**20
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes on macOS, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
