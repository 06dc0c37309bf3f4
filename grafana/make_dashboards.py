#!/usr/bin/env python3
"""Makes grafana/dashboards/*.json, in Grafana's own dashboard model, of the short descriptions in grafana/panels/*.yml.

README.md describes what a description may say. What it need not say is added here: the selection of instances and models in every query, the
colours of thresholds, which are those of the shipped alert rules, the place of a panel, and everything that Grafana wants to be told
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
"""
import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 39  # Grafana 10.4 writes it; later ones read it

COLOURS = {"info": "blue", "warning": "orange", "critical": "red"}
RANKS = list(COLOURS)
# Rules fire above a number, colours begin at one. Where the number is 0, which is what a sound value is, that makes a difference.
JUST_ABOVE_ZERO = 1e-9

NAME = r"[a-zA-Z_:][\w:]*"
SELECTOR = re.compile(rf'({NAME})(?:\{{([^}}]*)\}})?|"(?:\\.|[^"\\])*"|\[[^\]]*\]')
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"')
NUMBER = re.compile(r"\s*([\d.]+(?:\s*\*\s*[\d.]+)*)")


def catalogue():
    """Name -> labels of every metric, from docs/METRICS.md, which is made from the catalogue."""
    rows = re.findall(r"^\| `([\w:]+)` \| \w+ \|([^|]*)\|", (ROOT / "docs/METRICS.md").read_text(), re.MULTILINE)
    # Prometheus's own, about what it scrapes.
    return {"up": {"job"}} | {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def family(name, metrics):
    return name if name in metrics else re.sub(r"_(bucket|sum|count)$", "", name)


def selectors(expr, metrics):
    """(family, matchers) of every series of the catalogue that an expression reads."""
    found = []
    for match in SELECTOR.finditer(expr):
        if match.group(1) and family(match.group(1), metrics) in metrics:
            found.append((family(match.group(1), metrics), MATCHER.findall(match.group(2) or "")))
    return found


def select(expr, metrics):
    """The expression for the instances and models that are chosen at the top of the dashboard."""
    def chosen(match):
        name = match.group(1)
        if not name or family(name, metrics) not in metrics:
            return match.group()
        matchers = [match.group(2)] if match.group(2) else []
        matchers.append('instance=~"$instance"')
        if "model" in metrics[family(name, metrics)]:
            matchers.append('model=~"$model"')
        return f"{name}{{{','.join(matchers)}}}"

    return SELECTOR.sub(chosen, " ".join(expr.split()))


class Alerts:
    """What the shipped rules say about when a value is too high or too low."""

    def __init__(self, metrics, documents):
        self.metrics, self.recorded, self.rules = metrics, {}, {}
        for document in documents:
            for group in document["groups"]:
                for rule in group["rules"]:
                    if "record" in rule:
                        self.recorded[rule["record"]] = rule["expr"]
                    else:
                        self.rules.setdefault(rule["alert"], []).append(rule)

    @staticmethod
    def shipped(metrics):
        paths = sorted([*ROOT.glob("alerts/rules/*.yml"), *ROOT.glob("alerts/prometheus/*.yml")])
        return Alerts(metrics, [yaml.safe_load(path.read_text()) for path in paths])

    def raw(self, expr):
        """The expression with what rules record replaced by what they record it from."""
        while True:
            more = re.sub(NAME, lambda m: f"({self.recorded[m.group()]})" if m.group() in self.recorded else m.group(), expr)
            if more == expr:
                return expr
            expr = more

    def limits(self, alert, queries):
        """(operator, number, severity) of each rule of the alert: of its first condition on a series that the queries show."""
        shown, found = [s for query in queries for s in selectors(query, self.metrics)], []
        for rule in self.rules[alert]:
            for left, operator, number in conditions(rule["expr"]):
                if any(same_series(a, b) for a in selectors(self.raw(left), self.metrics) for b in shown):
                    found.append((operator, number, rule["labels"]["severity"]))
                    break
        return found


def same_series(a, b):
    """Whether two selectors can mean the same series."""
    def values(matchers):
        return {label: value for label, operator, value in matchers if operator == "="}

    (family_a, matchers_a), (family_b, matchers_b) = a, b
    others = values(matchers_b)
    return family_a == family_b and all(others.get(label, value) == value for label, value in values(matchers_a).items())


def conditions(expr):
    """(left side, operator, number) of the comparisons with a number that an expression is made of."""
    outside, depth = "", 0  # the expression with what is in brackets blanked out, so that places agree
    for c in " ".join(expr.split()):
        depth -= c in ")]}"
        outside += c if depth == 0 else "_"
        depth += c in "([{"
    expr, at = " ".join(expr.split()), 0
    for part in re.split(r"\b(?:and|or|unless)\b", outside):
        begin, at = outside.index(part, at), outside.index(part, at) + len(part)
        compared = re.search(r"[<>]=?|==|!=", part)
        number = compared and NUMBER.match(expr, begin + compared.end())
        if number:
            value = 1.0
            for factor in number.group(1).split("*"):
                value *= float(factor)
            yield expr[begin:begin + compared.start()], compared.group(), value


def steps(limits):
    """Grafana's steps of colours for such limits: each begins at its value and ends at the next; the first has none."""
    high, low = {}, {}
    for operator, number, severity in limits:
        if operator in (">", ">=") or (operator == "==" and number > 0):
            number = number or JUST_ABOVE_ZERO
            high[severity] = min(high.get(severity, number), number)
        else:
            number = JUST_ABOVE_ZERO if operator == "==" else number
            low[severity] = max(low.get(severity, number), number)
    made, colour = [], COLOURS["critical"]
    for severity in reversed(RANKS):  # from the lowest value up
        if severity in low:
            made.append({"color": COLOURS[severity], "value": None if not made else colour})
            colour = low[severity]
    made.append({"color": "green", "value": colour if made else None})
    for severity in RANKS:
        if severity in high:
            made = [step for step in made if step["value"] is None or step["value"] < high[severity]]
            made.append({"color": COLOURS[severity], "value": high[severity]})
    return made


def mappings(panel):
    """Words instead of numbers."""
    made = []
    if "values" in panel:
        words = {str(value): {"text": text, "index": i, **({"color": colour} if colour else {})}
                 for i, (value, (text, colour)) in enumerate(panel["values"].items())}
        made.append({"type": "value", "options": words})
    if "none" in panel:
        made.append({"type": "special", "options": {"match": "null+nan", "result": {"text": panel["none"], "index": 99}}})
    return made


LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}


