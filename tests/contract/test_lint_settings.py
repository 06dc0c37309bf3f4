"""Lint settings that check nothing look like lint settings: this prints what is active and insists on the essentials."""
import re
import shutil
import subprocess

import runner
import tree

# Each must have at least this many active checks.
ESSENTIAL = {"bugprone-": 40, "performance-": 8, "concurrency-": 1, "cppcoreguidelines-": 5, "misc-": 5, "modernize-": 10,
             "readability-": 10}
NAMING = {"ClassCase": "CamelCase", "StructCase": "CamelCase", "FunctionCase": "CamelCase", "NamespaceCase": "lower_case",
          "PrivateMemberSuffix": "_", "EnumConstantPrefix": "k"}


def clang_tidy(*arguments):
    program = shutil.which("clang-tidy") or shutil.which("clang-tidy-14")
    if program is None:
        runner.skip("clang-tidy is not installed (scripts/setup test)")
    return subprocess.run([program, *arguments], cwd=tree.ROOT, capture_output=True, text=True, check=True).stdout


def test_the_essential_checks_are_active():
    active = re.findall(r"^\s+([\w.-]+)$", clang_tidy("--list-checks", "runtime/base/utf8.cc"), re.MULTILINE)
    groups = {}
    for check in active:
        groups.setdefault(check.split("-")[0] + "-", []).append(check)
    for group, checks in sorted(groups.items()):
        print(f"  {group}* {len(checks)}")
    print(f"  {len(active)} checks in all (clang-tidy --list-checks names them)")
    for group, least in ESSENTIAL.items():
        assert len(groups.get(group, [])) >= least, f"only {len(groups.get(group, []))} checks of {group}*, at least {least} expected"
    assert "readability-identifier-naming" in active, "names are not checked"


def test_the_naming_rules_are_in_effect():
    config = clang_tidy("--dump-config", "runtime/base/utf8.cc")
    faults = []
    for key, value in NAMING.items():
        name = f"readability-identifier-naming.{key}"
        found = re.search(rf"key:\s+{re.escape(name)}\s*\n\s*value:\s+'?([^'\n]*)'?", config)
        if not found or found.group(1).strip() != value:
            faults.append(f"{name} is {found.group(1).strip() if found else 'not set'}, expected {value}")
    tree.report(faults, "naming rules")
