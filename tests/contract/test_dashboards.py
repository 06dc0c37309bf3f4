"""Grafana dashboards: a misspelt name, label or value makes a graph that stays empty, and nothing else would tell."""
import copy
import importlib.util
import json
import re
import subprocess
import tempfile

import runner
import test_alert_rules
import test_metric_names
import tree

FOLDER = "grafana/dashboards/"
# What dashboards may use of Grafana: it, and whatever else draws these files, has to know no more.
PANELS = {"row", "stat", "timeseries", "table", "state-timeline"}
VARIABLES = {"$instance", "$model", "$__rate_interval", "$__range"}
LANGUAGE = test_alert_rules.LANGUAGE | {"min", "bool", "vector"}
# Labels that Prometheus puts on what it scrapes.
TARGET = {"job", "instance"}
# Units that Grafana knows (its packages/grafana-data/src/valueFormats/categories.ts), besides those of our own, "suffix:...".
UNITS = {"none", "percentunit", "s", "bytes", "Bps", "reqps", "ops", "cps", "flops", "watt", "joule", "celsius", "hertz", "dateTimeFromNow"}
# Values that rules bring.
OF_RULES = {("severity", "inferd_alerts"): test_alert_rules.SEVERITIES}
# The keys of Grafana's documented model that a dashboard and a panel may have.
DASHBOARD_KEYS = {"annotations", "description", "editable", "fiscalYearStartMonth", "graphTooltip", "id", "links", "panels", "refresh", "schemaVersion",
                  "tags", "templating", "time", "timepicker", "timezone", "title", "uid", "version", "weekStart"}
PANEL_KEYS = {"collapsed", "datasource", "description", "fieldConfig", "gridPos", "id", "links", "options", "panels", "targets", "title",
              "transformations", "type"}


def generator():
    if test_alert_rules.yaml is None:
        runner.skip("python3-yaml is not installed (scripts/setup test)")
    spec = importlib.util.spec_from_file_location("make_dashboards", tree.ROOT / "grafana/make_dashboards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shipped():
    """Path -> dashboard."""
    found = {path: json.loads(tree.text(path)) for path in tree.matching(".json", under=FOLDER)}
    assert len(found) >= 4, found.keys()
    return found


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard):
    """(where, expression) of every query: panels, annotations."""
    found = [(f"{panel['title']} {target['refId']}", target["expr"]) for panel in panels(dashboard) for target in panel["targets"]]
    return found + [(f"annotation {a['name']}", a["expr"]) for a in dashboard["annotations"]["list"]]


def variable_queries(dashboard):
    return [(f"variable {v['name']}", v["query"]["query"]) for v in dashboard["templating"]["list"] if v["type"] == "query"]


def labels_of(name):
    labels = {**test_alert_rules.documented_labels(), "up": set()}
    return labels.get(name) if name in labels else labels.get(test_alert_rules.family(name))


def faults_of_query(expr):
    metrics, values, faults = test_metric_names.catalogue(), {**test_alert_rules.documented_values(), **OF_RULES}, []
    for name, matchers in test_alert_rules.selectors(expr):
        if name in LANGUAGE:
            continue
        if name not in test_alert_rules.PROMETHEUS and not test_metric_names.is_known(name, metrics):
            faults.append(f"{name} is no series of the catalogue and no known function")
            continue
        labels, chosen = labels_of(name), {label: value for label, operator, value in matchers if operator == "=~"}
        if chosen.get("instance") != "$instance":
            faults.append(f"{name} is not of the chosen instances")
        if "model" in labels and chosen.get("model") != "$model":
            faults.append(f"{name} is not of the chosen models")
        for label, operator, value in matchers:
            known = values.get((label, test_alert_rules.family(name))) or values.get(label)
            if label not in labels | TARGET:
                faults.append(f"{name} has no label {label}")
            elif known and not value.startswith("$"):
                wanted = value.split("|") if operator in ("=~", "!~") else [value]
                faults += [f"{name}: {v} is no value of {label}" for v in wanted if v not in known]
    named = {label for _, listed in test_alert_rules.GROUPING.findall(expr) for label in re.findall(r"\w+", listed)}
    everything = set().union(*(labels_of(name) or set() for name, _ in test_alert_rules.selectors(expr) if name not in LANGUAGE))
    faults += [f"{label} is no label of what is grouped by it" for label in sorted(named - everything - TARGET - {"le"})]
    # Every program has these; only inferd's are meant.
    if re.search(r"\bprocess_\w", expr) and "inferd_build_info" not in expr:
        faults.append("process_ series of other programs are not left out")
    faults += [f"{used} is not among the variables that dashboards use" for used in set(re.findall(r"\$\w+", expr)) - VARIABLES]
    return faults


