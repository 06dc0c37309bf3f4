"""For benchmarks in Python: a daemon to be measured from outside, figures, and the comparison of daemons by equal work."""
import contextlib
import gzip
import http.client
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

BIN, WORK = pathlib.Path(os.environ["BIN"]), pathlib.Path(os.environ["WORK"])
MODEL, THREADS = os.environ["MODEL"], int(os.environ["THREADS"])
PAIRS = int(os.environ.get("INFERD_BENCH_PAIRS", "40"))
STREAMS = 32
TURNS_OF_A_DAEMON = 5
count = itertools.count()


def say(text):
    print(text, file=sys.stderr, flush=True)


def figure(name, unit, value):
    print(f"{name}\t{unit}\t{value:.6g}\t-", flush=True)


def use_client_cpus():
    os.sched_setaffinity(0, map(int, os.environ["CLIENT_CPUS"].split(",")))


def get(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return answer.status, body.decode()


@contextlib.contextmanager
def daemon(models=None, **sections):
    """A running daemon on DAEMON_CPUS: (API port, observability port or None, pid). `sections` are of its configuration."""
    folder = WORK / f"daemon{next(count)}"
    folder.mkdir()
    config = {"api": {"listen": ["127.0.0.1:0"]}, "queue": {"deadline": "10m"},
              "models": models or [{"name": "bench", "path": MODEL, "threads": THREADS}], **sections}
    config["observability"] = {"listen": "127.0.0.1:0", **sections.get("observability", {})}
    (folder / "inferd.yaml").write_text(json.dumps(config))
    ports_file = folder / "ports.json"
    with open(folder / "stderr", "wb") as log:
        process = subprocess.Popen(["taskset", "-c", os.environ["DAEMON_CPUS"], BIN / "daemon/inferd", "--config", folder / "inferd.yaml",
                                    "--ports-file", ports_file], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                ports = json.loads(ports_file.read_text())
                if get(ports["api"], "/readyz")[0] == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "stderr").read_text()[-2000:])
            time.sleep(0.1)
        yield ports["api"], ports.get("observability"), process.pid
    finally:
        process.terminate()
        process.wait()


def tokens_per_second(port, turn, waves=1, answer=96):
    """Of the same work in each call of a turn: as many requests at a time as there are streams, greedy, each to its full length. The prompts of
    another turn are others, so that none is in the prefix cache."""
    def ask(stream):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for wave in range(waves):
            prompt = f"{turn:04} {stream:02} {wave:02}: " + "how many requests wait in the queue, and for how long?"
            connection.request("POST", "/v1/completions", json.dumps({"model": "bench", "prompt": prompt, "max_tokens": answer, "ignore_eos": True,
                                                                      "temperature": 0}), {"Content-Type": "application/json"})
            tokens.append(json.loads(connection.getresponse().read())["usage"]["completion_tokens"])
        connection.close()

    tokens, threads = [], [threading.Thread(target=ask, args=(n,)) for n in range(STREAMS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if tokens != [answer] * STREAMS * waves:
        raise SystemExit("not every request had its full answer")
    return sum(tokens) / seconds


def report_ratio(name, ratios):
    logs = list(map(math.log, ratios))
    figure(f"tokens/s, {name}", "ratio", math.exp(statistics.mean(logs)))
    figure(f"its standard error, {len(ratios)} pairs", "ratio", statistics.stdev(logs) / math.sqrt(len(logs)))
    figure("median", "ratio", statistics.median(ratios))


def compare_daemons(name, without, with_it):
    """`without` and `with_it`: (context manager of a daemon, function (ports of it, turn) that gives tokens per second). Two daemons of
    `without` take part and are divided by each other too: how far two that do the same differ is what the figure can say at all. Short runs
    in turns, each time in another order: what else the machine does then falls on all, and the mean over many says what is left. The
    daemons are new ones every few turns, because where a process happens to lie in memory counts too."""
    kinds = {"without": without, "other": without, "with": with_it}
    rates = {kind: [] for kind in kinds}
    while len(rates["with"]) < PAIRS:
        order = list(kinds)
        shift = len(rates["with"]) // TURNS_OF_A_DAEMON % len(order)
        with contextlib.ExitStack() as stack:
            ports = {kind: stack.enter_context(kinds[kind][0]()) for kind in order[shift:] + order[:shift]}
            for turn in range(TURNS_OF_A_DAEMON + 1):  # the first one warms up
                for kind in order[turn % len(order):] + order[:turn % len(order)]:
                    rate = kinds[kind][1](ports[kind], turn)
                    if turn > 0:
                        rates[kind].append(rate)
    say(f"{name}: {statistics.median(rates['without']):.0f} tokens/s without")
    report_ratio(name, [seen / math.sqrt(one * other) for one, other, seen in zip(rates["without"], rates["other"], rates["with"])])
    report_ratio(f"{name.split(' : ')[1]} : the same in another daemon", [one / other for one, other in zip(rates["without"], rates["other"])])
