"""Debian's Prometheus (scripts/setup unpacks it to build/tools) scraping a daemon, as users run it; and the newer one, whose semantics are
the daemon's."""
import contextlib
import functools
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.parse

import runner
from harness import PATIENCE, eventually, request

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLLOWED = (3, 5)  # whose semantics the daemon has


def tool(name):
    """Its path; the test is skipped where it is not."""
    found = shutil.which(name) or shutil.which(name, path=str(ROOT / "build/tools"))
    if found is None:
        runner.skip(f"{name} is not here (scripts/setup test)")
    return found


def version_of(program):
    """Major, minor and patch, as numbers."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return tuple(map(int, re.search(r"version (\d+)\.(\d+)\.(\d+)", version.stdout + version.stderr).groups()))


@functools.cache
def programs():
    """(prometheus, promtool) of each version that can be had here, the newest first: that of INFERD_PROMETHEUS, else the one of scripts/setup,
    and Debian's. A test that needs the semantics of today takes the first."""
    newest = pathlib.Path(os.environ.get("INFERD_PROMETHEUS") or ROOT / "build/tools/prometheus-3/prometheus")
    found = []
    if newest.exists():
        found.append((str(newest), str(newest.with_name("promtool"))))
    else:
        runner.not_run("the comparison with Prometheus 3.5, which is not here (scripts/setup test)")
    return found + [(tool("prometheus"), tool("promtool"))]


def judge(version, faults, text):
    """A difference is a fault of the daemon's, unless that Prometheus is newer than the one it follows: then it is only said."""
    if faults and version[:2] > FOLLOWED:
        print(f"NOT RUN: the comparison with Prometheus 3.5: {len(faults)} answers of {'.'.join(map(str, version))}, which is here, are others")
        return
    assert not faults, text


class TextOnly:
    """A way to the daemon's metrics that asks for the text format, whatever the scraper asks for: Prometheus 2.42 cannot be told to."""

    def __init__(self, port):
        upstream = port

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    answer = request(upstream, "GET", self.path, headers={"Accept": "text/plain;version=0.0.4"}, timeout=10)
                except (OSError, http.client.HTTPException):
                    return self.send_error(502)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["content-type"])
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Prometheus:
    """One server with a job for each of `targets` (name -> port, or ports), scraping and judging once a second. `more` is laid over its
    configuration."""

    def __init__(self, targets, more=None, program=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inferd-prometheus-"))
        with socket.socket() as s:  # it cannot choose a free port by itself
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.more = more or {}
        self.configure(targets)
        self.log_file = self.folder / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [program or tool("prometheus"), f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--enable-feature=exemplar-storage", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return request(self.port, "GET", "/-/ready", timeout=5).status == 200

        eventually(ready, 60, "Prometheus is ready")

    def configure(self, targets):
        """Read at the start, and again at a SIGHUP."""
        jobs = {name: ports if isinstance(ports, list) else [ports] for name, ports in targets.items()}
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                  "scrape_configs": [{"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
                                     for name, ports in jobs.items()], **self.more}
        (self.folder / "prometheus.yml").write_text(json.dumps(config))

    def log(self):
        return self.log_file.read_text(errors="replace")

    def api(self, path, **parameters):
        answer = request(self.port, "GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        assert answer.status == 200, answer
        return answer.json()["data"]

    def query(self, expression):
        """(labels, value) of each element of an instant vector."""
        return [(r["metric"], float(r["value"][1])) for r in self.api("query", query=expression)["result"]]

    def value(self, expression):
        """Of a query with one answer; None when there is none."""
        result = self.query(expression)
        assert len(result) <= 1, (expression, result)
        return result[0][1] if result else None

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
