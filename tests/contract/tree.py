"""The repository's files, as the contract tests read them."""
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


@functools.cache
def files():
    """Paths relative to the root of every file that is tracked, or new and not ignored."""
    out = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return sorted(p for p in out.decode().split("\0") if p and (ROOT / p).is_file())


def matching(*suffixes, under=""):
    return [p for p in files() if p.endswith(suffixes) and p.startswith(under)]


@functools.cache
def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def includes(path):
    """(quoted, angled) include names of a source file, in order."""
    quoted, angled = [], []
    for q, a in INCLUDE.findall(text(path)):
        (quoted if q else angled).append(q or a)
    return quoted, angled


def code(path):
    """The source without comments; string literals stay."""
    pattern = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return pattern.sub(lambda m: m.group(1) or " ", text(path))


def report(faults, what):
    assert not faults, f"{what}:\n  " + "\n  ".join(faults)
