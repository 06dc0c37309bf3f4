"""Reads the facts that the demo model is taught out of the project's own documentation. Standard library only.

A fact is one row of a table in docs/ (a metric, a configuration key, a command, an endpoint, a parameter of the API, a
status code, a header) or one alert of alerts/rules/. Files that do not exist yet are skipped.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Fact:
    kind: str     # one of KINDS
    name: str     # as typed: inferd_queue_depth, queue.capacity, inferctl status, GET /load
    help: str     # what the documentation says of it, one line, complete sentences
    lead: str     # how an answer begins, before the help
    details: str  # a sentence on labels, port or range; may be empty

    def answer(self):
        """The plain complete answer."""
        return f"{self.lead} {self.help}"


KINDS = ("metric", "key", "command", "endpoint", "parameter", "status", "header", "alert")


def read_facts(root=ROOT):
    """Returns the list of Facts of the tree, in the order of the documents; (kind, name) is unique."""
    docs = root / "docs"
    facts = []
    for row in tables(docs / "METRICS.md", ("metric", "type", "labels", "help")):
        labels = re.findall(r"`([^`]+)`", row["labels"])
        name = plain(row["metric"])
        facts.append(Fact("metric", name, sentence(row["help"]), f"`{name}` is {article(row['type'])}.",
                          label_sentence(labels)))
    for row in tables(docs / "CONFIGURATION.md", ("key", "type", "default", "help")):
        name, default = plain(row["key"]), row["default"].strip("` ") or "none"
        given = "required" if default == "(required)" else f"default {default}"
        facts.append(Fact("key", name, sentence(row["help"]), f"`{name}` ({plain(row['type'])}, {given}):", ""))
    for row in tables(docs / "COMMANDS.md", ("command", "what it does")):
        name = plain(row["command"])
        facts.append(Fact("command", name, sentence(row["what it does"]), f"`{name}`:", ""))
    facts += read_endpoints(docs / "API.md")
    for row in tables(docs / "API.md", ("parameter", "allowed", "default", "meaning")):
        for name in re.findall(r"`([^`]+)`", row["parameter"]):
            details = f"Allowed: {row['allowed']}. Default: {row['default']}."
            facts.append(Fact("parameter", name, sentence(row["meaning"]) + " " + details, f"`{name}`:", details))
    for row in tables(docs / "API.md", ("status", "when")):
        name = plain(row["status"])
        facts.append(Fact("status", name, sentence(row["when"]), f"Status {name}:", ""))
    for row in tables(docs / "API.md", ("header", "direction", "meaning")):
        name = plain(row["header"]).split(":")[0]
        facts.append(Fact("header", name, sentence(row["meaning"]), f"`{name}` ({directions(row['direction'])}):", ""))
    for path in sorted((root / "alerts" / "rules").glob("*.yml")):
        facts += read_alerts(path)
    unique = {}
    for fact in facts:
        unique.setdefault((fact.kind, fact.name), fact)
    return list(unique.values())


def tables(path, columns):
    """Yields the rows, as dicts, of every Markdown table in a file that has exactly these columns."""
    if not path.exists():
        return
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if tuple(cells) == columns:
            inside = True
        elif not cells:
            inside = False
        elif inside and not all(re.fullmatch(r":?-+:?", c) for c in cells) and len(cells) == len(columns):
            yield dict(zip(columns, cells))


def read_endpoints(path):
    """Endpoints; one that is on both ports becomes one fact. The port is in the heading above the table."""
    if not path.exists():
        return []
    found = {}
    port = None
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"#+ .*\bport (\d+)", line)
        if heading:
            port = heading.group(1)
        row = re.match(r"\| `((?:GET|POST|PUT|DELETE) [^`]+)` \| (.*) \|$", line.strip())
        if row:
            found.setdefault(row.group(1), []).append((port, sentence(row.group(2))))
    facts = []
    for name, places in found.items():
        text = " ".join(f"On port {port}: {lower_first(help_)}" if len(places) > 1 else help_ for port, help_ in places)
        ports = " and ".join(port for port, _ in places if port)
        ports = ports and ("ports " if len(places) > 1 else "port ") + ports
        facts.append(Fact("endpoint", name, text, f"`{name}` on {ports}:" if ports else f"`{name}`:",
                          f"It is on {ports}." if ports else ""))
    return facts


def read_alerts(path):
    """Alerts of a Prometheus rule file, read line by line: alert, for, severity, summary, description."""
    facts, current, folded = [], None, None
    lines = path.read_text(encoding="utf-8").splitlines() + ["- alert: "]
    for line in lines:
        start = re.match(r"\s*- (?:alert|record):\s*(\S*)", line)
        if start:
            if current and current.get("name"):
                facts.append(alert_fact(current))
            current, folded = ({"name": start.group(1)} if "alert:" in line else None), None
            continue
        if current is None:
            continue
        inline = re.match(r"\s*(?:labels|annotations):\s*\{(.*)\}\s*$", line)
        if inline:
            for key, quoted, bare in re.findall(r"(\w+):\s*(?:[\"'](.*?)[\"'](?=\s*(?:,|$))|([^,]+))", inline.group(1)):
                current[key] = (quoted or bare).strip()
            continue
        item = re.match(r"(\s*)(for|severity|summary|description):\s*(.*)$", line)
        if item:
            value = item.group(3).strip()
            folded = (item.group(2), len(item.group(1))) if value in ("|", ">", "|-", ">-") else None
            current[item.group(2)] = "" if folded else value.strip("'\"")
        elif folded and line.strip() and len(line) - len(line.lstrip()) > folded[1]:
            current[folded[0]] = (current[folded[0]] + " " + line.strip()).strip()
        else:
            folded = None
    return facts


def alert_fact(raw):
    # Annotations hold Go templates, filled in when the alert fires; here the words around them are what matters.
    def words(text):
        text = re.sub(r"\{\{[^}]*\$labels\.(\w+)[^}]*\}\}", r"the \1", text)
        text = re.sub(r"\{\{[^}]*\}\}", "the value", text)
        return re.sub(r"\s+", " ", text).strip()

    text = " ".join(sentence(words(raw[k])) for k in ("summary", "description") if raw.get(k))
    severity = raw.get("severity", "")
    held = f"It fires after {raw['for']}." if raw.get("for") else "It fires at once."
    lead = f"`{raw['name']}` is {article(severity + ' alert') if severity else 'an alert'}."
    return Fact("alert", raw["name"], f"{text} {held}".strip(), lead, held)


def label_sentence(labels):
    if len(labels) == 1:
        return f"Its label is {listing(labels)}."
    return f"Its labels are {listing(labels)}." if labels else "It has no labels."


def directions(cell):
    return "header of requests and responses" if cell == "both" else f"{cell} header"


def plain(cell):
    return cell.replace("`", "").strip()


def sentence(text):
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else text + "."


def article(noun):
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"


def listing(items):
    quoted = [f"`{i}`" for i in items]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


def lower_first(text):
    """Lowers the first letter unless the first word is an abbreviation or a name."""
    first = text.split(" ", 1)[0]
    return text if sum(c.isupper() for c in first) > 1 or "`" in first else text[:1].lower() + text[1:]
