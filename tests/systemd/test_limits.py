"""Limits of memory: here the container's control groups enforce them."""
import contextlib
import http.client
import pathlib
import re

import harness
from service import ask, in_background, main_pid, ready, wait_ready

LIMITS = True


def oom_kills():
    """Since the boot, of the whole machine: proc(5)."""
    return int(re.search(r"^oom_kill (\d+)$", pathlib.Path("/proc/vmstat").read_text(encoding="ascii"), re.MULTILINE).group(1))


def test_the_oom_killer_is_reported_and_survived(setup):
    """A daemon that outgrows its limit is killed, the journal says so, and it is back."""
    wait_ready()
    pid = main_pid(setup)
    # A little above what is in use (the kernel refuses a limit below what it cannot free), and the KV cache grows beyond it.
    used = int(setup.prop("inferd.service", "MemoryCurrent"))
    limit = used + (4 << 20)
    print(f"  {used >> 20} MiB are used, {limit >> 20} MiB will be allowed")
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", f"MemoryMax={limit}")

    def eat(_):
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask({"prompt": "queue " * 800, "max_tokens": 200, "n": 8, "ignore_eos": True}, timeout=30)

    kills = oom_kills()
    eaters = in_background(4, eat)
    harness.eventually(lambda: main_pid(setup) != pid, 30, "it is killed")
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", "MemoryMax=infinity")
    harness.eventually(lambda: main_pid(setup) not in (0, pid) and ready(), 30, "it is back")
    for eater in eaters:
        eater.result(60)
    journal = setup.journal("-n", "100")
    v1 = not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
    # With cgroup v1 systemd is not told whose doing the SIGKILL was; the kernel counts it.
    assert oom_kills() > kills
    assert "killed by the OOM killer" in journal or "oom-kill" in journal or (v1 and "status=9/KILL" in journal), journal
    assert int(setup.prop("inferd.service", "NRestarts")) >= 1
    assert ask().status == 200
