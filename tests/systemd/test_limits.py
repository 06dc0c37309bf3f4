"""Limits of memory: here the container's control groups enforce them."""
import contextlib
import http.client
import pathlib
import re

import harness
from service import ask, in_background, main_pid, ready, wait_ready

LIMITS = True


def test_the_oom_killer_is_reported_and_survived(setup):
    """A daemon that outgrows its limit is killed, the journal says so, and it is back."""
    wait_ready()
    pid = main_pid(setup)
    # What cannot be written back is there to stay: the limit is a little above that, and the KV cache grows beyond it.
    anonymous = int(re.search(r"^RssAnon:\s+(\d+) kB", setup.run("cat", f"/proc/{pid}/status"), re.MULTILINE).group(1)) << 10
    limit = anonymous + (4 << 20)
    print(f"  {anonymous >> 20} MiB are used, {limit >> 20} MiB will be allowed")
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", f"MemoryMax={limit}")

    def eat(_):
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask({"prompt": "queue " * 800, "max_tokens": 200, "n": 8, "ignore_eos": True}, timeout=30)

    eaters = in_background(4, eat)
    harness.eventually(lambda: main_pid(setup) != pid, 30, "it is killed")
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", "MemoryMax=infinity")
    harness.eventually(lambda: main_pid(setup) not in (0, pid) and ready(), 30, "it is back")
    for eater in eaters:
        eater.result(60)
    journal = setup.journal("-n", "100")
    v1 = not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
    # With cgroup v1 systemd is not told whose doing the SIGKILL was.
    assert "killed by the OOM killer" in journal or "oom-kill" in journal or (v1 and "status=9/KILL" in journal), journal
    assert int(setup.prop("inferd.service", "NRestarts")) >= 1
    assert ask().status == 200
