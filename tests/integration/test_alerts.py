"""The daemon as its own monitoring: history, rules over it, alerts by fault and their end, Prometheus's HTTP API, restarts and reloads."""
import contextlib
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.parse

import harness
import prometheus
from harness import TEXT, eventually, request
from test_health import breakable, send_only

# Short intervals: a round takes about 5 ms.
FAST = {"observability": {"interval": "100ms"}, "alerts": {"interval": "100ms"}}

STALLED = """
groups:
  - name: test
    rules:
      - alert: EngineStalled
        expr: inferd_engine_state{state="stalled"} == 1
        for: 500ms
        labels: {severity: critical}
        annotations: {summary: "the engine of {{ $labels.model }} stands still"}
"""
LONG = """
groups:
  - name: test
    rules:
      - alert: Always
        expr: inferd_ticker_rounds_total >= 0
        for: %s
        labels: {severity: warning}
"""


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="inferd-alerts-") as name:
        yield pathlib.Path(name)


def with_rules(path, text):
    path.write_text(text)
    return {**FAST, "alerts": {"interval": "100ms", "rules": [str(path)]}}


def api(d, path, **parameters):
    answer = d.observe(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    assert answer.status == 200, answer
    return answer.json()["data"]


def query(d, expression, **parameters):
    return [(r["metric"], r["value"][1]) for r in api(d, "query", query=expression, **parameters)["result"]]


def alerts(d):
    """name -> state."""
    return {a["labels"]["alertname"]: a["state"] for a in api(d, "alerts")["alerts"]}


def test_a_stalled_engine_fires_and_resolves(setup):
    with folder() as tmp, breakable(setup, tmp, with_rules(tmp / "rules.yml", STALLED), {"STATE_DIRECTORY": str(tmp)}) as (d, faults):
        assert d.metrics().sum("inferd_rules", kind="alerting") == 1
        assert alerts(d) == {}
        faults.set("stall")
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}) as s:
            eventually(lambda: alerts(d) == {"EngineStalled": "firing"}, 20, "the alert fires")
            assert d.metrics().sum("inferd_alerts", alertname="EngineStalled", severity="critical", state="firing") == 1
            found = query(d, 'ALERTS{alertname="EngineStalled"}')
            assert [(m["alertstate"], m["model"], v) for m, v in found] == [("firing", "demo", "1")], found
            shown = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "alerts")
            assert shown.returncode == 1 and "the engine of demo stands still" in shown.stdout, shown
            # What was seen when it began is kept, and the log says where.
            saved = eventually(lambda: list((tmp / "flight").glob("flight-*.txt")), 10, "the flight data is saved")[0]
            evidence = saved.read_text()
            for part in ("critical alert: EngineStalled", "# demo: in this step for", "inferd_engine_state{", "\n# step "):
                assert part in evidence, (part, evidence[:2000])
            eventually(lambda: f"flight data saved to {saved}" in d.log(), 10, "the log names it")
            faults.clear()
            s.settimeout(30)
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
        eventually(lambda: alerts(d) == {}, 20, "it is resolved")
        assert d.metrics().sum("inferd_alerts", alertname="EngineStalled") == 0
        assert query(d, "ALERTS") == []
        # It was pending before it fired, and the history knows.
        states = {r["metric"]["alertstate"] for r in api(d, "query", query="ALERTS[5m]")["result"]}
        assert states == {"pending", "firing"}, states
        d.says('"event":"alert_fires"', '"event":"alert_resolved"')
        shown = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "alerts")
        assert shown.returncode == 0 and "no alerts" in shown.stdout, shown
        assert d.stop() == 0


