"""Runs test_*.py files: every function named test_* is a test, an exception is a failure. Shared by tests/contract and
tests/integration; standard library only.

A test function takes no argument, or one: what `make_argument` gives. The last line printed is "N passed, N failed, N skipped".
"""
import concurrent.futures
import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback


class Skip(Exception):
    """What the test needs is not on this machine; the message says what. In CI that is a failure."""


class UnsuitableMachine(Skip):
    """There is nothing to install: a sound machine may be like this one. In CI, too."""


def skip(reason):
    raise Skip(reason)


def skip_on_unsuitable_machine(reason):
    raise UnsuitableMachine(reason)


def in_ci():
    """Where what cannot be run is a failure."""
    return os.environ.get("CI", "") not in ("", "0", "false")


def not_run(what):
    """A part of a test that every change has to show cannot be run here; scripts/test says so at its end."""
    print(f"NOT RUN: {what}", flush=True)
    assert not in_ci(), f"not run: {what}"


def load(path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def discover(folder, only=None):
    """(name, function) of every test in `folder`, in file order; `only` is a regular expression on file.function."""
    found = []
    for path in sorted(pathlib.Path(folder).glob("test_*.py")):
        module = load(path)
        for name, function in vars(module).items():
            if name.startswith("test_") and inspect.isfunction(function) and function.__module__ == path.stem:
                full = f"{path.stem}.{name}"
                if only is None or re.search(only, full):
                    found.append((full, function))
    return found


def run(tests, make_argument=None):
    """Runs the tests one after the other; returns the process's exit code."""
    passed, failed, skipped = 0, [], 0
    for name, function in tests:
        start = time.monotonic()
        print(f"[ RUN  ] {name}", flush=True)
        try:
            if inspect.signature(function).parameters:
                function(make_argument())
            else:
                function()
        except Skip as reason:
            if in_ci() and not isinstance(reason, UnsuitableMachine):
                failed.append(name)
                print(f"[ FAIL ] {name}: not run: {reason}", flush=True)
            else:
                skipped += 1
                print(f"[ SKIP ] {name}: {reason}", flush=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # one broken test must not hide the others
            failed.append(name)
            if isinstance(error, AssertionError) and error.args and not getattr(error, "show_trace", False):
                where = traceback.extract_tb(error.__traceback__)[-1]
                print(f"{pathlib.Path(where.filename).name}:{where.lineno}: {error}", flush=True)
            else:
                traceback.print_exc(file=sys.stdout)
            print(f"[ FAIL ] {name} ({time.monotonic() - start:.1f} s)", flush=True)
        else:
            passed += 1
            print(f"[  OK  ] {name} ({time.monotonic() - start:.1f} s)", flush=True)
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped", flush=True)
    return 1 if failed or not (passed or skipped) else 0


def run_files(files, first, jobs, command, environment=None):
    """Runs `command(file)`, a process each, `jobs` at a time; prints the output of each when it has ended. `first` names the files (stems) that
    take longest and are begun first. Returns the process's exit code."""
    def one(file):
        done = subprocess.run([str(part) for part in command(file)], env=environment and environment(file), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        print(f"== {file.stem}\n{done.stdout}", end="", flush=True)
        if done.returncode < 0:
            print(f"{file.stem} was ended by signal {-done.returncode}", flush=True)
        return done.returncode

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(one, sorted(files, key=lambda file: (file.stem not in first, file.stem))))
    return 1 if any(codes) else 0
