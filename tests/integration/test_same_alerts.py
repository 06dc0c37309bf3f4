"""The same rules over the same series in the daemon's evaluator and in Prometheus: the same alerts in the same states, with the same texts,
and the same recordings, at every evaluation. promtool evaluates as the server does and takes any series; what inferctl finds is written
down as what is expected, and promtool must find exactly that."""
import json
import pathlib
import random
import re
import subprocess
import tempfile

import harness
import prometheus

CASES = 64
CASES_OF_ELDER = 8  # Debian 12's: what it might judge differently is in the queries, which test_promql compares
STEPS = 40
# No range, offset or lookback (5 min) is a multiple of it: on the edges Prometheus 2 and 3 differ by intention.
STEP = 7  # seconds
EVERYTHING = '{__name__=~"ALERTS|ALERTS_FOR_STATE|rec:.*"}'


def duration(rng):
    """On the grid, where the last evaluation that counts must count, and beside it."""
    return rng.choice(("0s", "7s", "14s", "21s", "35s", "10s", "30s", "1m"))


def values(rng):
    """In the notation of promtool: a walk over small whole numbers (sums of them are exact) with gaps, ends and constant stretches."""
    level, out = rng.randint(0, 10), []
    while len(out) < STEPS:
        kind = rng.random()
        if kind < 0.05:
            out += ["_"] * rng.randint(1, 4)
        elif kind < 0.08:
            out.append("stale")
        elif kind < 0.2:
            out += [str(level)] * rng.randint(2, 6)
        else:
            level = max(0, level + rng.choice((-4, -2, -1, 0, 1, 2, 4)))
            out.append(str(level))
    return " ".join(out[:STEPS])


def expressions(rng, recorded):
    limit = rng.randint(2, 9)
    found = [f"m > {limit}", f"m < {limit}", f'm{{a="x"}} >= {limit}', f"sum by (a) (m) > {2 * limit}", f"m > {limit} and on (a) n < 8",
             f"m unless on (a) n > {limit}", f"max_over_time(m[50s]) > {limit + 3}", f"changes(m[100s]) > {limit}", f"delta(m[50s]) * 0 == 0 and m > {limit}",
             'absent(m{a="x",b="p"})', f"count(m > {limit}) > 2", f"topk by (a, b) (1, m) > {limit}", f"m offset 30s > {limit}", "vector(1)",
             f"m == {limit}", f"sum(m) > bool {6 * limit}", f"count by (b) (m) != 3", f"m > on (a) group_left n"]
    for name in recorded:
        found += [f"{name} > {limit}", f"{name} offset 10s > {limit}", f"max_over_time({name}[50s]) >= {limit}", f"absent({name})"] * 2
    return rng.choice(found)


