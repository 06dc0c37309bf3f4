"""Starts inferd for a test, talks to it, and makes sure that it is gone afterwards. Standard library only.

Nothing here waits a fixed time for something to happen: conditions are polled with a deadline.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SLOW = os.environ.get("INFERD_TEST_SLOW", "") not in ("", "0")
# What a sanitizer build may take longer.
PATIENCE = 6.0 if SLOW else 1.0


def tokens(n):
    """How many tokens to ask for when the point is that it takes a while: fewer where each takes longer."""
    return max(16, n // 8) if SLOW else n


CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"

SANITIZER_REPORT = re.compile(r"(ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:)")


def eventually(condition, seconds, what):
    """Polls until condition() is true or gives something; returns that. The deadline grows with PATIENCE."""
    deadline = time.monotonic() + seconds * PATIENCE
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * PATIENCE:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


def request(port, method, path, body=None, headers=None, timeout=30.0):
    """One request on a connection of its own. `body`: bytes, text, or something to send as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * PATIENCE)
    try:
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            if isinstance(body, str):
                body = body.encode()
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def events(answer):
    """The data of a stream's events, "[DONE]" as text."""
    found = []
    for block in answer.body.decode().replace("\r\n", "\n").split("\n\n"):
        data = [line[5:].strip() for line in block.split("\n") if line.startswith("data:")]
        if data:
            text = "\n".join(data)
            found.append(text if text == "[DONE]" else json.loads(text))
    return found


def raw(port, data, timeout=5.0, finish=True):
    """Sends bytes as they are; everything that comes back until the server closes or nothing comes for `timeout`."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout * PATIENCE) as s:
        received = b""
        # A server that refuses early may close while we still send; what it said can be read all the same.
        with contextlib.suppress(OSError):
            s.sendall(data)
            if finish:
                s.shutdown(socket.SHUT_WR)
        try:
            while chunk := s.recv(65536):
                received += chunk
        except OSError:
            pass
        return received


def status_of(response):
    """Status of a raw response; None when there is none."""
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", response)
    return int(match.group(1)) if match else None


def http_bytes(path, body, headers=(), method="POST", length=None):
    """A request as it is on the wire."""
    if isinstance(body, str):
        body = body.encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: .*)?$')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


class Metrics:
    """A scrape, parsed."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.split("\n"):
            if line and not line.startswith("#"):
                match = SAMPLE.match(line)
                assert match, f"not a sample: {line!r}"
                self.samples.append((match.group(1), dict(LABEL.findall(match.group(2) or "")), float(match.group(3))))

    def sum(self, name, **labels):
        return sum(v for n, l, v in self.samples if n == name and all(l.get(k) == w for k, w in labels.items()))

    def has(self, name):
        return any(n == name or n.startswith(name + "_") for n, _, _ in self.samples)

    def balance(self):
        """received - ended - in flight for each model and endpoint; zero each."""
        totals = {}
        for name, sign in (("inferd_requests_received_total", 1), ("inferd_requests_ended_total", -1), ("inferd_requests_in_flight", -1)):
            for n, labels, value in self.samples:
                if n == name:
                    key = (labels.get("model"), labels.get("endpoint"))
                    totals[key] = totals.get(key, 0) + sign * value
        return totals

    def assert_balanced(self):
        totals = self.balance()
        assert totals, "no request counters in the scrape"
        assert all(v == 0 for v in totals.values()), f"received = ended + in flight does not hold: {totals}"


