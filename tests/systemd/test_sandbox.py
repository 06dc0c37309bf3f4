"""What the service may touch, and what it may not; each time with somebody outside of the sandbox who can, so that the test cannot pass for
another reason."""
import hashlib
import io
import json
import os
import re
import tarfile

import harness
import runner
from container import ROOT
from service import API, OBSERVE, ask, main_pid, wait_ready

DIGEST = hashlib.sha256(b"sk-good").hexdigest()
KEYS = "[Service]\nEnvironment=INFERD_AUTH__KEYS_FILE=credential:keys\n"


def as_daemon(setup, *command):
    """Runs a command as the daemon's user, in its mounts; the exit code."""
    pid = main_pid(setup)
    uid, gid = (re.search(rf"^{name}:\s+(\d+)", setup.run("cat", f"/proc/{pid}/status"), re.MULTILINE).group(1) for name in ("Uid", "Gid"))
    setup.run("nsenter", "-t", pid, "-m", "-S", uid, "-G", gid, "--", *command, check=False)
    return setup.code


def under_the_unit(setup, name, script, more=""):
    """Runs a script instead of the daemon under the settings of its unit and `more`; whether it succeeded, and what the journal says of it."""
    setup.write(f"/usr/local/bin/{name}", script, mode=0o755)
    unit = re.sub(r"^(Type|ExecStart|ExecReload|WatchdogSec|Restart|Wants|User|\w+Directory(Mode)?)=.*$", "",
                  (setup.root / "lib/systemd/system/inferd.service").read_text(), flags=re.MULTILINE)
    setup.write(f"/etc/systemd/system/{name}.service", unit.split("[Install]")[0] + f"Type=oneshot\nExecStart=/usr/local/bin/{name}\n" + more)
    setup.run("systemctl", "daemon-reload")
    setup.run("systemctl", "start", f"{name}.service", check=False)
    done = setup.code == 0
    setup.run("systemctl", "reset-failed")
    return done, setup.journal(unit=f"{name}.service")


def test_files_of_others_cannot_be_read(setup):
    setup.write("/etc/inferd/keys", f"app:user:{DIGEST}\n", mode=0o600)
    setup.write("/root/secret", "x", mode=0o644)
    setup.run("mkdir", "-p", "/home/somebody")
    setup.write("/home/somebody/secret", "x")
    for path in ("/etc/shadow", "/etc/inferd/keys", "/root/secret", "/home/somebody/secret", "/proc/1/status", "/proc/1/environ"):
        assert setup.run("cat", path) is not None
        assert as_daemon(setup, "cat", path) != 0, f"the daemon can read {path}"
    assert as_daemon(setup, "cat", "/etc/inferd/inferd.yaml") == 0, "what it must read"


def test_nothing_can_be_written_but_its_own(setup):
    for path in ("/etc/x", "/usr/x", "/var/x", "/var/lib/inferd-models/x", "/etc/inferd/x", "/opt/x"):
        setup.run("touch", path)
        setup.run("rm", path)
        assert as_daemon(setup, "touch", path) != 0, f"the daemon can write {path}"
    for path in ("/var/lib/inferd/x", "/var/log/inferd/x", "/run/inferd/x", "/tmp/x"):
        assert as_daemon(setup, "touch", path) == 0, f"the daemon cannot write {path}"
    setup.run("test", "!", "-e", "/tmp/x")


def test_the_user_is_dynamic(setup):
    pid = main_pid(setup)
    status = setup.run("cat", f"/proc/{pid}/status")
    uid = int(re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE).group(1))
    assert 61184 <= uid <= 65519, uid
    for field, value in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0000000000000000"), ("CapBnd", "0000000000000000")):
        assert re.search(rf"^{field}:\s+{value}$", status, re.MULTILINE), (field, status)
    control = setup.run("cat", "/proc/1/status")  # proves that the container itself does not set these
    assert re.search(r"^NoNewPrivs:\s+0$", control, re.MULTILINE) and re.search(r"^Seccomp:\s+0$", control, re.MULTILINE)
    assert "inferd" not in (setup.root / "etc/passwd").read_text()


