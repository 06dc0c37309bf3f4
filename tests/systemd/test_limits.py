"""Limits of memory, processors and tasks: here the control groups enforce them."""
import contextlib
import http.client
import pathlib
import re

import harness
from service import OBSERVE, ask, in_background, main_pid, ready, wait_ready

LIMITS = True
V2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()


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
    assert oom_kills() > kills
    # With OOMPolicy=continue the result is that of any SIGKILL; with cgroup v1 systemd is not told whose doing it was, the kernel counts it.
    assert "Failed with result 'signal'" in journal and "status=9/KILL" in journal, journal
    assert not V2 or "A process of this unit has been killed by the OOM killer." in journal, journal
    assert int(setup.prop("inferd.service", "NRestarts")) >= 1
    assert ask().status == 200


def control(setup, controller, file):
    """A file of the service's control group."""
    return setup.run("cat", f"/sys/fs/cgroup{'' if V2 else '/' + controller}{setup.prop('inferd.service', 'ControlGroup')}/{file}")


def throttled_seconds(setup):
    return int(re.search(r"^throttled_(?:usec|time) (\d+)$", control(setup, "cpu", "cpu.stat"), re.MULTILINE).group(1)) * (1e-6 if V2 else 1e-9)


def series(name):
    metrics = harness.Metrics(harness.request(OBSERVE, "GET", "/metrics").body.decode())
    return metrics.sum(name) if any(sample[0] == name for sample in metrics.samples) else None


def test_a_quota_of_processors_slows_and_is_seen(setup):
    """It makes answers late and breaks nothing; with cgroup v2 the daemon's own figures are those of its control group."""
    wait_ready()
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", "CPUQuota=20%", "MemoryMax=8G")
    try:
        before = throttled_seconds(setup)
        harness.eventually(lambda: ask(timeout=120).status == 200 and throttled_seconds(setup) > before, 30, "it is throttled, and answers")
        # From now on the time stands still.
        setup.run("systemctl", "set-property", "--runtime", "inferd.service", "CPUQuota=10000%")
        if V2:
            the_daemon_tells_of_its_control_group(setup)
    finally:
        setup.run("systemctl", "set-property", "--runtime", "inferd.service", "CPUQuota=", "MemoryMax=infinity")


def the_daemon_tells_of_its_control_group(setup):
    def agrees(name, kernel, within):
        return (value := series(name)) is not None and abs(value - kernel()) <= within

    def seen(name, kernel, within):
        harness.eventually(lambda: agrees(name, kernel, within), 20, f"{name} is the kernel's figure")
        print(f"  {name} {series(name):g}, the kernel says {kernel():g}")

    seen("inferd_cgroup_cpu_throttled_seconds_total", lambda: throttled_seconds(setup), 0.001)
    seen("inferd_cgroup_memory_bytes", lambda: int(control(setup, "memory", "memory.current")), 4 << 20)
    seen("inferd_cgroup_memory_limit_bytes", lambda: int(control(setup, "memory", "memory.max")), 0)
    setup.run("systemctl", "set-property", "--runtime", "inferd.service", "MemoryMax=infinity")
    harness.eventually(lambda: series("inferd_cgroup_memory_limit_bytes") is None, 20, "no limit, no series")


def test_a_limit_of_tasks_too_low(setup):
    """Where no thread can be had a start fails in good order, wherever it was, and a daemon that runs goes on and stops as ever."""
    wait_ready()
    limit, used = (int(control(setup, "pids", f"pids.{name}")) for name in ("max", "current"))
    print(f"  {used} of {limit} tasks are used")
    assert limit == 2048 and used < limit / 2, (limit, used)
    # Half of what is allowed is for clients of the observability plane, 768 at most: the fewest with which the others have theirs.
    enough = 2 * (used - 768) - 1
    since = setup.run("date", "+@%s.%N").strip()
    with setup.settings("[Service]\nRestart=no\n"):
        def start_with(tasks):
            setup.run("systemctl", "stop", "inferd.socket", "inferd.service")
            assert setup.prop("inferd.service", "Result") in ("success", "exit-code"), setup.journal("-n", "40")
            setup.run("systemctl", "set-property", "--runtime", "inferd.service", f"TasksMax={tasks}")
            setup.run("systemctl", "reset-failed")
            setup.run("systemctl", "start", "inferd.service", check=False)
            assert setup.code != 0 and setup.prop("inferd.service", "Result") == "exit-code", (tasks, setup.journal("-n", "40"))

        # Lowered under a daemon that runs.
        setup.run("systemctl", "set-property", "--runtime", "inferd.service", "TasksMax=5")
        assert control(setup, "pids", "pids.max").strip() == "5" and ask().status == 200
        setup.run("systemctl", "stop", "inferd.socket", "inferd.service")
        assert setup.prop("inferd.service", "Result") == "success"
        start_with(5)
        assert "no more threads: raise TasksMax= of the unit" in setup.journal("-n", "10"), setup.journal("-n", "10")
        for tasks in range(enough - 10, enough):
            start_with(tasks)
        setup.run("systemctl", "set-property", "--runtime", "inferd.service", f"TasksMax={limit}")
    said = setup.journal("--since", since)
    assert "Resource temporarily unavailable" in said and "terminate called" not in said, said