def faults_of_panel(panel):
    faults = [f"key {key}" for key in sorted(set(panel) - PANEL_KEYS)]
    if panel["type"] not in PANELS:
        faults.append(f"type {panel['type']}")
    if len(panel.get("description", "")) < 40:
        faults.append("no description that says what it means and what to do")
    unit = panel["fieldConfig"]["defaults"].get("unit", "")
    if not panel.get("title") or (unit not in UNITS and not unit.startswith("suffix:")):
        faults.append(f"no title, or the unit '{unit}'")
    if not panel["targets"] or len({t["refId"] for t in panel["targets"]}) != len(panel["targets"]):
        faults.append("no queries, or two of one name")
    if any(source != {"type": "prometheus", "uid": "${datasource}"} for source in [panel["datasource"], *(t["datasource"] for t in panel["targets"])]):
        faults.append("another data source than the chosen one")
    values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    if values[0] is not None or None in values[1:] or values[1:] != sorted(set(values[1:])):
        faults.append(f"steps {values}")
    place = panel["gridPos"]
    if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > 24:
        faults.append(f"outside of the 24 columns: {place}")
    return faults


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def faults_of(dashboards):
    """What is wrong with them, (path, text)."""
    faults, uids = [], [d["uid"] for d in dashboards.values()]
    tags = {tag for d in dashboards.values() for tag in d["tags"]}
    for path, dashboard in dashboards.items():
        said = [f"key {key}" for key in sorted(set(dashboard) - DASHBOARD_KEYS)]  # __inputs, of dashboards that are exported for sharing, too
        if uids.count(dashboard["uid"]) > 1 or path != f"{FOLDER}{dashboard['uid']}.json" or not 8 <= len(dashboard["uid"]) <= 40:
            said.append(f"uid {dashboard['uid']}")
        if [v["name"] for v in dashboard["templating"]["list"]] != ["datasource", "instance", "model"]:
            said.append("variables are datasource, instance and model")
        if dashboard["id"] is not None or not dashboard["title"] or not dashboard["description"] or dashboard["schemaVersion"] < 39:
            said.append("id, title, description or schemaVersion")
        ids = [panel["id"] for panel in dashboard["panels"]]
        if len(ids) != len(set(ids)):
            said.append("two panels have one id")
        for i, panel in enumerate(dashboard["panels"]):
            said += [f"{panel['title']} lies over {other['title']}" for other in dashboard["panels"][:i] if overlap(panel["gridPos"], other["gridPos"])]
        for panel in panels(dashboard):
            said += [f"{panel['title']}: {fault}" for fault in faults_of_panel(panel)]
        for where, expr in expressions(dashboard):
            said += [f"{where}: {fault}" for fault in faults_of_query(expr)]
        for where, query in variable_queries(dashboard):
            series = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query)
            if not series or series.group(2) not in (labels_of(series.group(1)) or set()) | TARGET:
                said.append(f"{where}: {query}")
        links = [*dashboard["links"], *(link for panel in panels(dashboard) for link in panel.get("links", []))]
        for link in links:
            there = set(link["tags"]) & tags if link["type"] == "dashboards" else re.match(r"/d/([\w-]+)\?", link["url"])
            if not there or (link["type"] == "link" and there.group(1) not in uids):
                said.append(f"link {link['title']} leads nowhere")
        faults += [f"{path}: {text}" for text in said]
    return faults


def test_dashboards_are_what_their_descriptions_make():
    made = {str(path.relative_to(tree.ROOT)): text for path, text in generator().dashboards().items()}
    assert {path: tree.text(path) for path in tree.matching(".json", under=FOLDER)} == made, "make them anew: grafana/make_dashboards.py"