class Daemon:
    """One inferd process with its own configuration on free ports."""

    def __init__(self, setup, config=None, arguments=(), environment=None, wait=True, stderr=None):
        self.setup = setup
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inferd-test-"))
        self.config_file = self.folder / "inferd.yaml"
        self.ports_file = self.folder / "ports.json"
        self.log_file = self.folder / "stderr.log"
        self.api = self.observability = None
        self.write_config(config or {})
        self.process = None
        self.arguments = list(arguments)
        self.environment = environment
        self.stderr = stderr  # a file descriptor instead of the log file
        self.start(wait)

    def write_config(self, changes):
        """`changes` is laid over the test configuration, section by section; JSON is YAML."""
        config = self.setup.configuration()
        for section, keys in changes.items():
            if isinstance(keys, dict):
                config.setdefault(section, {}).update(keys)
            else:
                config[section] = keys
        self.config_file.write_text(json.dumps(config, indent=1))

    def start(self, wait=True):
        self.ports_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [self.setup.inferd, "--config", self.config_file, "--ports-file", self.ports_file, *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log if self.stderr is None else self.stderr, cwd=self.folder, env=self.setup.environment(self.environment))
        if wait:
            self.wait_ready()

    def wait_ports(self):
        def ports():
            if self.process.poll() is not None:
                raise AssertionError(f"inferd ended with exit code {self.process.returncode} before it was ready:\n{self.log()[-4000:]}")
            try:
                return json.loads(self.ports_file.read_text())
            except (FileNotFoundError, ValueError):
                return None

        found = eventually(ports, 60, "inferd writes its ports file")
        self.api, self.observability = found["api"], found["observability"]

    def wait_ready(self):
        self.wait_ports()

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"inferd ended with exit code {self.process.returncode} while loading:\n{self.log()[-4000:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return request(self.observability, "GET", "/readyz", timeout=5).status == 200

        eventually(ready, 60, "inferd is ready")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def says(self, *texts):
        """Waits for lines with them: a line is written a moment after what it tells of."""
        eventually(lambda: all(text in self.log() for text in texts), 10, f"the log has {texts}; it ends with\n{self.log()[-1500:]}")

    def send(self, signal_number):
        self.process.send_signal(signal_number)

    def wait_end(self, seconds=40):
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"inferd still runs after {seconds * PATIENCE:g} s:\n{self.log()[-4000:]}") from None

    def stop(self, seconds=40):
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.wait_end(seconds)

    def discard(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        report = SANITIZER_REPORT.search(self.log())
        text = self.log()[report.start():][:6000] if report else None
        shutil.rmtree(self.folder, ignore_errors=True)
        assert text is None, f"sanitizer report:\n{text}"

    # Talking to it.
    def get(self, path, **options):
        return request(self.api, "GET", path, **options)

    def post(self, path, body, **options):
        return request(self.api, "POST", path, body, **options)

    def observe(self, path, **options):
        return request(self.observability, "GET", path, **options)

    def metrics(self):
        answer = self.observe("/metrics")
        assert answer.status == 200, answer
        return Metrics(answer.body.decode())

    def chat(self, text="What is inferd_queue_depth for?", **parameters):
        return self.post(CHAT, {"model": "demo", "messages": [{"role": "user", "content": text}], **parameters})

    def complete(self, prompt="The queue", **parameters):
        return self.post(TEXT, {"model": "demo", "prompt": prompt, **parameters})

    def wait_idle(self, seconds=20):
        """Until nothing is in flight; the scrape that says so."""
        def idle():
            m = self.metrics()
            m.assert_balanced()
            return m if m.sum("inferd_requests_in_flight") == 0 and m.sum("inferd_requests_running") == 0 else None

        return eventually(idle, seconds, "every request has ended")

    def assert_serves(self):
        """Alive and answering: the check after every mischief."""
        assert self.alive(), f"inferd ended with exit code {self.process.returncode}:\n{self.log()[-4000:]}"
        answer = self.complete(max_tokens=1)
        assert answer.status == 200, answer

    def rss(self):
        """Resident memory in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().split("\n"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0


class Setup:
    """What the tests share: programs, model, one daemon with the default configuration."""

    def __init__(self, bin_folder, model, overload_seconds):
        self.bin_folder = bin_folder
        self.inferd = self.program(bin_folder, "inferd", "daemon")
        self.inferctl = self.program(bin_folder, "inferctl", "cli")
        self.model = model
        self.overload_seconds = overload_seconds
        self.root = pathlib.Path(__file__).resolve().parents[2]
        self.open_daemons = []
        self.shared_daemon = None
        if not model.exists():
            raise SystemExit(f"{model} is missing")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16384)), hard))

    @staticmethod
    def program(folder, name, subfolder):
        for candidate in (folder / name, folder / subfolder / name):
            if candidate.is_file():
                return candidate
        raise SystemExit(f"{name} is neither in {folder} nor in {folder / subfolder}: build it first")

    def configuration(self):
        return {
            "api": {"listen": ["127.0.0.1:0"]},
            "observability": {"listen": "127.0.0.1:0"},
            "models": [{"name": "demo", "path": str(self.model), "threads": 2, "warmup": 1}],
            "lifecycle": {"drain_timeout": f"{20 * PATIENCE:.0f}s"},
        }

    @staticmethod
    def environment(changes=None):
        """Without INFERD_ variables of whoever runs the tests."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("INFERD_")}
        env.update(changes or {})
        return env

    @contextlib.contextmanager
    def daemon(self, config=None, **options):
        """A daemon for one test; killed when the test leaves it running."""
        d = Daemon.__new__(Daemon)
        self.open_daemons.append(d)
        try:
            try:
                d.__init__(self, config, **options)
                yield d
            except BaseException:
                if getattr(d, "log_file", None) and d.log_file.exists():
                    print("the end of inferd's log:\n" + d.log()[-3000:], flush=True)
                raise
        finally:
            self.open_daemons.remove(d)
            if getattr(d, "folder", None):
                d.discard()

    def shared(self):
        """The daemon that tests without wishes of their own use; a new one when the last test killed it."""
        if self.shared_daemon is not None and not self.shared_daemon.alive():
            dead, self.shared_daemon = self.shared_daemon, None
            log = dead.log()[-4000:]
            dead.discard()
            raise AssertionError(f"the shared daemon had died before this test:\n{log}")
        if self.shared_daemon is None:
            self.shared_daemon = Daemon(self)
        return self.shared_daemon

    def stop_shared(self):
        """Exit code 0, balanced books, no sanitizer report: over everything that was done to it."""
        if self.shared_daemon is None:
            return
        d, self.shared_daemon = self.shared_daemon, None
        try:
            if d.alive():
                d.wait_idle()
                code = d.stop()
                assert code == 0, f"exit code {code}:\n{d.log()[-3000:]}"
            else:
                raise AssertionError(f"it had died:\n{d.log()[-3000:]}")
        finally:
            d.discard()

    def run(self, program, *arguments, timeout=60, **options):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout * PATIENCE,
                              env=self.environment(options.pop("environment", None)), check=False, **options)

    def clean_up(self):
        for d in [*self.open_daemons, *([self.shared_daemon] if self.shared_daemon else [])]:
            with contextlib.suppress(Exception):
                d.discard()
