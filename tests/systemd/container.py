"""A real systemd, booted as PID 1 of a container, for the tests of the service and its package. Needs root and Debian's systemd-container,
mmdebstrap and zstd.

The root file system is Debian 12 with what the package depends on, made once and kept in build/systemd-test; each container runs on a
fresh copy in memory. It has no network but its own loopback, which the tests join.
"""
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

from machine import Machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITE = "bookworm"
# What the tests use beside what the package depends on.
TOOLS = ["systemd", "systemd-sysv", "dbus", "libnss-systemd", "apt", "curl", "jq", "logrotate", "bash-completion", "zsh", "procps", "prometheus",
         "prometheus-alertmanager"]
# Installed to be started by a test, not by the boot.
NOT_AT_BOOT = ["prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "logrotate.timer", "apt-daily.timer",
               "apt-daily-upgrade.timer", "e2scrub_reap", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer"]
V1_CONTROLLERS = ["cpu", "cpuacct", "memory", "pids", "devices"]
CLONE_NEWNET = 0x40000000


def why_not():
    """What stands in the way of a container on this machine; empty when nothing does."""
    if os.geteuid() != 0:
        return "only root can boot a container"
    missing = [tool for tool in ("systemd-nspawn", "mmdebstrap", "zstd", "nsenter", "unshare", "setpriv", "dpkg-deb") if not shutil.which(tool)]
    return f"{', '.join(missing)} missing (scripts/setup test)" if missing else ""


def mirror():
    """Where this machine gets its own packages from; nothing: mmdebstrap's default."""
    for path in sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.sources")):
        if found := re.search(r"^URIs:\s*(\S+)", path.read_text(), re.MULTILINE):
            return [found.group(1)]
    for path in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt").glob("sources.list.d/*.list")]:
        if path.exists() and (found := re.search(r"^deb\s+(?:\[.*?\]\s+)?(\S+)", path.read_text(), re.MULTILINE)):
            return [found.group(1)]
    return []


def rootfs(depends, folder, also=()):
    """The tarball of a root file system that satisfies `depends` (a Depends: field) and has the packages `also`; made when it is not there."""
    names = [alternative.split("|")[0].split("(")[0].strip() for alternative in depends.split(",")]
    packages = sorted({*names, *TOOLS, *also})
    key = hashlib.sha256("\n".join([SUITE, *packages, *NOT_AT_BOOT]).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    tarball = folder / f"{SUITE}-{key}.tar.zst"
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tarball.exists():
            start = time.monotonic()
            aside = folder / f"{SUITE}-{key}.tar"
            options = ["--aptopt=Apt::Install-Recommends false", "--aptopt=Acquire::Languages none", "--dpkgopt=force-unsafe-io"]
            options += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "doc", "locale", "i18n")]
            hooks = ['rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"', 'chroot "$1" systemctl mask ' + " ".join(NOT_AT_BOOT)]
            subprocess.run(["mmdebstrap", "--quiet", "--variant=essential", "--skip=check/empty", "--include=" + ",".join(packages), *options,
                            *[f"--customize-hook={hook}" for hook in hooks], SUITE, aside, *mirror()], check=True)
            subprocess.run(["zstd", "-q", "-3", "-T0", "--rm", "-f", aside, "-o", tarball], check=True)
            print(f"made {tarball.name} in {time.monotonic() - start:.0f} s", flush=True)
    return tarball


def own_cgroup(hierarchy):
    """The folder of the cgroup that this process is in."""
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        number, controllers, path = line.split(":", 2)
        if hierarchy in ("v2", "unified") and number == "0":
            return pathlib.Path("/sys/fs/cgroup" + ("/unified" if hierarchy == "unified" else "") + path)
        if hierarchy in controllers.split(",") or controllers == f"name={hierarchy}":
            return pathlib.Path(f"/sys/fs/cgroup/{hierarchy}{path}")
    raise RuntimeError(f"no cgroup hierarchy {hierarchy}")


def remove_left_cgroups():
    """Those of containers that are gone; a live one cannot be removed."""
    for base, folders, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if "/inferd-test." in base + "/":
            try:
                os.rmdir(base)
            except OSError:
                pass


class Container(Machine):
    """One booted system. To be made in a PID and a mount namespace of one's own (run.py sees to that): everything goes with them."""

    def __init__(self, tarball, limits):
        """`limits`: memory, CPU and task limits are enforced, for which a host with cgroup v1 needs another way of booting."""
        host_systemd = pathlib.Path("/run/systemd/system").exists()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g,mode=755", "tmpfs", "/mnt"], check=True)
        self.root = pathlib.Path("/mnt/root")
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "--zstd", "-xf", tarball], check=True)
        v1 = limits and not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        cgroups, keep = [], []
        environment = {**os.environ, "SYSTEMD_SECCOMP": "0"}  # nspawn's own filter would blur tests of the service's
        if not host_systemd:
            keep = ["--keep-unit"]
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
            if not v1 and not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
                subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
            environment["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "0" if v1 else "1"
            for hierarchy in ["unified", "systemd", *V1_CONTROLLERS] if v1 else ["v2"]:
                cgroup = own_cgroup(hierarchy) / f"inferd-test.{os.environ['INFERD_TEST_CONTAINER']}"
                cgroup.mkdir(exist_ok=True)
                cgroups.append(cgroup)
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--register=no", *keep, "--machine=inferd-test", "--private-network",
                   "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--capability=CAP_BPF"]
        if v1:  # nspawn mounts the controllers read-only
            command += ["/bin/sh", "-c", "".join(f"mount -o remount,bind,rw /sys/fs/cgroup/{c}; " for c in V1_CONTROLLERS) + "exec /lib/systemd/systemd"]
        else:
            command += ["--boot"]

        def join():
            for cgroup in cgroups:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

        with open("/mnt/console.log", "wb") as console:
            self.nspawn = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console, preexec_fn=join)
        leader = self.wait(self.find_leader, 30, "systemd is up")
        self.enter = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        state = self.run("systemctl", "is-system-running", "--wait", check=False).strip()
        assert state == "running", f"the container is {state}: {self.run('systemctl', '--failed', '--no-legend', check=False)}"
        namespace = os.open(f"/proc/{leader}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    @staticmethod
    def wait(condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}")
            time.sleep(0.02)
        return value

    def find_leader(self):
        if self.nspawn.poll() is not None:
            raise RuntimeError("nspawn ended:\n" + pathlib.Path("/mnt/console.log").read_text(errors="replace"))
        for pid in subprocess.run(["pgrep", "-P", str(self.nspawn.pid)], capture_output=True, text=True, check=False).stdout.split():
            process = pathlib.Path("/proc") / pid
            with contextlib.suppress(OSError):  # nspawn has children that come and go
                if (process / "comm").read_text().strip() == "systemd" and (process / "root/run/dbus/system_bus_socket").exists():
                    return int(pid)
        return None