def test_dashboards_are_sound():
    tree.report(faults_of(shipped()), "dashboards")


def test_what_is_unsound_is_found():
    def query(expr):
        return lambda d: panels(d)[5]["targets"][0].update(expr=expr)

    chosen = 'instance=~"$instance",model=~"$model"'
    cases = [
        ("inferd_no_such_metric is no series", query(f"inferd_no_such_metric{{{chosen}}}")),
        ("process_threads_bucket is no series", query(f"process_threads_bucket{{{chosen}}}")),
        ("quantile_of is no series of the catalogue and no known function", query(f"quantile_of(inferd_queue_depth{{{chosen}}})")),
        ("annotation Restarts: inferd_no_such_metric is no series", lambda d: d["annotations"]["list"][0].update(expr="inferd_no_such_metric")),
        ("has no label outcom", query(f'inferd_requests_ended_total{{outcom="failed",{chosen}}}')),
        ("inferd_build_info has no label model", query(f"inferd_build_info{{{chosen}}}")),
        ("inferd_audit_waiting has no label reason", query('inferd_audit_waiting{reason="io",instance=~"$instance"}')),
        ("fialed is no value of outcome", query(f'inferd_requests_ended_total{{outcome=~"ok|fialed",{chosen}}}')),
        ("warnings is no value of severity", query('inferd_alerts{severity="warnings",instance=~"$instance"}')),
        ("modle is no label of what is grouped by it", query(f"sum by (modle) (inferd_queue_depth{{{chosen}}})")),
        ("is not of the chosen models", query('inferd_queue_depth{instance=~"$instance"}')),
        ("is not of the chosen instances", query('inferd_queue_depth{model=~"$model"}')),
        ("of other programs are not left out", query('process_threads{instance=~"$instance"}')),
        ("$__interval is not among", query(f"rate(inferd_preemptions_total{{{chosen}}}[$__interval])")),
        ("variable model: label_values(inferd_no_such_metric", lambda d: d["templating"]["list"][2]["query"].update(
            query="label_values(inferd_no_such_metric, model)")),
        ("no description", lambda d: panels(d)[0].pop("description")),
        ("no title, or the unit ''", lambda d: panels(d)[0]["fieldConfig"]["defaults"].pop("unit")),
        ("no title, or the unit 'seconds'", lambda d: panels(d)[0]["fieldConfig"]["defaults"].update(unit="seconds")),
        ("another data source", lambda d: panels(d)[0]["targets"][0].update(datasource={"type": "prometheus", "uid": "mine"})),
        ("type piechart", lambda d: panels(d)[0].update(type="piechart")),
        ("key __inputs", lambda d: d.update(__inputs=[])),
        ("uid inferd-other", lambda d: d.update(uid="inferd-other")),
        ("link More: inferd-host leads nowhere", lambda d: panels(d)[0]["links"][0].update(url="/d/inferd-hosts?")),
        ("lies over", lambda d: panels(d)[1].update(gridPos=panels(d)[0]["gridPos"])),
        ("outside of the 24 columns", lambda d: panels(d)[0]["gridPos"].update(w=25)),
        ("two panels have one id", lambda d: panels(d)[1].update(id=panels(d)[0]["id"])),
    ]
    path, faults = FOLDER + "inferd-overview.json", []
    for expected, change in cases:
        dashboards = copy.deepcopy(shipped())
        change(dashboards[path])
        if not any(expected in fault for fault in faults_of(dashboards)):
            faults.append(expected)
    tree.report(faults, "faults that were not found")


