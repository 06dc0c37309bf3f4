"""Log events are written in logging/events.h, and every other mention of one must be right."""
import re

import tree

EVENTS = "logging/events.h"
NAME = re.compile(r'\.name = "(\w+)",\s*\.level = Level::k(\w+)')
# Words in documents that look like a search for an event.
SEARCH = re.compile(r"\bEVENT=(\w+)|\bevent `?(\w+)`?|\"event\": ?\"(\w+)\"")


def events():
    """name -> level, from the structs."""
    found = {name: level.lower() for name, level in NAME.findall(tree.text(EVENTS))}
    assert len(found) > 10, "the structs in logging/events.h have another form than this test expects"
    return found


def test_docs_list_every_event():
    """docs/LOGS.md is made by build/dev/logging/logs_doc > docs/LOGS.md."""
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| (\w+) \|", tree.text("docs/LOGS.md"), re.MULTILINE))
    wrong = sorted(set(rows.items()) ^ set(events().items()))
    tree.report([f"{name} ({level})" for name, level in wrong],
                "rows that differ from logging/events.h; make them anew: build/dev/logging/logs_doc > docs/LOGS.md")


def test_every_event_is_in_the_list():
    """An event that AllEvents does not name has no page and no limit."""
    source = tree.text(EVENTS)
    listed = re.search(r"using AllEvents =\s*EventList<(.*?)>;", source, re.DOTALL)
    assert listed, "AllEvents is not where this test expects it"
    names = {name.strip() for name in listed.group(1).split(",")}
    structs = set(re.findall(r"^struct (\w+) \{$", source, re.MULTILINE)) - {"EventList"}
    tree.report(sorted(names ^ structs), "structs that are not in AllEvents, or the other way round")


def test_every_mention_exists():
    known, faults = events(), []
    for path in tree.matching(".md"):
        if path.startswith("models/"):
            continue
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            for groups in SEARCH.findall(line):
                word = next(filter(None, groups))
                if "_" in word and word not in known:
                    faults.append(f"{path}:{number}: {word}")
    tree.report(faults, "events that logging/events.h does not have")
