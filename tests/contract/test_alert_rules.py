"""Alert rules: a misspelt name or label value makes a rule that never fires, and nothing else would tell."""
import concurrent.futures
import functools
import itertools
import os
import re
import shutil
import subprocess

import runner
import test_metric_names
import tree

try:
    import yaml
except ImportError:
    yaml = None

PENDING = "alerts/rules/pending/"
SEVERITIES = {"critical", "warning", "info"}
COMPONENTS = {"gpu", "requests", "slo", "queue", "engine", "daemon", "host", "fleet"}
# Everything that the expressions may use besides series. All of it means the same in Prometheus 2.42 and 3.5 and needs no feature flag.
LANGUAGE = {"and", "or", "sum", "max", "count", "rate", "increase", "abs", "clamp_min", "time", "absent", "avg_over_time", "max_over_time", "sum_over_time",
            "count_over_time", "quantile_over_time", "histogram_quantile", "predict_linear"}
# What Prometheus makes itself.
PROMETHEUS = {"up": {"job", "instance"}}
TEMPLATE = re.compile(r"\$labels\.\w+|\$value( \| humanize(1024|Duration|Percentage)?)?")
GROUPING = re.compile(r"\b(without|by|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"')


def loaded(path):
    if yaml is None:
        runner.skip("python3-yaml is not installed (scripts/setup test)")
    return yaml.safe_load(tree.text(path))


def rule_files():
    return [p for p in tree.matching(".yml", under="alerts/") if "/tests/" not in p]


def unit_tests():
    return [p for p in tree.matching(".yml", under="alerts/") if "/tests/" in p]


def rules(paths):
    """(path, rule) of every rule."""
    found = [(path, rule) for path in paths for group in loaded(path)["groups"] for rule in group["rules"]]
    assert found, "no rules found"
    return found


def alerts(paths):
    return [(path, rule) for path, rule in rules(paths) if "alert" in rule]


def selectors(expr):
    """(name, matchers) of every series and every word of the language in an expression."""
    expr = GROUPING.sub(" ", expr)
    for match in re.finditer(r'([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?|"(?:\\.|[^"\\])*"|\[[^\]]*\]|[\d.]+', expr):
        if match.group(1):
            yield match.group(1), MATCHER.findall(match.group(2) or "")


@functools.cache
def documented_labels():
    """name -> labels of a metric, from docs/METRICS.md, which is made from the catalogue."""
    rows = re.findall(r"^\| `(\w+)` \| \w+ \|([^|]*)\|", tree.text("docs/METRICS.md"), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@functools.cache
def documented_values():
    """label, or (label, metric) where metrics differ -> its closed set of values, from docs/METRICS.md."""
    section = tree.text("docs/METRICS.md").split("## Label values")[1].split("\n## ")[0]
    values = {}
    for label, metric, listed in re.findall(r"^- `(\w+)`(?: of `(\w+)`)?: (.*)$", section, re.MULTILINE):
        values[(label, metric) if metric else label] = set(listed.split(", "))
    assert len(values) > 10, "the list of label values has another form than this test expects"
    return values


def family(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def test_rules_name_series_that_exist():
    metrics, recorded = test_metric_names.catalogue(), {r["record"] for _, r in rules(rule_files()) if "record" in r}
    faults = []
    for path, rule in rules(rule_files()):
        for name, _ in selectors(rule["expr"]):
            known = name in LANGUAGE or name in recorded or test_metric_names.is_known(name, metrics)
            known = known or (name in PROMETHEUS and path.startswith("alerts/prometheus/"))
            known = known or (path.startswith(PENDING) and name.startswith("inferd_"))  # test_pending_rules_still_wait judges these
            if not known:
                faults.append(f"{path}: {rule.get('alert') or rule['record']}: {name}")
    tree.report(faults, "names that are no series of the catalogue, no recorded series and no known function")


def test_matchers_can_match():
    labels, values, faults = documented_labels(), documented_values(), []
    for path, rule in rules(rule_files()):
        for name, matchers in selectors(rule["expr"]):
            name = family(name)
            for label, operator, value in matchers:
                where = f"{path}: {rule.get('alert') or rule['record']}: {name}{{{label}{operator}\"{value}\"}}"
                if label == "le":
                    faults.append(f"{where}: Prometheus 2 and 3 write le differently")
                elif name in labels and label not in labels[name]:
                    faults.append(f"{where}: the metric has no such label")
                elif name in labels:
                    known = values.get((label, name)) or values.get(label)
                    wanted = value.split("|") if operator in ("=~", "!~") else [value]
                    faults += [f"{where}: {v} is no value of it" for v in wanted if known and v not in known]
    tree.report(faults, "matchers that never match")


def test_rules_keep_the_labels_of_prometheus():
    """Aggregating by a list of labels would drop instance and job, which only Prometheus adds."""
    faults = [f"{path}: {rule.get('alert') or rule['record']}" for path, rule in rules(rule_files())
              if path.startswith("alerts/rules/") and re.search(r"\bby\s*\(", rule["expr"])]
    tree.report(faults, "rules that aggregate with by, not with without")


def test_every_alert_says_what_a_pager_needs():
    faults, described = [], tree.text("docs/runbooks/README.md")
    for path, rule in alerts(rule_files()):
        name, labels, notes = rule["alert"], rule.get("labels", {}), rule.get("annotations", {})
        if not re.fullmatch(r"Inferd([A-Z][a-z0-9]*)+(P99High)?", name):
            faults.append(f"{path}: {name}: a name is Inferd and words in capitals")
        if labels.get("severity") not in SEVERITIES:
            faults.append(f"{path}: {name}: severity {labels.get('severity')}, allowed are {', '.join(sorted(SEVERITIES))}")
        if labels.get("component") not in COMPONENTS:
            faults.append(f"{path}: {name}: component {labels.get('component')}, allowed are {', '.join(sorted(COMPONENTS))}")
        if set(notes) != {"summary", "description", "runbook_url"} or not all(notes.values()):
            faults.append(f"{path}: {name}: annotations are summary, description and runbook_url")
        strange = [t for t in re.findall(r"\{\{(.*?)\}\}", " ".join(notes.values())) if not TEMPLATE.fullmatch(t.strip())]
        faults += [f"{path}: {name}: template {t.strip()}" for t in strange]
        if notes.get("runbook_url") != f"docs/runbooks/{name}.md":
            faults.append(f"{path}: {name}: the runbook is docs/runbooks/{name}.md")
        if not path.startswith(PENDING) and f"]({name}.md)" not in described:
            faults.append(f"docs/runbooks/README.md does not list {name}")
    tree.report(faults, "alerts")


def runbook_of(path, rule):
    return (PENDING + "runbooks/" if path.startswith(PENDING) else "docs/runbooks/") + rule["alert"] + ".md"


def test_every_runbook_is_there_and_true():
    """A runbook repeats the condition, so that nobody has to find the rule file at night."""
    faults, used = [], {"docs/runbooks/README.md"}
    for path, rule in alerts(rule_files()):
        book = runbook_of(path, rule)
        used.add(book)
        if book not in tree.files():
            faults.append(f"{book} is missing")
            continue
        held = f", for {rule['for']}" if "for" in rule else ", at once"
        line = f"- {rule['labels']['severity']}: `{' '.join(rule['expr'].split())}`{held}"
        if line not in tree.text(book).split("\n"):
            faults.append(f"{book} has no line: {line}")
        faults += [f"{book} has no section {s}" for s in ("## Look", "## Do", "## No data") if s not in tree.text(book)]
    books = tree.matching(".md", under="docs/runbooks/") + tree.matching(".md", under=PENDING + "runbooks/")
    faults += [f"{book} belongs to no alert" for book in books if book not in used]
    tree.report(faults, "runbooks")


def test_every_alert_is_tested():
    """Each alert in each severity has a test in which it does not fire, then fires, then resolves, and one without data."""
    seen, quiet = set(), set()
    for path in unit_tests():
        for test in loaded(path)["tests"]:
            checks = sorted(test.get("alert_rule_test", []), key=lambda c: seconds(c["eval_time"]))
            for name, same in itertools.groupby(sorted(checks, key=lambda c: c["alertname"]), key=lambda c: c["alertname"]):
                states = [{a["exp_labels"]["severity"] for a in check["exp_alerts"]} for check in same]
                if not test["input_series"] and not any(states):
                    quiet.add(name)
                for severity in SEVERITIES:
                    fires = [severity in state for state in states]
                    if True in fires:
                        seen.add((name, severity, "fires"))
                        if not fires[0]:
                            seen.add((name, severity, "waits"))
                        if not fires[-1]:
                            seen.add((name, severity, "resolves"))
    faults = []
    for path, rule in alerts(rule_files()):
        name, severity = rule["alert"], rule["labels"]["severity"]
        faults += [f"{path}: {name} ({severity}): no test in which it {what}" for what in ("waits", "fires", "resolves")
                   if (name, severity, what) not in seen]
        if name not in quiet and not rule["expr"].startswith("absent("):
            faults.append(f"{path}: {name}: no test without data")
    tree.report(faults, "alerts without tests")


def seconds(text):
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))


def test_pending_rules_still_wait():
    metrics, waiting, faults = test_metric_names.catalogue(), tree.text(PENDING + "README.md"), []
    for path in rule_files():
        if path.startswith(PENDING):
            missing = {name for _, rule in rules([path]) for name, _ in selectors(rule["expr"])
                       if name.startswith("inferd_") and not test_metric_names.is_known(name, metrics)}
            faults += [f"{PENDING}README.md: {os.path.basename(path)} waits for {name}" for name in missing if f"`{name}`" not in waiting]
            if not missing:
                faults.append(f"{path} waits for nothing any more: move it, its test and its runbooks out of pending/")
    tree.report(faults, "rules that wait")


def promtool():
    found = shutil.which("promtool") or shutil.which("promtool", path=str(tree.ROOT / "build/tools"))
    if found is None:
        runner.skip("promtool is not installed (scripts/setup test)")
    return found


def test_promtool_accepts_the_rules_and_their_tests():
    program = promtool()

    def faults_of(arguments):
        done = subprocess.run([program, *arguments], cwd=tree.ROOT, capture_output=True, text=True, check=False)
        return [] if done.returncode == 0 else [f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"]

    calls = [["check", "rules", "--lint=all", "--lint-fatal", *rule_files()]] + [["test", "rules", path] for path in unit_tests()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tree.report([fault for faults in pool.map(faults_of, calls) for fault in faults], "what promtool says")