def test_a_kill_keeps_the_progress_of_for(setup):
    with folder() as tmp:
        config = with_rules(tmp / "rules.yml", LONG % "1h")
        with setup.daemon(config, environment={"STATE_DIRECTORY": str(tmp)}) as d:
            def active_at():
                found = api(d, "alerts")["alerts"]
                return found[0]["activeAt"] if found else None

            before = eventually(active_at, 10, "the alert is pending")
            held = lambda: json.loads((tmp / "alerts.json").read_text())  # noqa: E731
            saved = eventually(lambda: (tmp / "alerts.json").exists() and held()["groups"] and held(), 10, "it is kept")
            since = saved["groups"][0]["rules"][0]["alerts"][0]["active_at"]
            eventually(lambda: held()["at"] - since > 2000, 20, "it has been pending for two seconds")
            d.send(signal.SIGKILL)
            d.wait_end()
            last = held()
            d.start()
            eventually(lambda: active_at() is not None, 10, "it is pending again")
            now = held()
            eventually(lambda: held()["at"] > last["at"], 10, "a round after the restart is kept")
            now = held()
            alert = now["groups"][0]["rules"][0]["alerts"][0]
            # What it had held before the kill still counts; the pause does not. A round may have been lost.
            progress = last["at"] - since
            shift = alert["active_at"] - since
            assert alert["state"] == "pending" and 0 < shift < now["at"] - since, (before, alert, last["at"])
            assert now["at"] - alert["active_at"] >= progress, (progress, now["at"], alert)


def test_the_history_outlives_a_clean_stop(setup):
    with folder() as tmp, setup.daemon(FAST, environment={"STATE_DIRECTORY": str(tmp)}) as d:
        eventually(lambda: query(d, "inferd_ticker_rounds_total > 5"), 20, "some rounds")
        assert d.stop() == 0
        assert (tmp / "history").stat().st_size > 1000
        d.start()
        d.says("history restored")
        # The process before is still there, and its series has an end.
        starts = api(d, "query", query="count_values('t', max_over_time(process_start_time_seconds[5m])) or vector(0)")
        assert starts["result"], starts
        changed = eventually(lambda: query(d, "changes(process_start_time_seconds[5m]) > 0"), 20, "both processes are in one series")
        assert changed
        assert d.stop() == 0
        (tmp / "history").write_bytes((tmp / "history").read_bytes()[:-7])
        d.start()
        d.says("the history begins anew")
        assert (tmp / "history.unreadable").exists()
        assert d.stop() == 0


def test_a_reload_of_rules_is_whole_or_not_at_all(setup):
    with folder() as tmp:
        rules = tmp / "rules.yml"
        with setup.daemon(with_rules(rules, LONG % "0s")) as d:
            eventually(lambda: alerts(d) == {"Always": "firing"}, 10, "it fires")
            (tmp / "more.yml").write_text(LONG.replace("Always", "Other") % "0s")
            config = with_rules(rules, "groups:\n  - name: test\n    rules:\n      - {alert: Broken, expr: 'up =='}\n")
            config["alerts"]["rules"] = [str(tmp / "*.yml")]
            d.write_config(config)
            d.send(signal.SIGHUP)
            eventually(lambda: d.metrics().sum("inferd_config_last_reload_successful") == 0, 10, "the reload is refused")
            d.says(f"{rules}:4:31: could not parse expression: 1:")
            assert alerts(d) == {"Always": "firing"}, "the sound file of the two is not taken either"
            rules.write_text(LONG.replace("Always", "New") % "0s")
            d.send(signal.SIGHUP)
            eventually(lambda: alerts(d) == {"New": "firing", "Other": "firing"}, 10, "the new rules are judged")
            assert d.metrics().sum("inferd_config_last_reload_successful") == 1
            assert query(d, 'ALERTS{alertname="Always"}') == []
            assert d.stop() == 0


def test_bad_rules_are_found_before_they_are_used(setup):
    with folder() as tmp:
        (tmp / "rules.yml").write_text("groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'sum('}\n")
        d = setup.configuration()
        d["alerts"] = {"rules": [str(tmp / "rules.yml")]}
        (tmp / "inferd.yaml").write_text(json.dumps(d))
        done = setup.run(setup.inferd, "--config", tmp / "inferd.yaml", "--check")
        assert done.returncode == 2 and "rules.yml:4:22: could not parse expression: 1:" in done.stderr, done


def test_the_rounds_keep_their_pace(setup):
    with setup.daemon(FAST) as d:
        eventually(lambda: query(d, "inferd_ticker_rounds_total >= 30"), 30, "thirty rounds")
        points = api(d, "query", query="inferd_ticker_rounds_total[10m]")["result"][0]["values"]
        steps = [round((b[0] - a[0]) * 1000) for a, b in zip(points, points[1:])]
        # On the grid, wherever the machine's load let them; a round that was left out is a step of two.
        total = round((points[-1][0] - points[0][0]) * 1000)
        rounds = int(float(points[-1][1]) - float(points[0][1])) + int(d.metrics().sum("inferd_ticker_overruns_total"))
        assert total >= (len(points) - 1) * 100 - 100 and min(steps) > 0, (total, steps)
        assert total <= (rounds + 2) * 100, (total, rounds)


