"""The documents name what is there."""
import os
import re

import tree


def test_links_lead_somewhere():
    faults = []
    for path in tree.matching(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", tree.text(path)):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (tree.ROOT / os.path.dirname(path) / target).exists():
                faults.append(f"{path}: {target}")
    tree.report(faults, "links to files that do not exist")


def test_tables_have_their_headers():
    """The demo model is made from these tables."""
    assert "| command | what it does |" in tree.text("docs/COMMANDS.md")
    assert "| endpoint | what it does |" in tree.text("docs/API.md")
    assert "| metric | type | labels | help |" in tree.text("docs/METRICS.md")


def test_every_script_is_documented():
    commands = tree.text("docs/COMMANDS.md")
    faults = [path for path in tree.files() if path.startswith("scripts/") and os.access(tree.ROOT / path, os.X_OK)
              and f"`{path}" not in commands]
    tree.report(faults, "scripts that docs/COMMANDS.md does not list")


def test_every_dependency_is_documented():
    """Each package that CMake finds has its line in docs/DEPENDENCIES.md."""
    docs = tree.text("docs/DEPENDENCIES.md").lower()
    names = {"boost": "boost", "openssl": "openssl", "spdlog": "spdlog", "fmt": "fmt", "yaml-cpp": "yaml-cpp", "curl": "libcurl",
             "nlohmann_json": "nlohmann", "cli11": "cli11", "gtest": "googletest", "benchmark": "google benchmark", "zlib": "zlib",
             "prometheus-cpp": "prometheus-cpp", "civetweb": "civetweb", "tl-expected": "tl::expected", "pkgconfig": "pkg-config",
             "threads": "", "python3": "python"}
    faults = []
    for path in tree.files():
        if path.endswith(("CMakeLists.txt", ".cmake")):
            for package in re.findall(r"find_package\(([\w-]+)", tree.text(path)):
                if names.get(package.lower(), package.lower()) not in docs:
                    faults.append(f"{package} ({path})")
    tree.report(sorted(set(faults)), "packages without a line in docs/DEPENDENCIES.md")