def rules(rng, major):
    """One file: recordings that build on recordings, alerts on series, on recordings and on other alerts."""
    recorded, alerts, groups = [], [], []
    for g in range(rng.randint(1, 3)):
        group = {"name": f"g{g}", "rules": []}
        # One of a later group is seen a round later: both sides must agree on that, too.
        for _ in range(rng.randint(2, 6)):
            if rng.random() < 0.4:
                name = f"rec:{len(recorded)}"
                source = rng.choice(["m", "n", *recorded])
                expr = rng.choice((f"sum by (a) ({source})", f"max by (a, b) ({source})", f"{source} * 2", f"count({source})", f"{source} > 3",
                                   f"sum_over_time({source}[50s])", f'label_replace({source}, "c", "$1-$1", "a", "(.)")'))
                recorded.append(name)
                group["rules"].append({"record": name, "expr": expr, **({"labels": {"kind": "made"}} if rng.random() < 0.3 else {})})
                continue
            name = f"A{len(alerts)}"
            expr = expressions(rng, recorded)
            if alerts and rng.random() < 0.25:
                expr = rng.choice((f'ALERTS{{alertname="{rng.choice(alerts)}",alertstate="firing"}}',
                                   f'count by (a) (ALERTS{{alertname="{rng.choice(alerts)}"}}) > 0', "count(ALERTS) > 3",
                                   f'time() - ALERTS_FOR_STATE{{alertname="{rng.choice(alerts)}"}} > 30'))
            alerts.append(name)
            rule = {"alert": name, "expr": expr, "labels": {"severity": rng.choice(("warning", "critical"))},
                    "annotations": {"summary": "{{ $labels.a }}{{ with $labels.b }} of {{ . }}{{ end }} is {{ $value }}",
                                    "more": "{{ $value | humanize }} {{ $value | humanizeDuration }} {{ printf \"%.3g\" $value }} "
                                            "{{ if gt $value 5.0 }}much{{ else }}little{{ end }} {{ $labels.a | toUpper | reReplaceAll \"(.)\" \"<$1>\" }}"}}
            if "ALERTS" in expr:
                rule["annotations"].pop("more")
            if rng.random() < 0.7:
                rule["for"] = duration(rng)
            if rng.random() < 0.5:
                rule["keep_firing_for"] = duration(rng)
            if rng.random() < 0.3:  # an identity that moves with the value
                rule["labels"]["level"] = "{{ if gt $value 6.0 }}high{{ else }}low{{ end }}"
            if rng.random() < 0.2:
                rule["annotations"]["others"] = "{{ with query \"sum(n)\" }}{{ . | first | value }}{{ else }}none{{ end }}"
            group["rules"].append(rule)
        if major >= 3 and rng.random() < 0.3:
            group["labels"] = {"team": f"t{g}"}
        if major >= 3 and rng.random() < 0.3:
            group["query_offset"] = rng.choice(("7s", "10s"))
        groups.append(group)
    return {"groups": groups}, alerts


def checks_of(rules_path, rng, groups, alerts):
    series = [{"series": f'm{{a="{a}",b="{b}"}}', "values": values(rng)} for a in "xyz" for b in "pq"]
    series += [{"series": f'n{{a="{a}"}}', "values": values(rng)} for a in "xyz"]
    times = [f"{STEP * i}s" for i in range(STEPS + 8)]  # until everything has ended
    impossible = {"labels": "impossible", "value": 0}
    return {"rule_files": [rules_path.name], "evaluation_interval": f"{STEP}s",
            "group_eval_order": [f"g{i}" for i in range(groups)], "tests": [{
        "interval": f"{STEP}s", "input_series": series,
        "promql_expr_test": [{"expr": EVERYTHING, "eval_time": t, "exp_samples": [impossible]} for t in times],
        "alert_rule_test": [{"eval_time": t, "alertname": name, "exp_alerts": [{"exp_labels": {"impossible": ""}}]}
                            for t in times for name in alerts]}]}


SAMPLE = re.compile(r"^      ([a-zA-Z_:].*) ([-+\d.e]+)$")
ALERT = re.compile(r"^      (\{.*\})$")
ANNOTATION = re.compile(r"^        (\w+): (.*)$")
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def seconds_of(text):
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(int(n) * units[u] for n, u in re.findall(r"(\d+)([smh])", text))


def found_by_inferctl(setup, path):
    """(time, what was asked) -> samples or alerts, as `inferctl rules test` found them when nothing was what it expected."""
    done = setup.run(setup.inferctl, "rules", "test", path)
    assert done.returncode == 1, done
    found, current, got = {}, None, False
    for line in (done.stdout + done.stderr).splitlines():
        if begun := re.search(r"at (\w+): (?:alert (\w+)|(\{.*\})):$", line):
            current = found.setdefault((seconds_of(begun.group(1)), begun.group(2) or begun.group(3)), [])
            got = False
        elif line.startswith("    got:"):
            got = True
        elif got and current is not None:
            if match := SAMPLE.match(line):
                current.append({"labels": match.group(1), "value": float(match.group(2))})
            elif match := ALERT.match(line):
                labels = {k: v for k, v in LABEL.findall(match.group(1)) if k != "alertname"}
                current.append({"exp_labels": labels, "exp_annotations": {}})
            elif match := ANNOTATION.match(line):
                current[-1]["exp_annotations"][match.group(1)] = match.group(2)
    return found