def test_keys_come_as_a_credential(setup):
    """They open the door, and they are in no environment, no command line, and no file that others can read."""
    setup.write("/etc/inferd/keys", f"app:user:{DIGEST}\n", mode=0o600)
    with setup.settings(KEYS):
        setup.run("systemctl", "restart", "inferd.service")

        def status(key):
            return ask(port=API, headers={"Authorization": f"Bearer {key}"} if key else {}).status

        assert [status(None), status("sk-bad"), status("sk-good")] == [401, 401, 200]
        pid = main_pid(setup)
        for place in ("environ", "cmdline"):
            text = setup.shell(f"tr '\\0' '\\n' < /proc/{pid}/{place}")
            assert "inferd" in text and DIGEST not in text, place
        assert DIGEST not in setup.run("systemctl", "show", "inferd.service")
        assert DIGEST in setup.run("cat", "/run/credentials/inferd.service/keys")
        setup.run("setpriv", "--reuid", "nobody", "--clear-groups", "cat", "/run/credentials/inferd.service/keys", check=False)
        assert setup.code != 0
        journal = setup.journal()
        assert "sk-good" not in journal and DIGEST not in journal
        # One reload takes a key away and gives another.
        setup.write("/etc/inferd/keys", f"app:user:{hashlib.sha256(b'sk-next').hexdigest()}\n", mode=0o600)
        setup.run("systemctl", "reload", "inferd.service")
        harness.eventually(lambda: status("sk-next") == 200, 10, "the new key is known")
        assert status("sk-good") == 401
        setup.run("inferd", "--check", "--set", "auth.keys_file=credential:keys")


def test_a_missing_keys_file_is_no_open_door(setup):
    setup.run("rm", "-f", "/etc/inferd/keys")
    with setup.settings(KEYS):
        setup.run("systemctl", "restart", "inferd.service", check=False)
        assert setup.code != 0 and "holds no key" in setup.journal("-n", "10")


def test_the_collectors_work_inside(setup):
    """Figures of the machine and the process come through the sandbox, those that a container has."""
    wait_ready()

    def scrape():
        return harness.Metrics(harness.request(OBSERVE, "GET", "/metrics").body.decode())

    harness.eventually(lambda: scrape().sum("inferd_collector_up", collector="disk") == 1, 10, "the collectors have run")
    metrics = scrape()
    assert metrics.sum("inferd_collector_up", collector="pressure") == 1
    for name in ("process_resident_memory_bytes", "process_open_fds", "inferd_disk_free_bytes"):
        assert metrics.sum(name) > 0, name


def test_memory_can_be_locked_and_threads_pinned(setup):
    """The limits and system calls that these need are there: the service's own settings, tried by a program of the same unit settings."""
    pid = main_pid(setup)

    def limits(of):
        return {name: soft for name, soft in re.findall(r"^Max (locked memory|open files|core file size)\s+\S+\s+(\S+)", setup.run("cat", f"/proc/{of}/limits"), re.MULTILINE)}

    # Where the container itself may have no more than its host gives it, the service has all of that.
    most, has = limits(1), limits(pid)
    assert has["locked memory"] == most["locked memory"] and has["core file size"] == "0", has
    assert int(has["open files"]) == min(65536, int(most["open files"])), has
    assert setup.prop("inferd.service", "LimitMEMLOCK") == "infinity" and setup.prop("inferd.service", "LimitNOFILE") == "65536"
    # With and without the exception that the unit makes for it.
    pin = "#!/bin/sh\nexec taskset -p 1 $$\n"
    assert under_the_unit(setup, "pin", pin)[0]
    done, said = under_the_unit(setup, "no-pin", pin, "SystemCallFilter=~sched_setaffinity\n")
    assert not done and "failed to set pid" in said, said


