"""What test_faults plays on: a daemon with the shipped rules in less time, what breaks it, and those who are told."""
import contextlib
import copy
import ctypes
import json
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import threading
import time

import prometheus
import receivers
import runner
import shipped_rules
from harness import PATIENCE, TEXT, eventually, request


class Receivers:
    """Alertmanager, a webhook and a folder for scripts: one for all stages, which are told apart by the label instance."""

    def __init__(self, folder):
        self.folder = folder
        self.hook = receivers.Webhook()
        self.manager = receivers.Alertmanager()
        self.seen = set()  # (instance, key) of what Alertmanager has held for firing at any time
        self.now = set()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stopped.wait(0.2):
            with contextlib.suppress(OSError, AssertionError):
                self.now = {(a["labels"]["instance"], shipped_rules.key(a["labels"])) for a in self.manager.alerts()}
                self.seen |= self.now

    def script(self, name):
        """A command that keeps what it is told."""
        heard, path = self.folder / f"{name}.heard", self.folder / f"{name}.sh"
        path.write_text(f"#!/bin/sh\n{{ cat; echo; }} >> {shlex.quote(str(heard))}\n")
        path.chmod(0o755)
        return str(path)

    def told(self, name, status):
        """Keys that the webhook was told of; those that its script was; those that Alertmanager had, or with "resolved" no longer has."""
        hook = {shipped_rules.key(a["labels"]) for a in self.hook.told(status, instance=name)}
        heard = self.folder / f"{name}.heard"
        messages = [json.loads(line) for line in heard.read_text().split("\n")[:-1] if line] if heard.exists() else []
        script = {shipped_rules.key(a["labels"]) for m in messages for a in m["alerts"] if a["status"] == status}
        held = self.seen if status == "firing" else self.seen - self.now
        return {"webhook": hook, "script": script, "Alertmanager": {k for n, k in set(held) if n == name}}

    def close(self):
        self.stopped.set()
        self.thread.join()
        self.hook.close()
        self.manager.close()


