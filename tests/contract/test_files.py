"""What a file looks like: its length, its head, and that some build knows of it."""
import os
import re

import tree

MAX_LINES = 600
# path: why it is longer.
LONG_FILES = {}


def test_no_file_is_too_long():
    faults = []
    for path in tree.matching(".h", ".cc", ".py", ".ts", ".sh"):
        lines = tree.text(path).count("\n")
        if lines > MAX_LINES and path not in LONG_FILES:
            faults.append(f"{path}: {lines} lines, {MAX_LINES} are allowed; split it, or give the reason in LONG_FILES")
    faults += [f"{path} is in LONG_FILES but not in the repository" for path in LONG_FILES if path not in tree.files()]
    tree.report(faults, "files over the limit")


def test_headers_start_with_their_contract():
    faults = []
    for path in tree.matching(".h"):
        text = tree.text(path)
        if not text.startswith("// "):
            faults.append(f"{path}: the first line must say what the header is for")
        if "\n#pragma once\n" not in text:
            faults.append(f"{path}: no #pragma once")
    tree.report(faults, "headers")


def test_sources_include_their_header_first():
    """Together with cmake/HeaderCheck.cmake this makes every header compile alone."""
    faults = []
    for path in tree.matching(".cc"):
        header = path[:-3] + ".h"
        if header in tree.files():
            first = tree.INCLUDE.search(tree.text(path))
            if first is None or first.group(1) != header:
                faults.append(f"{path} must include {header} first")
    tree.report(faults, "order of includes")


def test_unit_tests_do_not_sleep():
    sleeps = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
    faults = [f"{path}: {m.group(0)}...) (take the time from a fake clock, or wait for a condition)"
              for path in tree.matching(".cc", ".h", under="tests/unit/") for m in sleeps.finditer(tree.code(path))]
    tree.report(faults, "sleeps in unit tests")


def test_threads_are_set_up():
    """A thread without a name is a riddle in top, one without a stack for signals dies of an overflow without a report."""
    begins = re.compile(r"std::async\(|std::thread\(|\bstd::thread \w+[({]|vector<std::thread>")
    folders = ("alerts/", "daemon/", "logging/", "metrics/", "runtime/")
    tree.report([f"{path} begins threads without ThreadSetup (runtime/base/thread.h)" for path in tree.matching(".cc")
                 if path.startswith(folders) and begins.search(tree.code(path)) and "ThreadSetup" not in tree.code(path)], "threads")


def test_every_source_is_built():
    built = set()
    for path in tree.files():
        if path.endswith(("CMakeLists.txt", ".cmake")):
            for name in re.findall(r"[\w./-]+\.cc\b", tree.text(path)):
                built.add(os.path.normpath(os.path.join(os.path.dirname(path), name)))
    tree.report([path for path in tree.matching(".cc") if path not in built], "sources that no CMakeLists.txt names")


def test_no_test_is_switched_off():
    faults = [f"{path}: {m.group(0)}" for path in tree.matching(".cc", under="tests/")
              for m in re.finditer(r"\bDISABLED_\w+|EXPECT_TRUE\(true\)|ASSERT_TRUE\(true\)", tree.code(path))]
    tree.report(faults, "tests that test nothing")
