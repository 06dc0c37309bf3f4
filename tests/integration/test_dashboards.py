"""Grafana's dashboards over a daemon at work: every query of every panel, as Grafana would ask it, of the daemon's own history and of each
Prometheus that is here and scrapes it. And the files against Grafana's own types of them."""
import asyncio
import contextlib
import copy
import json
import math
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.parse

import load
import npm
import prometheus
import receivers
from collector import Collector
from harness import PATIENCE, TEXT, eventually, request, tokens
from test_collectors import daemon_with_gpu

# Everything that a GPU can show (tests/fakes/nvml).
GPU = """
value nvmlDeviceGetUtilizationRates 50 20
value nvmlDeviceGetMemoryInfo_v2 1000 100 600 300
value nvmlDeviceGetTemperature:0 61
value nvmlDeviceGetFieldValues:82 71
value nvmlDeviceGetFieldValues:138 10
value nvmlDeviceGetFieldValues:139 20
value nvmlDeviceGetPowerUsage 300500
value nvmlDeviceGetEnforcedPowerLimit 700000
value nvmlDeviceGetTotalEnergyConsumption 2500
value nvmlDeviceGetClockInfo:1 1980
value nvmlDeviceGetClockInfo:2 3201
value nvmlDeviceGetCurrentClocksThrottleReasons 36
value nvmlDeviceGetViolationStatus:0 1500000000
value nvmlDeviceGetViolationStatus:1 0
value nvmlDeviceGetTotalEccErrors:0 7
value nvmlDeviceGetTotalEccErrors:1 1
value nvmlDeviceGetRemappedRows 2 1 1 0
value nvmlDeviceGetPcieThroughput:0 100
value nvmlDeviceGetPcieThroughput:1 200
value nvmlDeviceGetPcieReplayCounter 3
value nvmlDeviceGetComputeRunningProcesses_v3 0 4096 77 1000
value nvmlGpmQueryDeviceSupport 1
value nvmlGpmMetricsGet:2 88
value nvmlGpmMetricsGet:3 30
value nvmlGpmMetricsGet:5 41.5
value nvmlGpmMetricsGet:10 55
"""
# Series that not every machine can give, and why: only where /metrics has none of them a query of them may find nothing.
MAY_BE_ABSENT = {
    "inferd_cgroup_memory_bytes": "the machine of the test may have no cgroup of version 2",
    "inferd_cgroup_memory_limit_bytes": "the cgroup of the test may have no limit",
    "inferd_cgroup_cpu_throttled_seconds_total": "the machine of the test may have no cgroup of version 2",
    "inferd_host_cpu_pressure_ratio": "the kernel may be built without PSI",
    "inferd_host_memory_pressure_ratio": "the kernel may be built without PSI",
    "inferd_host_io_pressure_ratio": "the kernel may be built without PSI",
    "inferd_host_energy_joules_total": "RAPL is not on every machine, and often only root may read it",
}
# One that fires when there is load: then there are alerts to show and messages to count.
RULES = {"groups": [{"name": "test", "rules": [
    {"alert": "Loaded", "expr": "sum(inferd_requests_received_total) > 0", "for": "2s", "labels": {"severity": "critical"}},
    {"alert": "Waits", "expr": "sum(inferd_requests_received_total) > 0", "for": "1h", "labels": {"severity": "warning"}}]}]}
RANGE_SECONDS = 60


def dashboards(setup):
    found = [json.loads(path.read_text()) for path in sorted((setup.root / "grafana/dashboards").glob("*.json"))]
    assert len(found) >= 4, len(found)
    return found


