"""PromQL, compared with a real Prometheus over the same samples: with 3.5, and with the 2.42 of Debian 12 where both mean the same."""
import contextlib
import json
import math
import pathlib
import re
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import harness
import prometheus
import promql_queries

# Never round: see promql_queries.
TIMES = [promql_queries.BASE + seconds * 1000 + 1 for seconds in (1207, 1733, 3001)]
RANGES = [(promql_queries.BASE + 617_001, promql_queries.BASE + 3_300_001, 61_000)]
# Samples and steps of subqueries on the edges: for Prometheus 3 alone.
ROUND_TIMES = [promql_queries.BASE + 1_840_000]
ROUND_RANGES = [(promql_queries.BASE + 640_000, promql_queries.BASE + 2_440_000, 60_000)]
# Both sum in their own order and with their own mathematics library.
TOLERANCE = 1e-9


@contextlib.contextmanager
def running_prometheus(program, promtool, openmetrics, folder):
    """Its address, once it answers."""
    data = folder / "data"
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", str(openmetrics), str(data)], check=True, capture_output=True)
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
                                    f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def answers():
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).status == 200
            return False
        harness.eventually(answers, 60, "Prometheus is ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def ask(url, request):
    """The answer of Prometheus, in the form of promql_eval."""
    path, fields = "query", {"query": request["query"]}
    if "time" in request:
        fields["time"] = request["time"] / 1000
    else:
        path, fields = "query_range", {**fields, "start": request["start"] / 1000, "end": request["end"] / 1000, "step": request["step"] / 1000}
    data = urllib.parse.urlencode(fields).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}", data, timeout=60) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
    if body["status"] == "error":
        return {"status": "error", "error": body["error"]}
    notes = {kind: [re.sub(r" \(\d+:\d+\)$", "", text) for text in body.get(kind, ())] for kind in ("warnings", "infos")}
    return {"status": "success", **body["data"], **notes}


def same_number(a, b):
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-3)


def same_points(a, b):
    return len(a) == len(b) and all(abs(x[0] - y[0]) < 5e-4 and same_number(x[1], y[1]) for x, y in zip(a, b))


def same(ours, theirs, ordered):
    if ours["status"] != theirs["status"]:
        return False
    if ours["status"] == "error":
        return True
    if ours["resultType"] != theirs["resultType"]:
        return False
    a, b = ours["result"], theirs["result"]
    if ours["resultType"] == "scalar":
        return same_points([a], [b])
    if ours["resultType"] == "string":
        return a[1] == b[1]
    if len(a) != len(b):
        return False
    if not ordered:
        a, b = (sorted(side, key=lambda series: sorted(series["metric"].items())) for side in (a, b))
    return all(x["metric"] == y["metric"] and same_points(x.get("values", [x.get("value")]), y.get("values", [y.get("value")]))
               for x, y in zip(a, b))


def same_notes(ours, theirs):
    """The same warnings and infos, but for the places in the query that Prometheus puts behind them."""
    return ours["status"] == "error" or all(set(ours[kind]) == set(theirs[kind]) for kind in ("warnings", "infos"))


def compare(setup, program, promtool):
    version = prometheus.version_of(program)
    major = version[0]
    queries = promql_queries.queries(major)
    assert len(queries) >= 300, len(queries)
    times, ranges = (TIMES + ROUND_TIMES, RANGES + ROUND_RANGES) if major >= 3 else (TIMES, RANGES)
    requests = [{"query": q, "time": t} for q in queries for t in times]
    requests += [{"query": q, "start": start, "end": end, "step": step} for q in queries for start, end, step in ranges]
    evaluator = setup.program(setup.bin_folder, "promql_eval", "tests/peer")
    with tempfile.TemporaryDirectory(prefix="inferd-promql-") as name:
        folder = pathlib.Path(name)
        samples = folder / "samples.om"
        samples.write_text(promql_queries.openmetrics(promql_queries.samples()))
        done = subprocess.run([str(evaluator), str(samples)], input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True,
                              text=True, timeout=300 * harness.PATIENCE)
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(requests), done.stderr
        faults, errors = [], 0
        with running_prometheus(program, promtool, samples, folder) as url:
            for request, ours in zip(requests, answers):
                theirs = ask(url, request)
                errors += theirs["status"] == "error"
                # Instant queries have an order where the query makes one.
                ordered = "time" in request and request["query"].startswith(("sort", "topk(", "bottomk("))
                # Prometheus 2 has no infos.
                if not same(ours, theirs, ordered) or (major >= 3 and not same_notes(ours, theirs)):
                    faults.append(f"{request}\n      ours:   {json.dumps(ours)[:400]}\n      theirs: {json.dumps(theirs)[:400]}")
    print(f"  Prometheus {'.'.join(map(str, version))}: {len(queries)} queries, {len(requests)} evaluations, {errors} of them refused, "
          f"{len(faults)} different")
    assert errors < len(requests) / 3, "too many of the queries are refused to mean something"
    prometheus.judge(version, faults, f"{len(faults)} answers differ:\n    " + "\n    ".join(faults[:40]))


def test_same_as_prometheus(setup):
    for program, promtool in prometheus.programs():
        compare(setup, program, promtool)