def test_threads_that_answer_take_short_turns(setup):
    """Threads of the observability plane ask the kernel for the shortest time slice, and get it; where the call is forbidden they do without."""
    def slices():
        """By name of thread the time slices in nanoseconds, as the kernel's scheduler shows them; empty where it does not."""
        lines = setup.shell(f"cd /proc/{main_pid(setup)}/task; for t in *; do echo $t $(cat $t/comm) $(sed -n 's/^se[.]slice *: *//p' $t/sched); done").splitlines()
        found = {}
        for _, thread, *value in map(str.split, lines):
            found.setdefault(thread, set()).update(map(int, value))
        return found

    def works():
        return ask().status == 200 and harness.request(OBSERVE, "GET", "/metrics").status == 200

    wait_ready()
    threads = slices()
    print(f"  {threads}")
    served = [name for name in threads if name.startswith("civetweb")]
    assert served and "engine" in threads and works(), threads
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 12) or not threads["engine"]:
        runner.skip_on_unsuitable_machine("the kernel gives no time slices, or shows none")
    assert all(threads[name] == {100_000} for name in served) and min(threads["engine"]) > 100_000, threads
    with setup.settings("[Service]\nSystemCallFilter=~sched_setattr\n"):
        setup.run("systemctl", "restart", "inferd.service")
        threads = slices()
        assert all(threads[name] == threads["engine"] for name in served) and min(threads["engine"]) > 100_000, threads
        assert works()


def test_realtime_is_closed(setup):
    """The system call by which threads ask for short turns could ask for realtime, and RestrictRealtime= does not look into it."""
    def ask_for(policy, priority, runtime, period):
        """sched_setattr(2), number 314 on x86-64 and 274 on aarch64, with struct sched_attr."""
        return ("#!/usr/bin/perl\nuse POSIX qw(uname);\n"
                f"my $attributes = pack('LLQlLQQQ', 48, {policy}, 0, 0, {priority}, {runtime}, {period}, {period});\n"
                "syscall((uname())[4] eq 'aarch64' ? 274 : 314, 0, $attributes, 0) == 0 or die \"refused: $!\\n\";\n")

    fifo, deadline = ask_for(1, 1, 0, 0), ask_for(6, 0, 1_000_000, 10_000_000)
    for script in (fifo, deadline):
        done, said = under_the_unit(setup, "realtime", script)
        assert not done and "refused: Operation not permitted" in said, said
    # It is the lack of capabilities that refuses, and the limit.
    assert re.search(r"^Max realtime priority +0 +0 ", setup.run("cat", f"/proc/{main_pid(setup)}/limits"), re.MULTILINE)
    able = "PrivateUsers=no\nCapabilityBoundingSet=CAP_SYS_NICE\nAmbientCapabilities=CAP_SYS_NICE\n"
    assert under_the_unit(setup, "realtime", deadline, able)[0]