def test_promtool_parses_every_query():
    """As rules, which is the way by which promtool checks an expression that it does not evaluate."""
    promtool = test_alert_rules.promtool()
    rules = [{"record": f"query:{i}", "expr": expr.replace("$__rate_interval", "20s").replace("$__range", "1h")}
             for i, expr in enumerate(expr for d in shipped().values() for _, expr in expressions(d))]
    assert len(rules) > 100, len(rules)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        done = subprocess.run([promtool, "check", "rules", file.name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_panel():
    """Who follows an alert to a dashboard finds a graph that says its name, and its colours and lines are the alert's."""
    named = [name for d in shipped().values() for panel in panels(d) for name in re.findall(r"docs/runbooks/(Inferd\w+)\.md", panel["description"])]
    alerts = {rule["alert"] for _, rule in test_alert_rules.alerts(test_alert_rules.rule_files())}
    tree.report([f"no panel names {name}" for name in sorted(alerts - set(named))] + [f"there is no {name}" for name in sorted(set(named) - alerts)],
                "alerts and panels")


def test_colours_are_those_of_the_rules():
    make = generator()
    metrics = make.catalogue()

    def steps(alert, query, rules):
        document = {"groups": [{"name": "g", "rules": [
            {"record": "recorded", "expr": "max without (sensor) (inferd_gpu_temperature_celsius)"},
            *({"alert": alert, "expr": expr, "labels": {"severity": severity}} for severity, expr in rules)]}]}
        return [(step["color"], step["value"]) for step in make.steps(make.Alerts(metrics, [document]).limits(alert, [query]))]

    depth, core = "inferd_queue_depth", 'inferd_gpu_temperature_celsius{sensor="core"}'
    memory = core.replace("core", "memory")
    cases = [
        (depth, [("warning", f"{depth} > 5"), ("critical", f"{depth} > 3 * 10")], [("green", None), ("orange", 5), ("red", 30)]),
        (depth, [("critical", f"{depth} > 0")], [("green", None), ("red", make.JUST_ABOVE_ZERO)]),
        (depth, [("critical", f"{depth} == 0")], [("red", None), ("green", make.JUST_ABOVE_ZERO)]),
        (depth, [("critical", f"{depth} == 1")], [("green", None), ("red", 1)]),
        (depth, [("warning", f"{depth} < 2 * 1024"), ("critical", f"{depth} < 256")], [("red", None), ("orange", 256), ("green", 2048)]),
        (depth, [("info", f"{depth} < 0.3"), ("warning", f"{depth} > 0.8")], [("blue", None), ("green", 0.3), ("orange", 0.8)]),
        # Two alerts of one severity: the first that speaks. One that would speak later, but says less, is left out.
        (depth, [("critical", f"{depth} > 6"), ("critical", f"{depth} > 14"), ("warning", f"{depth} > 9")], [("green", None), ("red", 6)]),
        # Only the condition on what is shown, and of that series.
        (depth, [("warning", f"inferd_queue_capacity > 9 and ({depth} > 1) * 2 > 7")], [("green", None), ("orange", 7)]),
        (memory, [("warning", f"{core} > 85 or {memory} > 95")], [("green", None), ("orange", 95)]),
        (core, [("warning", "recorded > 4 * clamp_min(inferd_ticker_interval_seconds, 5)")], [("green", None), ("orange", 4)]),
        (depth, [("warning", f"{core} > 85")], [("green", None)]),
    ]
    for query, rules, expected in cases:
        assert steps("A", query, rules) == expected, (rules, steps("A", query, rules))
    # And of the shipped ones, two as they are in the files.
    alerts = make.Alerts.shipped(metrics)
    assert alerts.limits("InferdQueueHeadOld", ["inferd_queue_oldest_seconds"]) == [(">", 5, "warning"), (">", 30, "critical")]
    assert alerts.limits("InferdDiskSpaceLow", ["inferd_disk_free_bytes"]) == [("<", 2 * 1024**3, "warning"), ("<", 256 * 1024**2, "critical")]


def test_provisioning_names_what_is_there():
    if test_alert_rules.yaml is None:
        runner.skip("python3-yaml is not installed (scripts/setup test)")
    sources = test_alert_rules.loaded("grafana/provisioning/datasources/inferd.yml")
    providers = test_alert_rules.loaded("grafana/provisioning/dashboards/inferd.yml")
    assert sources["apiVersion"] == providers["apiVersion"] == 1
    assert [s["type"] for s in sources["datasources"]] == ["prometheus"] * 2 and all(s["url"].startswith("http://127.0.0.1:") for s in sources["datasources"])
    assert [p["options"]["path"] for p in providers["providers"]] == ["/usr/share/inferd/grafana/dashboards"]
    assert "/usr/share/inferd/grafana/provisioning" in tree.text("docs/INSTALL.md")