def queries(dashboard):
    """(where, expression, name of its lines, whether it is asked for one moment)."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{dashboard['uid']}: {panel['title']} {target['refId']}", target["expr"], target["legendFormat"], target["instant"]
    for note in dashboard["annotations"]["list"]:
        yield f"{dashboard['uid']}: annotation {note['name']}", note["expr"], note["titleFormat"] + note["textFormat"], False


def chosen(*values):
    """What Grafana puts in for a variable of several values that stands in a regular expression."""
    quoted = [re.sub(r"[\\^$*+?.()|\[\]{}'/]", r"\\\\\g<0>", value) for value in values]
    return quoted[0] if len(quoted) == 1 else f"({'|'.join(quoted)})"


def filled_in(expr, instance, model):
    # Grafana's $__rate_interval is four times the time between two scrapes, which is 5 s in the data sources that are shipped.
    for name, value in (("$instance", instance), ("$model", model), ("$__rate_interval", "20s"), ("$__range", f"{RANGE_SECONDS}s")):
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def ask(port, path, **parameters):
    """As Grafana does, by POST; the data, or what is wrong."""
    answer = request(port, "POST", f"/api/v1/{path}", urllib.parse.urlencode(parameters), {"Content-Type": "application/x-www-form-urlencoded"})
    return answer.json()["data"]["result"] if answer.status == 200 else answer


def numbers(series):
    return [float(value) for _, value in series.get("values", [series.get("value")])]


def faults_of(port, expr, legend, instant, at):
    """Why a panel with this query would be empty, or its lines without names."""
    answers = [ask(port, "query_range", query=expr, start=at - RANGE_SECONDS, end=at, step=1)]
    if instant:
        answers.append(ask(port, "query", query=expr, time=at))
    for result in answers:
        if not isinstance(result, list):
            return f"is refused: {result}"
        drawn = [series for series in result if not all(math.isnan(n) for n in numbers(series))]
        if not drawn:
            return "finds nothing" if not result else "finds no number"
        missing = [label for label in re.findall(r"\{\{(\w+)\}\}", legend) if not any(label in series["metric"] for series in drawn)]
        if missing:
            return f"has no label {', '.join(missing)}"
    return None


def look(setup, port, instance, model, absent, unnamed=()):
    """Asks everything; (how much was asked, what failed)."""
    at, asked, faults = time.time(), 0, []
    for dashboard in dashboards(setup):
        for where, expr, legend, instant in queries(dashboard):
            for label in unnamed:
                legend = legend.replace(f"{{{{{label}}}}}", "")
            fault = faults_of(port, filled_in(expr, instance, model), legend, instant, at)
            asked += 1
            if fault and not (fault == "finds nothing" and any(name in expr for name in absent)):
                faults.append(f"{where} {fault}: {filled_in(expr, instance, model)}")
    return asked, faults


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out",
                    folder / "certificate.pem", "-days", "90", "-subj", "/CN=inferd.test"], check=True, capture_output=True)
    return str(folder / "certificate.pem")


class Load:
    """Four clients, each with one request after the other, until the end."""

    def __init__(self, d):
        self.d, self.end = d, threading.Event()

    async def clients(self):
        async def client():
            while not self.end.is_set():
                await load.ask(self.d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": tokens(24)}, 60)

        await asyncio.gather(*(client() for _ in range(4)))

    def __enter__(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self.clients()))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def test_every_query_finds_data(setup):
    with contextlib.ExitStack() as stack:
        tmp = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inferd-dashboards-")))
        hook = receivers.Webhook()
        stack.callback(hook.close)
        traces = stack.enter_context(Collector())
        rules = tmp / "rules.yml"
        rules.write_text(json.dumps(RULES))
        d = stack.enter_context(daemon_with_gpu(setup, GPU, tmp, {
            "observability": {"interval": "500ms", "certificates": [certificate(tmp)]}, "tracing": {"otlp": traces.url},
            "alerts": {"rules": [str(rules)], "interval": "500ms", "notify": [{"webhook": {"url": hook.url}, "name": "hook", "group_wait": "0s"}]}},
            {"NOTIFY_SOCKET": f"@inferd-dashboards-{os.getpid()}", "WATCHDOG_USEC": "2000000"}))  # nobody has to listen
        # Nothing may have happened before the scrapes begin: what is counted from then on is a rate.
        servers = []
        for program, _ in prometheus.programs():
            servers.append(prometheus.Prometheus({"inferd": d.observability}, program=program))
            stack.callback(servers[-1].close)
        ports = [d.observability, *(server.port for server in servers)]
        for server in servers:
            eventually(lambda server=server: (server.value("count_over_time(inferd_requests_running{model='demo'}[1m])") or 0) >= 2, 30,
                       "Prometheus scrapes the daemon")
        with Load(d):
            # Until the slowest are seen twice: alerts and their messages, what is read from the GPU more seldom, energy.
            for query in ('inferd_alerts{alertname="Loaded",state="firing"} == 1', 'increase(inferd_notifications_total{outcome="ok"}[1m]) > 0',
                          "count_over_time(inferd_gpu_pcie_bytes_per_second[1m]) > 1", "increase(inferd_energy_joules_total[1m]) >= 0",
                          "sum(increase(inferd_generated_tokens_total[1m])) > 20", "inferd_watchdog_feeds_total > 2",
                          'increase(inferd_spans_exported_total{outcome="exported"}[1m]) > 0'):
                for port in ports:
                    eventually(lambda port=port, query=query: ask(port, "query", query=query), 60, f"{query} at port {port}")
            shown = d.metrics()
            absent = [name for name in MAY_BE_ABSENT if not shown.has(name)]
            for name in absent:
                print(f"  not on this machine: {name}: {MAY_BE_ABSENT[name]}")
            instance = f"127.0.0.1:{d.observability}"
            selections = [(d.observability, ".*", ".*"), (d.observability, ".*", chosen("demo"))]
            for server in servers:
                selections += [(server.port, ".*", ".*"), (server.port, chosen(instance), chosen("demo", "other"))]
            for port, of_instance, of_model in selections:
                # The daemon's own series have no label instance, which is what Prometheus calls it.
                asked, faults = look(setup, port, of_instance, of_model, absent, ("instance",) if port == d.observability else ())
                name = f"{'the daemon' if port == d.observability else 'Prometheus'}, instance {of_instance}, model {of_model}"
                print(f"  {name}: {asked} queries, {len(faults)} faults")
                assert asked > 150, asked
                assert not faults, f"{len(faults)} of {asked} queries, asked of {name}:\n    " + "\n    ".join(faults)
            # What is not there is told from what is: the check can fail.
            for port in ports:
                at = time.time()
                assert faults_of(port, 'inferd_requests_running{model="nobody"}', "", True, at) == "finds nothing"
                assert faults_of(port, "sum(inferd_requests_running) * NaN", "", False, at) == "finds no number"
                assert faults_of(port, "inferd_requests_running", "{{modle}}", False, at) == "has no label modle"
                assert faults_of(port, "rate(inferd_requests_running)", "", False, at).startswith("is refused: 400")

            # What the variables at the top offer.
            now = {"start": time.time() - RANGE_SECONDS, "end": time.time()}
            for port, label, match, expected in [(d.observability, "instance", "inferd_build_info", []),
                                                 *((server.port, "instance", "inferd_build_info", [instance]) for server in servers),
                                                 *((port, "model", 'inferd_queue_capacity{instance=~".*"}', ["demo"]) for port in ports)]:
                answer = request(port, "GET", f"/api/v1/label/{label}/values?{urllib.parse.urlencode({'match[]': match, **now})}", timeout=10 * PATIENCE)
                assert answer.status == 200 and answer.json()["data"] == expected, (port, label, answer)


def test_grafanas_own_types_take_them(setup):
    """The JSON model, as Grafana publishes it for TypeScript; what it does not know is an error."""
    home = npm.installed("grafana")
    good = dashboards(setup)
    spoilt = []
    for change in (lambda d: d.update(__inputs=[]), lambda d: d.pop("schemaVersion"), lambda d: d["panels"][1].update(type="piechart"),
                   lambda d: d["panels"][1]["options"].update(colourMode="none"), lambda d: d["panels"][1]["options"].update(textMode="loud"),
                   lambda d: d["panels"][1]["fieldConfig"]["defaults"].update(units="s"), lambda d: d["panels"][1]["gridPos"].pop("w"),
                   lambda d: d["templating"]["list"][1].update(includeAll="yes"), lambda d: d["links"][0].update(type="dashboard")):
        spoilt.append(copy.deepcopy(good[-1]))
        change(spoilt[-1])
    with tempfile.TemporaryDirectory(prefix="inferd-dashboards-") as name:
        files = []
        for i, dashboard in enumerate(good + spoilt):
            files.append(pathlib.Path(name) / f"{i}.ts")
            files[-1].write_text(f"import type {{ Dashboard }} from '{home}/model.ts';\n"
                                 f"export const dashboard: Dashboard = {json.dumps(dashboard, ensure_ascii=False)};\n")
        done = subprocess.run(["node", home / "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
                               "--moduleResolution", "bundler", "--allowImportingTsExtensions", "--target", "es2022", *files],
                              capture_output=True, text=True, check=False, cwd=name, timeout=120 * PATIENCE)
        faults = dict.fromkeys(range(len(files)), "")
        for line in done.stdout.splitlines():
            if match := re.match(r"(\d+)\.ts\(", line):
                faults[int(match.group(1))] += line + "\n"
            else:
                assert line.startswith(" "), line
        for i, dashboard in enumerate(good):
            assert not faults[i], f"{dashboard['uid']}:\n{faults[i][:3000]}"
        assert all(faults[i] for i in range(len(good), len(files))), f"what is wrong is not seen: {faults}"
