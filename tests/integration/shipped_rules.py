"""The shipped alert rules in less time: thresholds, labels and selectors as they are, every duration shorter by one factor."""
import json
import re

import runner

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION = r"(?:\d+(?:ms|[smhd]))+"
# A window in an expression: [5m], [1d:1m], offset 5m.
WINDOW = re.compile(rf"(?<=\[){DURATION}(?:(?=\])|:{DURATION})|(?<=offset ){DURATION}")
# A number of seconds that stands for a duration of the rules: sum_over_time(...) * 60, predict_linear(..., 4 * 3600). Days are those of a
# certificate, which lives as long as it does.
SECONDS = re.compile(r"(?<=\* )(?:60|3600)\b")


def milliseconds(text):
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", text))


def shorter(text, factor):
    """A duration, `factor` times shorter, in whole milliseconds."""
    return f"{max(1, round(milliseconds(text) / factor))}ms"


def scaled_expression(expr, factor):
    expr = WINDOW.sub(lambda m: ":".join(shorter(part, factor) for part in m.group().split(":")), expr)
    return SECONDS.sub(lambda m: f"{int(m.group()) / factor:g}", expr)


def scaled(document, factor):
    groups = []
    for group in document["groups"]:
        group = {**group, "rules": [dict(rule) for rule in group["rules"]]}
        for thing in (group, *group["rules"]):
            for key in ("interval", "for", "keep_firing_for"):
                if key in thing:
                    thing[key] = shorter(thing[key], factor)
        for rule in group["rules"]:
            rule["expr"] = scaled_expression(rule["expr"], factor)
        groups.append(group)
    return {**document, "groups": groups}


def documents(setup, pattern="alerts/rules/*.yml"):
    """Path -> parsed rule file."""
    try:
        import yaml
    except ImportError:
        runner.skip("python3-yaml is not installed (scripts/setup test)")
    found = {path: yaml.safe_load(path.read_text()) for path in sorted(setup.root.glob(pattern))}
    assert found, f"no rule file at {pattern}"
    return found


def key(labels, name=None):
    """What one shipped alert is called here: name/severity, and /window where a pair of windows has one rule each."""
    parts = (name or labels["alertname"], labels["severity"], labels.get("window"))
    return "/".join(part for part in parts if part)


def alerts(setup):
    """The keys of all shipped alerts, those for Prometheus alone too."""
    return {key(rule["labels"], rule["alert"]) for document in documents(setup, "alerts/*/*.yml").values()
            for group in document["groups"] for rule in group["rules"] if "alert" in rule}


def write(setup, folder, factor, pattern="alerts/rules/*.yml"):
    """The shipped rules, `factor` times as quick, in `folder`; the pattern that loads them. With 1 they are the files themselves."""
    if factor == 1:
        return str(setup.root / pattern)
    for path, document in documents(setup, pattern).items():
        (folder / path.name).write_text(json.dumps(scaled(document, factor), indent=1))
    return str(folder / "*.yml")
