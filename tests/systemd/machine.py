"""A machine that a real systemd has booted, as the tests use it."""
import contextlib
import pathlib
import subprocess

import harness


class Machine:
    """By itself: the one that the tests run on. Of another one `root` is its root folder here, and `enter` the command that runs a command in
    it."""

    root = pathlib.Path("/")
    enter = []
    code = 0  # what the last command ended with

    def run(self, *command, check=True, timeout=60, stdin=None):
        """Runs a command inside; what it printed, errors included."""
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "TERM=dumb",
                 "SYSTEMD_PAGER="]
        done = subprocess.run([*self.enter, *clean, *map(str, command)],
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout * harness.PATIENCE, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        self.code = done.returncode
        return done.stdout

    def shell(self, script, **options):
        return self.run("bash", "-euo", "pipefail", "-c", script, **options)

    def prop(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    @contextlib.contextmanager
    def settings(self, text, unit="inferd.service"):
        """Lays settings over a unit for a while. Afterwards the service runs as it was installed."""
        path = f"etc/systemd/system/{unit}.d/test.conf"
        self.write(path, text)
        self.run("systemctl", "daemon-reload")
        try:
            yield
        finally:
            (self.root / path).unlink()
            self.run("systemctl", "daemon-reload")
            self.run("systemctl", "reset-failed")
            self.run("systemctl", "stop", "inferd.service", "inferd.socket")
            self.run("systemctl", "start", "inferd.service")

    def journal(self, *match, unit="inferd.service"):
        self.run("journalctl", "--sync")
        return self.run("journalctl", "-u", unit, "--no-pager", "-o", "short-precise", *match)