def test_the_daemon_locks_its_memory_and_pins_its_threads(setup):
    """models[].lock_memory and models[].pin_threads do under the hardening what they say, within the CPUs that the unit gives."""
    mine = sorted(os.sched_getaffinity(0))[-1]

    def threads(name):
        """Which CPUs the threads with this name may run on."""
        lines = setup.run("grep", "-h", "^Name:\\|^Cpus_allowed_list:", "-r", f"/proc/{main_pid(setup)}/task", "--include=status").splitlines()
        return [cpus.split("\t")[1] for thread, cpus in zip(lines[::2], lines[1::2]) if thread == f"Name:\t{name}"]

    def status_of_model():
        return harness.request(OBSERVE, "GET", "/status").json()["models"][0]

    wait_ready()
    assert re.search(r"^VmLck:\s+0 kB$", setup.run("cat", f"/proc/{main_pid(setup)}/status"), re.MULTILINE), "nothing is locked unasked"
    assert status_of_model()["locked_bytes"] == 0 and status_of_model()["cpus"] == ""
    # A container may have no right to raise limits beyond its host's: a model and a cache that go into the usual 8 MiB.
    tiny = ROOT / "tests/golden/data/logits/llama-gqa4.Q8_0.gguf"
    (setup.root / "var/lib/inferd-models/tiny.gguf").write_bytes(tiny.read_bytes())
    asked = "[Service]\nEnvironment=INFERD_MODELS__0__PATH=/var/lib/inferd-models/tiny.gguf\nEnvironment=INFERD_MODELS__0__LOCK_MEMORY=true INFERD_MODELS__0__PIN_THREADS=true INFERD_MODELS__0__THREADS=2 INFERD_MODELS__0__KV_CACHE=2MiB\n"
    with setup.settings(asked):
        setup.run("systemctl", "restart", "inferd.service")
        model = status_of_model()
        weights = tiny.stat().st_size
        assert weights < model["locked_bytes"] <= weights + (2 << 20), model
        locked = int(re.search(r"^VmLck:\s+(\d+) kB$", setup.run("cat", f"/proc/{main_pid(setup)}/status"), re.MULTILINE).group(1))
        assert 0 <= locked * 1024 - model["locked_bytes"] < 2 * 4096, (locked, model)  # whole pages, of file and cache each
        allowed = sorted(os.sched_getaffinity(0))
        cpus = [int(cpu) for cpu in model["cpus"].split(",")]
        assert len(cpus) == 2 and len(set(cpus)) == min(2, len(allowed)) and set(cpus) <= set(allowed), (cpus, allowed)
        assert threads("engine") == [str(cpus[0])] and threads("compute") == [str(cpus[1])], (threads("engine"), threads("compute"), cpus)
        assert f"on CPUs {model['cpus']}, locked bytes: {model['locked_bytes']}" in setup.journal("-n", "30")
        assert ask().status == 200
    with setup.settings(asked + f"CPUAffinity={mine}\n"):
        setup.run("systemctl", "restart", "inferd.service")
        assert threads("engine") == threads("compute") == [str(mine)], "beyond the CPUs that the unit gives"
    with setup.settings(asked + "LimitMEMLOCK=64K\n"):
        doctor = setup.run("inferctl", "doctor", check=False)
        assert "for the running inferd.service" in doctor, doctor
        setup.run("systemctl", "restart", "inferd.service", check=False)
        assert setup.code != 0
        assert "this process may lock 65536 bytes in all (RLIMIT_MEMLOCK); set LimitMEMLOCK=infinity in the unit" in setup.journal("-n", "20")
        doctor = setup.run("inferctl", "doctor", check=False)
        assert re.search(r"64(\.0)? KiB at most by inferd\.service", doctor) and "systemctl edit inferd" in doctor, doctor


def test_log_files_are_put_aside_and_packed(setup):
    """The daemon's own rotation, with names, removal and compression, in the one folder of logs that it may write."""
    with setup.settings("[Service]\nEnvironment=INFERD_LOGS__FILE=/var/log/inferd/inferd.log INFERD_LOGS__ROTATE__SIZE=4KiB INFERD_LOGS__ROTATE__KEEP=2\n"):
        setup.run("systemctl", "restart", "inferd.service")
        packed = set()

        def rotated():
            assert all(ask({"max_tokens": 1}).status == 200 for _ in range(20)), "20 lines of more than 500 bytes"
            packed.update(setup.shell("ls /var/log/inferd | grep '[.]gz$' || true").split())
            return len(packed) > 3

        harness.eventually(rotated, 30, "files are put aside and packed, again and again")
        setup.run("systemctl", "stop", "inferd.socket", "inferd.service")
        left = [name for name in setup.run("ls", "/var/log/inferd").split() if name.startswith("inferd")]
        assert "inferd.log" in left and 1 < len(left) <= 3, left
        lines = setup.shell("zcat /var/log/inferd/*.gz").splitlines()
        assert lines and all(json.loads(line)["event"] for line in lines), lines[:3]
        setup.shell("rm /var/log/inferd/*")


def test_a_bug_report_is_whole(setup):
    """What it is packed from is read through the sandbox."""
    wait_ready()
    answer = harness.request(OBSERVE, "GET", "/debug/bundle", timeout=60)
    assert answer.status == 200, answer
    with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as bundle:
        sizes = {member.name.split("/")[-1]: member.size for member in bundle.getmembers() if member.isfile()}
    assert {name for name, size in sizes.items() if size > 0} >= {
        "version.txt", "config.yaml", "status.json", "metrics.txt", "requests.json", "trace.json", "log.jsonl", "history"}