def test_shipped_rules_are_judged_by_default(setup):
    with setup.daemon(FAST) as d:
        eventually(lambda: all(r["health"] == "ok" for g in api(d, "rules")["groups"] for r in g["rules"]), 20, "every rule has been judged")
        groups = api(d, "rules")["groups"]
        assert sum(len(g["rules"]) for g in groups) > 60, [g["name"] for g in groups]
        assert d.metrics().sum("inferd_rule_failures_total") == 0
        firing = [name for name, state in alerts(d).items() if state == "firing"]
        assert firing == [], firing


def test_promtool_asks_the_daemon(setup):
    promtool = prometheus.tool("promtool")
    d = setup.shared()
    url = f"http://127.0.0.1:{d.observability}"
    eventually(lambda: query(d, "inferd_rules"), 20, "a round")

    def ask(*arguments):
        done = subprocess.run([promtool, "query", *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        return done.stdout

    assert 'kind="alerting"' in ask("instant", url, "inferd_rules")
    assert "inferd_build_info" in ask("range", url, "inferd_build_info", "--step=1s")
    assert ask("series", "--match=inferd_rules", url).count("inferd_rules") == 2
    assert "critical" in ask("labels", url, "severity")
    done = subprocess.run([promtool, "query", "instant", url, "sum("], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "unclosed left parenthesis" in done.stderr, done


def test_the_api_has_limits_and_error_shapes(setup):
    d = setup.shared()
    for method, path, body in (("GET", "/api/v1/query?query=sum(", None), ("POST", "/api/v1/query", "query=sum(")):
        answer = request(d.observability, method, path, body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 400 and answer.json()["status"] == "error" and answer.json()["errorType"] == "bad_data", answer
    now = int(time.time())
    answer = d.observe(f"/api/v1/query_range?query=up&start={now - 11000}&end={now}&step=1")
    assert answer.status == 400 and "11,000 points" in answer.json()["error"], answer
    answer = d.observe("/api/v1/query?query=up&timeout=0")
    assert answer.status == 503 and answer.json()["errorType"] == "timeout", answer
    long = request(d.observability, "POST", "/api/v1/query", "query=" + "1%2B" * 100_000 + "1",
                   headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert long.status == 400 and "longer than" in long.json()["error"], long
    nested = request(d.observability, "POST", "/api/v1/query", "query=" + "(" * 30_000, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert nested.status == 400, nested
    assert request(d.observability, "PUT", "/api/v1/query?query=1").status == 405
    assert d.observe("/api/v1/write").status == 404
    # Whatever label is asked for, it is one route.
    assert d.observe("/api/v1/label/some_label/values").status == 200
    assert d.metrics().sum("inferd_http_requests_total", plane="observability", route="/api/v1/label/values", code="200") >= 1
    d.assert_serves()


def test_inferctl_asks_the_daemon(setup):
    d = setup.shared()
    at = ("--observe", f"http://127.0.0.1:{d.observability}")
    eventually(lambda: query(d, "inferd_rules"), 20, "a round")
    done = setup.run(setup.inferctl, *at, "query", "inferd_rules")
    assert done.returncode == 0 and 'inferd_rules{kind="alerting"}' in done.stdout, done
    done = setup.run(setup.inferctl, *at, "query", "1 + 1", "--json")
    assert json.loads(done.stdout)["data"]["result"][1] == "2", done
    done = setup.run(setup.inferctl, *at, "query", "inferd_rules", "--range", "1m", "--step", "5s")
    assert done.returncode == 0 and 'kind="recording"' in done.stdout, done
    done = setup.run(setup.inferctl, *at, "query", "sum(")
    assert done.returncode == 1 and "unclosed left parenthesis" in done.stderr, done
    done = setup.run(setup.inferctl, "rules", "check", *sorted((setup.root / "alerts/rules").glob("*.yml")))
    assert done.returncode == 0 and "daemon.yml: good" in done.stdout, done
    done = setup.run(setup.inferctl, "rules", "test", *sorted((setup.root / "alerts/rules/tests").glob("*.yml")))
    assert done.returncode == 0 and done.stdout.endswith(" passed, 0 failed\n"), done