def timeseries(panel, limits):
    lines = any(step["value"] not in (None, JUST_ABOVE_ZERO) for step in limits)
    stacked = panel.get("stack", False)
    return {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": LEGEND}, {
        "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 40 if stacked else 8, "showPoints": "auto",
        "spanNulls": False, "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if lines else "off"}}


def stat(panel, limits):
    coloured = len(limits) > 1 or any(colour for _, colour in panel.get("values", {}).values())
    return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "auto", "textMode": panel.get("text", "auto"),
            "colorMode": "background" if coloured else "none", "graphMode": "none", "justifyMode": "auto", "wideLayout": True}, {}


def table(_panel, _limits):
    return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"]}}, {
        "align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}


def state_timeline(_panel, _limits):
    return {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9, "legend": LEGEND,
            "tooltip": {"mode": "single", "sort": "none"}}, {"fillOpacity": 80, "lineWidth": 0}


KINDS = {"timeseries": timeseries, "stat": stat, "table": table, "state-timeline": state_timeline}
HEIGHTS = {"timeseries": 8, "stat": 4, "table": 8, "state-timeline": 8}
KEYS = {"title", "kind", "width", "height", "unit", "about", "alerts", "queries", "values", "none", "stack", "max", "min", "decimals", "text", "more",
        "columns", "lines", "above_zero"}


def described(panel):
    """What the panel means and what to do, and the alerts that judge what it shows."""
    lines = [" ".join(panel["about"].split())]
    lines += [f"- {alert}: docs/runbooks/{alert}.md" for alert in panel.get("alerts", [])]
    return "\n\n".join([lines[0], *(["\n".join(lines[1:])] if lines[1:] else [])])


