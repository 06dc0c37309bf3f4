"""Figures of bench/alerts that need a running daemon: the queries of a dashboard by its API and by Prometheus's, over the same samples; and
the time from a threshold that is crossed to the webhook that hears of it. JSON on standard output.

usage: alerts_daemon.py dashboard INFERD MODEL FOLDER     FOLDER: of alerts_bench --export
       alerts_daemon.py webhook INFERD MODEL FOLDER [TRIALS]
"""
import contextlib
import http.client
import http.server
import json
import math
import os
import pathlib
import queue
import random
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUNS = 15
INTERVAL = 0.5  # seconds between two evaluations of the rules


def wait_for(process, port, path, log):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{path} of port {port} does not answer")


@contextlib.contextmanager
def running(command, log, **options):
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextlib.contextmanager
def inferd(program, model, folder, **sections):
    """(process, port of the API, port of the observability plane)."""
    config = {"api": {"listen": ["127.0.0.1:0"]}, "observability": {"listen": "127.0.0.1:0"}, "logs": {"level": "warn"},
              "models": [{"name": "bench", "path": model, "threads": 1}]}
    for section, keys in sections.items():
        config[section] = {**config.get(section, {}), **keys}
    (folder / "inferd.yaml").write_text(json.dumps(config))
    ports, log = folder / "ports.json", folder / "inferd.log"
    ports.unlink(missing_ok=True)
    with running([program, "--config", folder / "inferd.yaml", "--ports-file", ports], log,
                 env={**os.environ, "STATE_DIRECTORY": str(folder)}) as process:
        while not ports.exists() or not ports.read_text().endswith("}\n"):
            assert process.poll() is None, log.read_text(errors="replace")
            time.sleep(0.05)
        found = json.loads(ports.read_text())
        wait_for(process, found["observability"], "/readyz", log)
        yield process, found["api"], found["observability"]


def prometheus_program():
    newest = ROOT / "build/tools/prometheus-3/prometheus"
    return str(newest) if newest.exists() else shutil.which("prometheus")


@contextlib.contextmanager
def prometheus(program, folder):
    """(process, port), with the samples of the folder in blocks."""
    promtool = pathlib.Path(program).with_name("promtool")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "data"], check=True,
                   stdout=subprocess.DEVNULL)
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log = folder / "prometheus.log"
    with running([program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
                 log) as process:
        wait_for(process, port, "/-/ready", log)
        yield process, port


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask_all(port, wanted):
    """The answers to all queries, one after the other on one connection, and the seconds they took."""
    connection, answers = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begun = time.perf_counter()
    for query in wanted["queries"]:
        fields = {"query": query, "start": wanted["start"], "end": wanted["end"], "step": wanted["step"]}
        connection.request("GET", "/api/v1/query_range?" + urllib.parse.urlencode(fields))
        response = connection.getresponse()
        answers.append(response.read())
        assert response.status == 200, answers[-1]
    return answers, time.perf_counter() - begun


def measure(process, port, wanted):
    """(answers, median milliseconds of a run, milliseconds of processor time of a run)."""
    answers, _ = ask_all(port, wanted)
    before = processor_seconds(process)
    times = [ask_all(port, wanted)[1] for _ in range(RUNS)]
    return answers, 1e3 * statistics.median(times), 1e3 * (processor_seconds(process) - before) / RUNS


def same(ours, theirs):
    """Of two answers: equal but for the last digits of sums."""
    def points(answer):
        result = json.loads(answer)["data"]["result"]
        return [(sorted(s["metric"].items()), s["values"]) for s in sorted(result, key=lambda s: sorted(s["metric"].items()))]

    def equal(a, b):
        return a[0] == b[0] and (a[1] == b[1] or math.isclose(float(a[1]), float(b[1]), rel_tol=1e-9) or "NaN" == a[1] == b[1])

    a, b = points(ours), points(theirs)
    return len(a) == len(b) and all(x[0] == y[0] and len(x[1]) == len(y[1]) and all(map(equal, x[1], y[1])) for x, y in zip(a, b))


def dashboard(program, model, folder):
    wanted = json.loads((folder / "queries.json").read_text())
    with inferd(program, model, folder) as (process, _, port):
        ours, milliseconds, processor = measure(process, port, wanted)
    figures = {"queries": len(ours), "ours_ms": milliseconds, "ours_cpu_ms": processor}
    if peer := prometheus_program():
        with prometheus(peer, folder) as (process, port):
            theirs, milliseconds, processor = measure(process, port, wanted)
        figures |= {"theirs_ms": milliseconds, "theirs_cpu_ms": processor}
        different = [q for q, a, b in zip(wanted["queries"], ours, theirs) if not same(a, b)]
        assert not different, f"the answers to {different} differ"
    else:
        print("no prometheus to compare with (scripts/setup test)", file=sys.stderr)
    return figures


def webhook(program, model, folder, trials=200):
    """Each request turns the alert on or off. The clock starts before the request is sent, and stops when the webhook is called."""
    heard = queue.Queue()

    class Hook(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            heard.put((time.perf_counter(), json.loads(self.rfile.read(int(self.headers["Content-Length"])))["status"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [
        {"alert": "Odd", "expr": "sum(inferd_requests_received_total) % 2 == 1"}]}]}))
    alerts = {"rules": [str(folder / "rules.yml")], "interval": f"{INTERVAL * 1000:.0f}ms",
              "notify": [{"webhook": {"url": f"http://127.0.0.1:{server.server_address[1]}/"}, "group_interval": "0s"}]}
    rng, times = random.Random(1), []
    with inferd(program, model, folder, alerts=alerts, observability={"listen": "127.0.0.1:0", "interval": alerts["interval"]}) as (_, api, _):
        for trial in range(trials):
            time.sleep(rng.uniform(0, INTERVAL))  # anywhere between two evaluations
            connection = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
            begun = time.perf_counter()
            connection.request("POST", "/v1/completions", json.dumps({"model": "bench", "prompt": "x", "max_tokens": 1}),
                               {"Content-Type": "application/json"})
            assert connection.getresponse().status == 200
            at, status = heard.get(timeout=60)
            assert status == ("firing" if trial % 2 == 0 else "resolved"), (trial, status)
            times.append(1e3 * (at - begun))
    server.shutdown()
    times.sort()
    return {"trials": trials, "interval_ms": 1e3 * INTERVAL, "median_ms": statistics.median(times), "p99_ms": times[int(0.99 * trials)],
            "worst_ms": times[-1], "late": sum(t > 1e3 * INTERVAL + 100 for t in times)}


if __name__ == "__main__":
    task, daemon, model_file, work, *rest = sys.argv[1:]
    function = {"dashboard": dashboard, "webhook": webhook}[task]
    print(json.dumps(function(daemon, model_file, pathlib.Path(work), *map(int, rest))))
