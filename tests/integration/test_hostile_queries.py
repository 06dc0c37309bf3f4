"""Queries and rule files that are built to hurt: each is refused or bounded, with a limit on the daemon's memory, and the next client is
served."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import tempfile
import threading
import time
import urllib.parse

from harness import PATIENCE, SLOW, eventually, request

ALL = '{__name__=~".+"}'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# AddressSanitizer keeps up to 256 MiB of what was freed.
MEMORY = (400 + (256 if SLOW else 0)) * 2**20  # that a query, or four at once, may take for a while; what the daemon itself needs is about a tenth


def nested(before, inside, after, times):
    return before * times + inside + after * times


def instant():
    """Name -> query."""
    grow = 'label_replace(inferd_build_info, "x", "aaaaaaaaaaaaaaaa", "", "")'
    for _ in range(12):
        grow = f'label_replace({grow}, "x", "$1$1$1$1$1$1$1$1", "x", "(.*)")'
    label = 'label_replace(inferd_build_info, "x", "' + "a" * 30_000 + '", "", "")'
    label = f'label_replace({label}, "x", "$1$1$1$1$1$1$1$1", "x", "(.*)")'
    joined = 'label_replace(inferd_build_info, "x", "aaaaaaaaaaaaaaaa", "", "")'
    for _ in range(24):
        joined = f'label_join({joined}, "x", "x", "x", "x", "x")'
    return {
        "parentheses": nested("(", "1", ")", 20_000),
        "minus signs": "-" * 50_000 + "1",
        "powers": "^".join(["2"] * 20_000),
        "calls": nested("abs(", "up", ")", 10_000),
        "aggregations": nested("sum(", "up", ")", 10_000),
        "subqueries": nested("max_over_time(", "inferd_build_info", "[1h:1s])", 12),
        "braces that stay open": "{" * 50_000,
        "a text that stays open": '"' + "a" * 60_000,
        "a range of an age": f"count_over_time({ALL}[100y])",
        "a range over all": f"{ALL}[290y]",
        "a subquery of milliseconds": f"count_over_time({ALL}[1d:1ms])",
        "a subquery of an age": "max_over_time(vector(1)[100y:1s])",
        "an offset of an age": "inferd_build_info offset -290y",
        "the end of time": "inferd_build_info @ 9223372036854775807",
        "infinity": "inferd_build_info @ Inf",
        "an expression that backtracks": '{__name__=~"(a*)*b(.*.*.*.*.*)*c"}',
        "an expression of repetitions": '{__name__=~"((((a{1,100}){1,100}){1,100}){1,100})"}',
        "a long expression": '{__name__=~"' + "(x|" * 5_000 + "y" + ")" * 5_000 + '"}',
        "an expression of all letters": '{__name__=~"' + "[\\\\p{L}]?" * 4_000 + '"}',
        "everything with everything": f'{ALL} + on () group_left {ALL}',
        "everything and everything": " or ".join([ALL] * 40),
        "values as labels": nested('count_values("v", ', ALL, ")", 30),
        "a label that grows": grow,
        "a label that is joined": joined,
        "labels without end": nested("label_join(", ALL, ', "a", ",", "__name__", "a", "a")', 60),
        "a thousand hungry expressions": "{" + ",".join(f'l{i}!~"(.*a.{{9}}|[\\\\p{{L}}]{{20}}){i}"' for i in range(1000)) + "}",
        "expressions as large as may be": "{" + ",".join(f'__name__!~"(.?[\\\\p{{L}}]?){{{20 + i}}}x"' for i in range(16)) + "}",
        "a large expression over a long label": f'label_replace({label}, "y", "$1", "x", "(.*)(.?[\\\\p{{L}}]?){{60}}b")',
        "a thousand matchers": "{" + ",".join(f'l{i}!~"x.*{i}"' for i in range(1000)) + "}",
        "sorting all by quantile": f"quantile_over_time(0.5, quantile by (__name__) (0.5, {ALL})[10m:1s])",
        "numbers as bounds": "topk(1e300, inferd_build_info) + bottomk(-1e300, inferd_build_info)",
    }


def ask(d, query, **fields):
    path = "query_range" if "start" in fields else "query"
    body = urllib.parse.urlencode({"query": query, "timeout": "3s", **fields})
    begun = time.monotonic()
    answer = request(d.observability, "POST", f"/api/v1/{path}", body, headers=FORM, timeout=60)
    return answer, time.monotonic() - begun


def ask_for_long_windows(d, **fields):
    """A million samples at each of ten thousand steps, within the limit on samples: hours of work."""
    now = time.time()
    return ask(d, "quantile_over_time(0.5, vector(1)[1000s:1ms])", start=now - 100, end=now, step=0.01, **fields)


def peak(d):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{d.process.pid}/status").read_text()).group(1)) * 1024


def assert_sound(name, answer):
    if answer.status == 200:
        assert answer.json()["status"] == "success", (name, answer)
    else:
        assert answer.status in (400, 422, 503), (name, answer)
        error = answer.json()
        assert error["status"] == "error" and error["errorType"] and error["error"], (name, answer)
        assert len(answer.body) < 100_000, f"{name}: a refusal of {len(answer.body)} bytes"


def test_queries_that_are_built_to_hurt(setup):
    with setup.daemon({"observability": {"interval": "200ms"}}) as d:
        eventually(lambda: d.metrics().sum("inferd_ticker_rounds_total") > 20, 60, "some history")
        before = peak(d)
        statuses = {}
        for name, query in instant().items():
            answer, seconds = ask(d, query)
            assert d.alive(), f"{name} ended the daemon:\n{d.log()[-2000:]}"
            assert_sound(name, answer)
            assert seconds < 20 * PATIENCE, f"{name} took {seconds:.1f} s"
            assert peak(d) < before + MEMORY, f"{name}: from {before >> 20} to {peak(d) >> 20} MiB"
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        now = time.time()
        for name, query in {"all at every step": ALL, "products at every step": f"{ALL} * 2 + {ALL}", **instant()}.items():
            answer, seconds = ask(d, query, start=now - 10_000, end=now, step=1)
            assert_sound(name, answer)
            assert seconds < 20 * PATIENCE, f"{name} took {seconds:.1f} s"
            assert peak(d) < before + MEMORY, f"{name}, as a range: from {before >> 20} to {peak(d) >> 20} MiB"
        answer, seconds = ask_for_long_windows(d)
        assert answer.status == 503 and answer.json()["errorType"] == "timeout", answer
        assert seconds < 20 * PATIENCE, seconds
        print(f"  {statuses}; memory from {before >> 20} to {peak(d) >> 20} MiB at most")
        d.assert_serves()


def query_seconds(d):
    """Processor time that the threads of queries have taken."""
    ticks = 0
    for thread in pathlib.Path(f"/proc/{d.process.pid}/task").iterdir():
        name, _, rest = (thread / "stat").read_text().rpartition(")")
        if name.endswith("(query"):
            ticks += int(rest.split()[11])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_the_end_does_not_wait_for_a_query(setup):
    with setup.daemon({"observability": {"query_timeout": "1h"}}) as d:
        def client():
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask_for_long_windows(d, timeout="1h")
        thread = threading.Thread(target=client)
        thread.start()
        eventually(lambda: query_seconds(d) > 0.3, 60, "the query runs")
        d.send(signal.SIGTERM)
        assert d.wait_end() == 0
        thread.join()


def test_thousands_of_selectors_end_in_time(setup):
    with setup.daemon({"observability": {"interval": "200ms"}}) as d:
        eventually(lambda: d.metrics().sum("inferd_ticker_rounds_total") > 2, 60, "some history")
        selectors = "&".join(["match[]=" + urllib.parse.quote('{__name__=~".+"}')] * 6000)
        for path in ("series", "labels", "label/job/values"):
            answer = request(d.observability, "POST", f"/api/v1/{path}", "timeout=50ms&" + selectors, headers=FORM, timeout=60)
            assert answer.status == 503 and answer.json()["errorType"] == "timeout", (path, answer)


def test_many_hostile_queries_at_once(setup):
    with setup.daemon({"observability": {"interval": "200ms"}}) as d:
        eventually(lambda: d.metrics().sum("inferd_ticker_rounds_total") > 20, 60, "some history")
        before, now, answers = peak(d), time.time(), []

        def client(number):
            for query in (f"{ALL} * {number}", f"quantile_over_time(0.5, {ALL}[10m:1s])", f'count_values("v", {ALL})'):
                answers.append(ask(d, query, start=now - 10_000, end=now, step=1)[0])

        clients = [threading.Thread(target=client, args=(n,)) for n in range(12)]
        for c in clients:
            c.start()
        # Probes and scrapes go on meanwhile, and so does the ticker.
        rounds = d.metrics().sum("inferd_ticker_rounds_total")
        eventually(lambda: d.metrics().sum("inferd_ticker_rounds_total") > rounds, 20, "the ticker goes on")
        assert d.observe("/livez").status == 200
        for c in clients:
            c.join()
        assert len(answers) == 36
        for answer in answers:
            assert answer.status in (200, 400, 422, 429, 503), answer
        print(f"  {sorted(a.status for a in answers)}; memory from {before >> 20} to {peak(d) >> 20} MiB at most")
        assert peak(d) < before + 2 * MEMORY, f"from {before >> 20} to {peak(d) >> 20} MiB"
        d.assert_serves()


def test_rules_that_are_built_to_hurt(setup):
    """Files that parse are judged within the limits of a query; the others are refused with a place."""
    with tempfile.TemporaryDirectory(prefix="inferd-hostile-") as name:
        folder = pathlib.Path(name)
        bad = {
            "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
                f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join([f"*{chr(97 + i)}"] * 9) + "]\n" for i in range(9)) + "groups: *j\n",
            "deep": "groups: " + "[" * 20_000,
            "deeper": "groups:\n- name: g\n  rules:\n  - {record: a, expr: '" + "(" * 20_000 + "1" + ")" * 20_000 + "'}\n",
            "large": "groups:\n" + "# " + "x" * (5 << 20) + "\n",
            "an expression": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up{a=~\"((a{1,1000}){1,1000}){1,1000}\"}'}\n",
        }
        for kind, text in bad.items():
            path = folder / "rules.yml"
            path.write_text(text)
            done = setup.run(setup.inferctl, "rules", "check", path)
            assert done.returncode == 1 and "rules.yml" in done.stdout + done.stderr, (kind, done.returncode, done.stdout[-500:], done.stderr[-500:])
            assert len(done.stdout + done.stderr) < 100_000, kind
        (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "explosion", "rules": [
            {"record": "copies", "expr": f'label_replace({ALL}, "was", "$1", "__name__", "(.*)")'},
            {"alert": "All", "expr": f'label_replace({ALL}, "was", "$1", "__name__", "(.*)")', "annotations": {"x": "{{ range query \"ALERTS\" }}{{ . }}{{ end }}"}},
            {"alert": "Values", "expr": f'count_values("v", {ALL})', "labels": {"at": "{{ $value }}"}},
            {"record": "subquery", "expr": f"max_over_time({ALL}[1d:1ms])"}]}]}))
        config = {"observability": {"interval": "200ms"}, "alerts": {"interval": "200ms", "rules": [str(folder / "rules.yml")]}}
        with setup.daemon(config) as d:
            eventually(lambda: d.metrics().sum("inferd_rule_failures_total") >= 10, 120, "the rules have been judged and bounded")
            assert peak(d) < 1024 * 2**20, f"{peak(d) >> 20} MiB"
            metrics = d.metrics()
            assert metrics.sum("inferd_history_series") <= 20_000, "the history is bounded"
            print(f"  {metrics.sum('inferd_history_series'):.0f} series in the history, {peak(d) >> 20} MiB")
            d.assert_serves()
