#!/usr/bin/env python3
"""Runs the integration tests against built programs.

usage: tests/integration/run.py --bin build/dev [--only REGEX] [--model FILE] [--overload-seconds N] [--jobs N] [--list]

Environment: INFERD_TEST_SLOW=1 gives every deadline more time (sanitizer builds), INFERD_TEST_OVERLOAD_SECONDS is the length of the
overload test, INFERD_TEST_HEALTHY_SECONDS that of the one in which no alert may fire (10), INFERD_TEST_SCENES a regular expression on the
faults that are caused, INFERD_PROMETHEUS a prometheus (with promtool beside it) instead of the 3.5 of scripts/setup.

Several files run beside each other (--jobs), each in a process and with a shared daemon of its own.
"""
import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))
import harness  # noqa: E402
import runner  # noqa: E402

LONGEST = ("test_faults", "test_same_live", "test_health", "test_notify")


def main():
    root = HERE.parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=root / "build/dev", help="build folder, or folder with inferd and inferctl")
    parser.add_argument("--model", type=pathlib.Path, default=root / "models/demo/inferd-demo.gguf")
    parser.add_argument("--only", metavar="REGEX", help="run only tests whose file.function matches")
    parser.add_argument("--overload-seconds", type=float, default=float(os.environ.get("INFERD_TEST_OVERLOAD_SECONDS", "5")))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many files run beside each other")
    parser.add_argument("--list", action="store_true", help="print the tests and stop")
    parser.add_argument("--file", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    tests = runner.discover(HERE, arguments.only)
    if arguments.list:
        print("\n".join(name for name, _ in tests))
        return 0
    files = {HERE / (name.split(".")[0] + ".py") for name, _ in tests}
    if len(files) > 1 and not arguments.file:
        return runner.run_files(files, LONGEST, arguments.jobs, lambda file: [sys.executable, __file__, *sys.argv[1:], "--file", file])

    def mine():
        yield from (test for test in tests if not arguments.file or test[0].startswith(arguments.file.stem + "."))
        if setup.shared_daemon is not None:
            yield "the shared daemon stops cleanly", setup.stop_shared

    setup = harness.Setup(arguments.bin.resolve(), arguments.model.resolve(), arguments.overload_seconds)
    try:
        return runner.run(mine(), lambda: setup)
    finally:
        setup.clean_up()


if __name__ == "__main__":
    sys.exit(main())
