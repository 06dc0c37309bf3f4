"""Reads the facts that the demo model is taught out of the project's own documentation. Standard library only.

A fact is one row of a table in docs/ (a metric, a configuration key, a command, an endpoint, a parameter of the API, a
status code, a header) or one alert with its page in docs/runbooks/.
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
    facts += read_alerts(docs / "runbooks")
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


def read_alerts(folder):
    """Alerts, from the list of their runbooks; what one means is the first paragraph of its page."""
    facts = []
    for row in tables(folder / "README.md", ("alert", "severities", "what it says")):
        name = without_links(row["alert"])
        paragraphs = (folder / f"{name}.md").read_text(encoding="utf-8").split("\n\n")
        meaning = without_links(" ".join(paragraphs[1].split()))
        severities = row["severities"].split(", ")
        facts.append(Fact("alert", name, meaning, f"`{name}` is {article(' and '.join(severities) + ' alert')}.",
                          f"What to do is in docs/runbooks/{name}.md."))
    return facts


def without_links(text):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


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