def expect(document, found):
    test = document["tests"][0]
    for check in test["promql_expr_test"]:
        check["exp_samples"] = found[(seconds_of(check["eval_time"]), EVERYTHING)]
    for check in test["alert_rule_test"]:
        check["exp_alerts"] = found[(seconds_of(check["eval_time"]), check["alertname"])]


def promtool_says(promtool, *paths):
    return subprocess.run([promtool, "test", "rules", *(path.name for path in paths)], capture_output=True, text=True, cwd=paths[0].parent,
                          check=False, timeout=120 * harness.PATIENCE)


def shortened(text):
    """What promtool says, in lists of samples only what is in one of the two."""
    lines = [line for line in text.splitlines() if line.strip()]
    for i, line in enumerate(lines[:-1]):
        if line.startswith("        exp: {") and lines[i + 1].startswith("        got: {"):
            a, b = (re.findall(r"{[^}]*} \S+", side) for side in (line, lines[i + 1]))
            lines[i] = f"        exp: {[s for s in a if s.strip(',') not in [t.strip(',') for t in b]]}"
            lines[i + 1] = f"        got: {[s for s in b if s.strip(',') not in [t.strip(',') for t in a]]}"
    return "\n".join(lines)[:3000]


def compare(setup, program, promtool, cases, folder):
    version = prometheus.version_of(program)
    faults, states, paths = [], {"pending": 0, "firing": 0, "recorded": 0}, []
    for number in range(cases):
        rng = random.Random(1000 * version[0] + number)
        rules_path, path = folder / f"rules{number}.yml", folder / f"test{number}.yml"
        document, alerts = rules(rng, version[0])
        rules_path.write_text(json.dumps(document))
        tests = checks_of(rules_path, rng, len(document["groups"]), alerts)
        path.write_text(json.dumps(tests))
        expect(tests, found_by_inferctl(setup, path))
        path.write_text(json.dumps(tests))
        paths.append((path, tests, document))
        for check in tests["tests"][0]["promql_expr_test"]:
            for sample in check["exp_samples"]:
                for state in ("pending", "firing"):
                    states[state] += f'alertstate="{state}"' in sample["labels"]
                states["recorded"] += "rec:" in sample["labels"]
    if promtool_says(promtool, *(path for path, _, _ in paths)).returncode != 0:
        for path, _, document in paths:
            if (done := promtool_says(promtool, path)).returncode != 0:
                faults.append(f"{path.name}: {json.dumps(document)}\n{shortened(done.stdout + done.stderr)}")
        assert faults, "all at once they differ, and each alone does not"
    print(f"  promtool {'.'.join(map(str, version))}: {cases} sets of rules and series, {cases * (STEPS + 8)} evaluations, {states}, {len(faults)} different")
    prometheus.judge(version, faults, "\n".join(faults[:5]))
    assert min(states.values()) > 15 * cases, "too little happens to mean something"
    # One state that was not is enough for either to say so.
    path, tests = next((p, t) for p, t, _ in paths if "pending" in json.dumps(t))
    path.write_text(json.dumps(tests).replace("pending", "firing", 1))
    assert promtool_says(promtool, path).returncode != 0
    assert setup.run(setup.inferctl, "rules", "test", path).returncode == 1


def test_the_same_alerts_at_the_same_time(setup):
    for cases, (program, promtool) in zip((CASES, CASES_OF_ELDER), prometheus.programs()):
        with tempfile.TemporaryDirectory(prefix="inferd-same-") as name:
            compare(setup, program, promtool, cases, pathlib.Path(name))