class Stage:
    """One daemon and its world. Nothing is wrong until a scene makes it so."""

    def __init__(self, setup, told, name, factor):
        self.setup, self.told, self.name, self.factor = setup, told, name, factor
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix=f"inferd-{name}-")))
        self.rules = self.folder / "rules"
        self.rules.mkdir()
        self.daemon = self.config = self.prometheus = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def start(self, config=None, environment=None, model=None, notify=(), setup=None, wait=True, interval="100ms"):
        """`config` is laid over the stage's own, `model` over the model's settings."""
        command = self.told.script(self.name)
        self.config = {
            "models": [{**self.setup.configuration()["models"][0], "threads": 1, **(model or {})}],
            "alerts": {"rules": [shipped_rules.write(self.setup, self.rules, self.factor)], "interval": interval, "instance": self.name,
                       "notify": [{"alertmanager": {"url": self.told.manager.url}},
                                  {"webhook": {"url": self.told.hook.url}, "group_interval": "0s"},
                                  {"exec": {"command": [command]}, "group_interval": "0s"}, *notify]},
            **(config or {})}
        self.config["observability"] = {"listen": "127.0.0.1:0", **self.config.get("observability", {}), "interval": interval}
        self.daemon = self.stack.enter_context((setup or self.setup).daemon(
            self.config, environment={"INFERD_FAULTS": str(self.folder / "fault"), "LD_LIBRARY_PATH": "", **(environment or {})}, wait=wait))
        self.stack.callback(self.fault)
        if not wait:
            self.daemon.wait_ports()
        eventually(lambda: self.query("inferd_ticker_rounds_total > 1"), 60, "some rounds")

    def watch_from_outside(self, targets, interval="100ms"):
        """Debian's Prometheus, which scrapes and judges at `interval`, with all shipped rules in less time; its alerts go to Alertmanager and
        nowhere else."""
        folder = self.folder / "all-rules"
        folder.mkdir()
        self.prometheus = prometheus.Prometheus(targets, {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [shipped_rules.write(self.setup, folder, self.factor, "alerts/*/*.yml")],
            "alerting": {"alert_relabel_configs": [{"target_label": "instance", "replacement": f"outside-{self.name}"}],
                         "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.told.manager.port}"]}]}]}})
        self.stack.callback(self.prometheus.close)

    def fault(self, text=None):
        """What the engine, or the clock, suffers from now on (runtime/engine/fault_injection.h)."""
        self.put("fault", text)

    def put(self, name, text=None):
        """A file of the stage, replaced in one step; without a text it is removed."""
        path = self.folder / name
        if text is None:
            return path.unlink(missing_ok=True)
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)

    def reload(self, changes=None):
        self.daemon.write_config({**self.config, **(changes or {})})
        self.daemon.send(signal.SIGHUP)

    def query(self, expression):
        answer = request(self.daemon.observability, "POST", "/api/v1/query", "query=" + expression.replace("+", "%2B"),
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 200, answer
        return answer.json()["data"]["result"]

    def firing(self):
        return {shipped_rules.key(a["labels"]) for a in self.daemon.observe("/api/v1/alerts").json()["data"]["alerts"] if a["state"] == "firing"}

    def load(self, clients=1, headers=None, pause=0.0, **parameters):
        """Clients, each with one request after the other, until the function that is given back is called."""
        stop = threading.Event()
        body = {"model": "demo", "prompt": "The queue", "max_tokens": 8, "ignore_eos": True, **parameters}

        def client():
            while not stop.is_set():
                try:
                    good = request(self.daemon.api, "POST", TEXT, body, headers=headers, timeout=90).status == 200
                except OSError:
                    good = False
                stop.wait(pause if good else 0.05)  # one that is refused at once does not take the machine

        threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()

        self.stack.callback(stop.set)
        return stop.set

    def told_now(self, status):
        """Receiver -> keys that it was told `status` of; where Prometheus watches, of its alerts."""
        if self.prometheus:
            return {"Alertmanager": self.told.told(f"outside-{self.name}", status)["Alertmanager"]}
        return self.told.told(self.name, status)

    def wait_told(self, status, keys, seconds):
        """Until every receiver was told `status` of each of `keys`."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            missing = {who: sorted(keys - what) for who, what in self.told_now(status).items() if keys - what}
            if not missing:
                return
            assert self.daemon.alive(), f"{self.name}: inferd ended:\n{self.daemon.log()[-2000:]}"
            assert time.monotonic() < deadline, f"{self.name}: not told {status}: {missing}; firing now: {sorted(self.firing())}"
            time.sleep(0.1)


class StandingThread:
    """One thread of a process that stands still while all others run, as under a debugger (ptrace(2)). Made and let go by the same thread."""
    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid, name):
        tasks = pathlib.Path(f"/proc/{pid}/task")
        self.tid = next(int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        if self.libc.ptrace(self.SEIZE, self.tid, None, None) != 0:
            runner.skip(f"a thread cannot be stopped here: {os.strerror(ctypes.get_errno())}")
        assert self.libc.ptrace(self.INTERRUPT, self.tid, None, None) == 0

    def go(self):
        assert self.libc.ptrace(self.DETACH, self.tid, None, None) == 0, os.strerror(ctypes.get_errno())


class SmallDisk:
    """A tmpfs that only the daemon of one stage sees: in a name space of its own, 3 GiB when it begins, so that nothing is wrong."""

    def __init__(self, stage):
        self.stage, self.path = stage, stage.folder / "disk"
        self.path.mkdir()
        wrapper = stage.folder / "inferd-with-disk"
        mount = f"mount -t tmpfs -o size=3G tmpfs {shlex.quote(str(self.path))}"
        inferd = shlex.quote(str(stage.setup.inferd))
        wrapper.write_text(f"#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '{mount} && exec \"$@\"' sh {inferd} \"$@\"\n")
        wrapper.chmod(0o755)
        if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", self.path], capture_output=True,
                          check=False).returncode != 0:
            runner.skip("no file system of its own can be had: no name spaces on this machine")
        self.setup = copy.copy(stage.setup)
        self.setup.inferd = wrapper

    def _inside(self, command):
        subprocess.run(["nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(self.stage.daemon.process.pid), "sh", "-c",
                        command], check=True, capture_output=True, timeout=60)

    def fill(self):
        self._inside(f"mount -o remount,size=16M {self.path} && {{ head -c 17M /dev/zero > {self.path}/fill; [ $? != 0 ]; }}")

    def empty(self):
        self._inside(f"rm {self.path}/fill && mount -o remount,size=3G {self.path}")
