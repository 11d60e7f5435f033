"""What the kernel says of a process and its descendants: processor time and memory.  (proc_pid_stat(5), proc_pid_smaps(5))"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
# Places in /proc/PID/stat, counted from behind the command's name, which may contain anything.
_PARENT, _USER, _SYSTEM = 1, 11, 12


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor time of a tree of processes, in seconds."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        """Both together."""
        return self.user_s + self.system_s

    def since(self, before: "CpuTime") -> "CpuTime":
        """Return what was used from `before` on."""
        return CpuTime(self.user_s - before.user_s, self.system_s - before.system_s)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a tree of processes, in KiB."""

    rss_kib: int  # resident, pages shared with others counted in full in each process
    pss_kib: int  # each shared page divided by the number of its users
    uss_kib: int  # what would be free if the processes ended


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the process' state on; empty if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def tree(root: int) -> tuple[int, ...]:
    """Return the process ids of `root` and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[_PARENT])
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return tuple(found)


def cpu_time(root: int) -> CpuTime:
    """Return the processor time that `root` and its descendants have used up to now."""
    stats = [fields for pid in tree(root) if (fields := _stat(pid))]
    user, system = sum(int(fields[_USER]) for fields in stats), sum(int(fields[_SYSTEM]) for fields in stats)
    return CpuTime(user / _TICKS_PER_S, system / _TICKS_PER_S)


def memory(root: int) -> Memory:
    """Return the memory that `root` and its descendants hold now."""
    totals: dict[str, int] = {}
    for pid in tree(root):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
            name, kib, *_ = line.split()
            totals[name] = totals.get(name, 0) + int(kib)
    return Memory(totals["Rss:"], totals["Pss:"], totals["Private_Clean:"] + totals["Private_Dirty:"])
