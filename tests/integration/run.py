#!/usr/bin/env python3
"""Runs the integration tests against built programs.

usage: tests/integration/run.py --bin build/dev [--only REGEX] [--model FILE] [--overload-seconds N] [--list]

Environment: INFERD_TEST_SLOW=1 gives every deadline more time (sanitizer builds), INFERD_TEST_OVERLOAD_SECONDS is the length of the
overload test, INFERD_TEST_HEALTHY_SECONDS that of the one in which no alert may fire (10), INFERD_TEST_SCENES a regular expression on the
faults that are caused, INFERD_PROMETHEUS a prometheus (with promtool beside it) instead of the 3.5 of scripts/setup.
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


def main():
    root = HERE.parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=root / "build/dev", help="build folder, or folder with inferd and inferctl")
    parser.add_argument("--model", type=pathlib.Path, default=root / "models/demo/inferd-demo.gguf")
    parser.add_argument("--only", metavar="REGEX", help="run only tests whose file.function matches")
    parser.add_argument("--overload-seconds", type=float, default=float(os.environ.get("INFERD_TEST_OVERLOAD_SECONDS", "5")))
    parser.add_argument("--list", action="store_true", help="print the tests and stop")
    arguments = parser.parse_args()

    tests = runner.discover(HERE, arguments.only)
    if arguments.list:
        print("\n".join(name for name, _ in tests))
        return 0
    setup = harness.Setup(arguments.bin.resolve(), arguments.model.resolve(), arguments.overload_seconds)
    try:
        code = runner.run(tests + [("the shared daemon stops cleanly", setup.stop_shared)] if tests else tests, lambda: setup)
    finally:
        setup.clean_up()
    return code


if __name__ == "__main__":
    sys.exit(main())
