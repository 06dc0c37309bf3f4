#!/usr/bin/env python3
"""Runs tests of the service on a Debian 12 of its own, kernel included, in an emulated machine: there control groups are version 2 and
systemd's own, whatever this machine has. Slow (no KVM is asked for), so by hand and with few tests.

usage: tests/systemd/vm.py --bin build/dev [--only REGEX]

Needs root and, beside what tests/systemd/run.py needs, Debian's qemu-system-x86 and cpio. The journal of the machine is left in
build/logs/systemd-journal-vm.log.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration"), str(HERE)]
import container  # noqa: E402
import package  # noqa: E402

# The tests' own output is the second serial line, the journal the third.
TESTS = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=INFERD_TEST_SLOW=1
ExecStart=/usr/bin/python3 /srv/inferd/tests/systemd/run.py --here --bin /srv/inferd/build {only}
ExecStopPost=/bin/sh -c 'echo "the tests ended with $$EXIT_STATUS" > /dev/ttyS1; journalctl -b --no-pager -o short-precise > /dev/ttyS2; systemctl poweroff --force'
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
"""

# A part of a layer takes seconds here when the batch is large, which is what a stall looks like. Small batches show that they move.
SETTINGS = """[Service]
Environment=INFERD_MODELS__0__MAX_BATCH_TOKENS=16 INFERD_MODELS__0__MAX_RUNNING=16
"""


def kernel(folder):
    """Debian's kernel; fetched when it is not there."""
    path = folder / "vmlinuz"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", "--skip=check/empty", "--include=linux-image-cloud-amd64",
                            container.SUITE, aside, *container.mirror()], check=True)
            [found] = (pathlib.Path(aside) / "boot").glob("vmlinuz-*")
            shutil.copy(found, path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=container.ROOT / "build/dev", help="build folder with everything built")
    parser.add_argument("--only", metavar="REGEX", default="test_limits", help="run the tests whose file.function matches (default: %(default)s)")
    arguments = parser.parse_args()
    missing = [tool for tool in ("qemu-system-x86_64", "cpio") if not shutil.which(tool)]
    if reason := container.why_not() or (missing and f"{', '.join(missing)} missing (qemu-system-x86, cpio)"):
        sys.exit(f"the machine cannot be made: {reason}")
    packages = package.build(arguments.bin.resolve())
    cache = container.ROOT / "build/systemd-test"
    tarball = container.rootfs(packages.depends(), cache, also=["python3"])
    logs = container.ROOT / "build/logs"
    logs.mkdir(parents=True, exist_ok=True)
    journal = logs / "systemd-journal-vm.log"

    with tempfile.TemporaryDirectory(prefix="vm-", dir=cache) as folder:
        root = pathlib.Path(folder) / "root"
        root.mkdir()
        subprocess.run(["tar", "-C", root, "--zstd", "-xf", tarball], check=True)
        tree = root / "srv/inferd"
        shutil.copytree(container.ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__", "fuzz", "unit"))
        shutil.copytree(packages.folder, tree / "build/packages", ignore=lambda _, names: [name for name in names if not name.endswith(".deb")])
        (root / "etc/systemd/system/tests.service").write_text(TESTS.format(only=f'--only "{arguments.only}"'.replace("$", "$$").replace("%", "%%")))
        settings = root / "etc/systemd/system/inferd.service.d/emulated.conf"
        settings.parent.mkdir()
        settings.write_text(SETTINGS)
        wants = root / "etc/systemd/system/graphical.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "tests.service").symlink_to("/etc/systemd/system/tests.service")
        (root / "etc/hostname").write_text("inferd-test\n")
        (root / "etc/inferd-test-machine").touch()
        image = pathlib.Path(folder) / "root.cpio"
        with open(image, "wb") as file:
            subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=root, stdout=file, check=True)
        shutil.rmtree(root)
        said = []
        with subprocess.Popen(
                ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35", "-accel", "tcg",
                 "-cpu", "max", "-smp", "2", "-m", "4096", "-kernel", kernel(cache), "-initrd", image, "-serial", f"file:{logs / 'systemd-vm-console.log'}",
                 "-serial", "stdio", "-serial", f"file:{journal}", "-append",
                 "console=ttyS0 rdinit=/lib/systemd/systemd panic=-1 mitigations=off psi=1 systemd.unified_cgroup_hierarchy=1 systemd.mask=serial-getty@ttyS0.service"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as machine:
            for line in machine.stdout:
                said.append(line.strip())
                print(line.rstrip(), flush=True)
    print(f"the journal is in {journal}", flush=True)
    ended = [found.group(1) for line in said if (found := re.fullmatch(r"the tests ended with (\w+)", line))]
    return 0 if ended == ["0"] else 1


if __name__ == "__main__":
    sys.exit(main())