def test_the_cache_asks_for_huge_pages(setup):
    """madvise(MADV_HUGEPAGE) is let through: the flag hg of the mapping (proc(5))."""
    if not os.path.exists("/sys/kernel/mm/transparent_hugepage/enabled"):
        runner.skip_on_unsuitable_machine("the kernel has no transparent huge pages")
    wait_ready()
    mappings = re.split(r"^VmFlags: (.*)$", setup.run("cat", f"/proc/{main_pid(setup)}/smaps"), flags=re.MULTILINE)
    sizes = [int(re.search(r"^Size:\s+(\d+) kB$", text, re.MULTILINE).group(1)) for text, flags in zip(mappings[::2], mappings[1::2]) if "hg" in flags.split()]
    print(f"  KiB for which huge pages are asked: {sizes}")
    assert sum(sizes) * 1024 >= harness.Metrics(harness.request(OBSERVE, "GET", "/metrics").body.decode()).sum("inferd_kv_cache_bytes"), sizes


def test_units_are_sound(setup):
    for unit in ("inferd.service", "inferd.socket", "inferd@0.service", "inferd@0.socket", "inferd.slice"):
        text = setup.run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{unit}", check=False).strip()
        assert setup.code == 0 and not text, f"{unit}: {text}"


def exposure(setup, unit):
    text = setup.run("systemd-analyze", "security", "--no-pager", unit, check=False)
    return float(re.search(r"Overall exposure level for \S+: (\d+\.\d+)", text).group(1)), [l for l in text.splitlines() if "✗" in l]


def test_little_is_exposed(setup):
    for unit in ("inferd.service", "inferd@0.service"):
        figure, open_points = exposure(setup, unit)
        print(f"  {unit}: {figure}")
        assert figure <= 1.2, open_points
    with setup.settings((setup.root / "usr/share/inferd/systemd/nvidia.conf").read_text()):
        figure, open_points = exposure(setup, "inferd.service")
        print(f"  inferd.service with the NVIDIA drop-in: {figure}")
        assert figure <= 1.5, open_points
        setup.run("systemctl", "restart", "inferd.service")
        assert ask(port=API).status == 200


def test_no_other_devices_than_nvidias(setup):
    """With the drop-in the real /dev is there, and of it the service may open what the driver has registered under NVIDIA's names, nothing
    else. Without the driver there is no such name, and it starts all the same."""
    drop_in = (setup.root / "usr/share/inferd/systemd/nvidia.conf").read_text()
    nodes = {"/dev/nvidia0": "195 0", "/dev/nvidiactl": "195 255", "/dev/of-others": "4 67"}
    for node, numbers in nodes.items():
        setup.run("mknod", "-m", "666", node, "c", *numbers.split())

    def opening(name, more):
        """What comes of opening each node under the unit's settings."""
        script = "#!/bin/sh\nfor node in /dev/null " + " ".join(nodes) + "; do (: < $node) && echo open: $node; done; true\n"
        done, said = under_the_unit(setup, name, script, more)
        assert done and "open: /dev/null" in said, said
        refused = {node: re.search(rf"cannot open {node}: (.*)", said) for node in nodes}
        return [refused[node].group(1) if refused[node] else "open" for node in nodes]

    def outside(node):
        return setup.shell(f"(: < {node}) 2>&1 || true").strip()

    try:
        # Nothing but the service's settings stands before them.
        assert all(said == "" or "No such device or address" in said for said in map(outside, nodes)), [outside(node) for node in nodes]
        assert opening("hidden-devices", "") == ["No such file"] * 3
        assert opening("closed-devices", drop_in) == ["Operation not permitted"] * 3
        # A name that some driver here has registered lets its devices through.
        assert re.search(r"^ *4 ttyS$", setup.run("cat", "/proc/devices"), re.MULTILINE)
        *nvidia, other = opening("open-devices", drop_in + "DeviceAllow=char-ttyS rw\n")
        assert nvidia == ["Operation not permitted"] * 2 and other in ("open", "No such device or address"), (nvidia, other)
    finally:
        setup.run("rm", *nodes)