def make_panel(number, panel, place, metrics, alerts):
    unknown = set(panel) - KEYS
    if unknown:
        raise SystemExit(f"{panel.get('title')}: unknown keys {', '.join(sorted(unknown))}")
    kind = panel["kind"]
    coloured_words = any(colour for _, colour in panel.get("values", {}).values())
    limits = [limit for alert in panel.get("alerts", []) for limit in alerts.limits(alert, panel["queries"].values())]
    if "above_zero" in panel:
        limits.append((">", 0, panel["above_zero"]))
    colours = steps([] if coloured_words else limits)
    options, custom = KINDS[kind](panel, colours)
    defaults = {"unit": panel["unit"], "color": {"mode": "palette-classic" if kind == "timeseries" else "thresholds"},
                "thresholds": {"mode": "absolute", "steps": colours}, "mappings": mappings(panel), "custom": custom}
    defaults |= {key: panel[key] for key in ("min", "max", "decimals") if key in panel}
    if "none" in panel:
        defaults["noValue"] = panel["none"]
    once = kind in ("stat", "table")
    targets = []
    for i, (legend, expr) in enumerate(panel["queries"].items()):
        targets.append({"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": select(expr, metrics), "legendFormat": legend, "editorMode": "code",
                        "format": "table" if kind == "table" else "time_series", "instant": once, "range": not once})
    made = {"id": number, "type": kind, "title": panel["title"], "description": described(panel), "gridPos": place, "datasource": SOURCE,
            "targets": targets, "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}
    if kind == "table":
        names = panel["columns"]
        hidden = {name: True for name in ("Time", "__name__", "job", "Value") if name not in names}
        made["transformations"] = [{"id": "organize", "options": {
            "excludeByName": hidden, "indexByName": {name: i for i, name in enumerate(names)}, "renameByName": {}}}]
    # A line that is a limit, not a measurement.
    for name in panel.get("lines", []):
        made["fieldConfig"]["overrides"].append({"matcher": {"id": "byRegexp", "options": f"/^{re.escape(name)}/"}, "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}}, {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.stacking", "value": {"mode": "none", "group": "A"}}]})
    if "more" in panel:
        made["links"] = [{"title": f"More: {panel['more']}", "targetBlank": False, "type": "link", "icon": "external link", "tooltip": "",
                          "asDropdown": False, "includeVars": False, "keepTime": False, "tags": [],
                          "url": f"/d/{panel['more']}?${{__url_time_range}}&${{datasource:queryparam}}&${{instance:queryparam}}&${{model:queryparam}}"}]
    return made


def make_panels(rows, metrics, alerts):
    made, y = [], 0
    for row in rows:
        made.append({"id": len(made) + 1, "type": "row", "title": row["row"], "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
                     "panels": []})
        y, x, height = y + 1, 0, 0
        for panel in row["panels"]:
            if x + panel["width"] > 24:
                y, x, height = y + height, 0, 0
            high = panel.get("height", HEIGHTS[panel["kind"]])
            made.append(make_panel(len(made) + 1, panel, {"h": high, "w": panel["width"], "x": x, "y": y}, metrics, alerts))
            x, height = x + panel["width"], max(height, high)
        y += height
    return made


def variable(name, label, query, hidden):
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
            "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}, "refresh": 2, "regex": "", "sort": 1,
            # Every value matches, none at all too: what the daemon answers itself has no label instance.
            "multi": True, "includeAll": True, "allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [], "hide": 2 if hidden else 0, "skipUrlSync": False}


def annotation(name, colour, expr, title, text, metrics, at_value=False):
    return {"name": name, "enable": True, "hide": False, "iconColor": colour, "datasource": SOURCE, "expr": select(expr, metrics),
            "titleFormat": title, "textFormat": text, "step": "30s", "useValueForTime": at_value}


def make_dashboard(description, metrics, alerts):
    panels = make_panels(description["rows"], metrics, alerts)
    by_model = any('model=~"$model"' in target["expr"] for panel in panels for target in panel.get("targets", []))
    return {
        "id": None, "uid": description["uid"], "title": description["title"], "description": " ".join(description["about"].split()),
        "tags": ["inferd"], "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser",
        "fiscalYearStartMonth": 0, "weekStart": "", "time": {"from": "now-1h", "to": "now"}, "timepicker": {}, "refresh": "10s",
        "links": [{"type": "dashboards", "title": "inferd", "tags": ["inferd"], "asDropdown": False, "icon": "external link", "includeVars": True,
                   "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}],
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "", "options": [], "refresh": 1,
             "current": {"selected": True, "text": "default", "value": "default"}, "multi": False, "includeAll": False, "hide": 0, "skipUrlSync": False},
            variable("instance", "Instance", "label_values(inferd_build_info, instance)", False),
            # Where nothing is by model the choice is kept for the way back.
            variable("model", "Model", 'label_values(inferd_queue_capacity{instance=~"$instance"}, model)', not by_model)]},
        "annotations": {"list": [
            annotation("Restarts", "purple", "1000 * process_start_time_seconds and on (instance, job) inferd_build_info", "inferd started",
                       "{{instance}}", metrics, at_value=True),
            annotation("Critical alerts", "red", 'inferd_alerts{severity="critical",state="firing"} == 1', "{{alertname}}", "{{instance}}", metrics)]},
        "panels": panels}


def dashboards():
    """Path -> text of every dashboard."""
    metrics = catalogue()
    alerts, made = Alerts.shipped(metrics), {}
    for path in sorted((ROOT / "grafana/panels").glob("*.yml")):
        dashboard = make_dashboard(yaml.safe_load(path.read_text()), metrics, alerts)
        made[ROOT / "grafana/dashboards" / f"{dashboard['uid']}.json"] = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
    return made


if __name__ == "__main__":
    texts = dashboards()
    for stale in set((ROOT / "grafana/dashboards").glob("*.json")) - set(texts):
        stale.unlink()
    for file, text in texts.items():
        file.write_text(text)
