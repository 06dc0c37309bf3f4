"""Packages of npm that tests drive, each in a folder beside this file."""
import functools
import hashlib
import pathlib
import shutil
import subprocess

import runner


@functools.cache
def installed(name):
    """The folder, with its packages at the versions and with the checksums that package-lock.json says."""
    home = pathlib.Path(__file__).resolve().parent / name
    if shutil.which("node") is None or shutil.which("npm") is None:
        runner.skip("node or npm is not installed (scripts/setup test)")
    stamp = home / "node_modules" / ".installed"
    lock = (home / "package-lock.json").read_bytes()
    digest = hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        done = subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"
        stamp.write_text(digest)
    return home
