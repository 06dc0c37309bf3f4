#!/usr/bin/env python3
"""Installs the Debian package in a container with a real systemd, and tests the service there. Each file of tests gets a container of its own.

usage: tests/systemd/run.py --bin build/dev [--only REGEX] [--list]

Needs root. Where no container can be had it says so; in CI (variable CI set) that is a failure. On a failure the journal is left in
build/logs/systemd-journal-FILE.log.
"""
import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration"), str(HERE)]
import container  # noqa: E402
import machine  # noqa: E402
import package  # noqa: E402
import runner  # noqa: E402


class Setup:
    """What a test gets: the container, the packages, and the installed service when its file wants it (INSTALLED)."""

    def __init__(self, packages, box):
        self.packages, self.box = packages, box

    def __getattr__(self, name):  # setup.run, setup.prop...
        return getattr(self.box, name)


def inside(file, only, packages, boot):
    """Runs the tests of one file in what `boot` gives for its module."""
    module = runner.load(file)
    tests = [(name, function) for name, function in runner.discover(HERE, only) if name.startswith(file.stem + ".")]
    box = boot(module)
    setup = Setup(packages, box)
    if getattr(module, "INSTALLED", True):
        package.install(box, packages)

    def fresh():
        box.run("systemctl", "reset-failed")  # the tests start the service more often than its limit allows
        return setup

    code = runner.run(tests, fresh)
    if code != 0:
        log = container.ROOT / "build/logs" / f"systemd-journal-{file.stem}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(box.run("journalctl", "-b", "--no-pager", "-o", "short-precise", check=False))
        print(f"the journal is in {log}", flush=True)
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=container.ROOT / "build/dev", help="build folder with everything built")
    parser.add_argument("--only", metavar="REGEX", help="run only tests whose file.function matches")
    parser.add_argument("--list", action="store_true", help="print the tests and stop")
    parser.add_argument("--here", action="store_true", help="no container: this machine is made for the tests (vm.py)")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--tarball", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.bin.resolve()
    if arguments.inside:
        # In namespaces of our own.
        return inside(arguments.inside, arguments.only, package.Packages(folder),
                      lambda module: container.Container(arguments.tarball, limits=getattr(module, "LIMITS", False)))

    tests = runner.discover(HERE, arguments.only)
    if arguments.list:
        print("\n".join(name for name, _ in tests))
        return 0
    files = sorted({HERE / (name.split(".")[0] + ".py") for name, _ in tests})
    if arguments.here:
        if not pathlib.Path("/etc/inferd-test-machine").exists():
            sys.exit("this machine was not made for the tests")
        return max(inside(file, arguments.only, package.Packages(folder), lambda _: machine.Machine()) for file in files)
    if reason := container.why_not():
        print(f"NOT RUN: the tests of the systemd service and the Debian package ({reason})", flush=True)
        return 1 if runner.in_ci() else 0
    packages = package.build(folder)
    tarball = container.rootfs(packages.depends(), container.ROOT / "build/systemd-test")

    def command(file):
        # Whatever happens, nothing outlives this: not a process, not a mount. On a host that runs systemd itself nspawn gives it process
        # numbers, which must mean the same there.
        private = [] if pathlib.Path("/run/systemd/system").exists() else ["--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        only = ["--only", arguments.only] if arguments.only else []
        return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", *private,
                sys.executable, __file__, "--bin", folder, "--inside", file, "--tarball", tarball, *only]

    def environment(file):
        return {**os.environ, "INFERD_TEST_CONTAINER": f"{os.getpid()}.{file.stem}"}

    # Two at a time, because the tests wait more than they compute.
    code = runner.run_files(files, ("test_service", "test_install_page"), 2, command, environment)
    container.remove_left_cgroups()
    return code


if __name__ == "__main__":
    sys.exit(main())
