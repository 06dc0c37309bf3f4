"""Metric names are written in metrics/catalogue.cc, and every other mention of one must be right."""
import functools
import re

import tree

CATALOGUE = "metrics/catalogue.cc"
ROW = re.compile(r'\{Metric::k\w+, Section::k(\w+), k(Counter|Gauge|Histogram), k\w+, "([\w:]+)"')
WORD = re.compile(r"\binferd_[a-z0-9_]+")
# Files where an inferd_ word is a metric name if it is anything.
TEXTS = (".md", ".yml", ".yaml", ".json", ".py", ".ts", ".rules", ".html", ".sh")
# Words of ours that are no metric.
OTHER_WORDS = {"inferd_result_"}


@functools.cache
def catalogue():
    """name -> type, from the table."""
    rows = {name: kind.lower() for _, kind, name in ROW.findall(tree.text(CATALOGUE))}
    assert len(rows) > 40, "the table in metrics/catalogue.cc has another form than this test expects"
    return rows


def is_known(word, metrics):
    if word in metrics:
        return True
    for suffix in ("_bucket", "_sum", "_count"):
        if word.endswith(suffix) and metrics.get(word[: -len(suffix)]) == "histogram":
            return True
    # OpenMetrics names a counter's family without _total.
    if metrics.get(word + "_total") == "counter":
        return True
    # "inferd_kv_cache_*" in prose.
    return word.endswith("_") and any(name.startswith(word) for name in metrics)


def build_words():
    """Names of CMake targets and functions."""
    words = set(OTHER_WORDS)
    for path in tree.files():
        if path.endswith(("CMakeLists.txt", ".cmake")):
            words.update(WORD.findall(tree.text(path)))
    return words


def test_every_mention_is_in_the_catalogue():
    metrics, build, faults = catalogue(), build_words(), []
    for path in tree.files():
        # The demo model also learns to say that it does not know made-up names; rules that wait name what is not there yet.
        if path.startswith(("models/", "alerts/rules/pending/")):
            continue
        if path.endswith(TEXTS):
            source = tree.text(path)
        elif path.endswith((".cc", ".h")):
            source = "\n".join(re.findall(r'"(?:\\.|[^"\\\n])*"', tree.code(path)))
        else:
            continue
        for number, line in enumerate(source.split("\n"), 1):
            for word in WORD.findall(line):
                if not is_known(word, metrics) and word not in build and word != "inferd_no_such_metric":
                    faults.append(f"{path}{':' + str(number) if path.endswith(TEXTS) else ''}: {word}")
    tree.report(faults, "metric names that metrics/catalogue.cc does not have")


def test_code_takes_names_from_the_catalogue():
    metrics, faults = catalogue(), []
    for path in tree.matching(".cc", ".h"):
        if path.startswith(("runtime/", "metrics/", "daemon/", "cli/", "logging/", "alerts/", "scaling/")) and path != CATALOGUE:
            literals = "\n".join(re.findall(r'"(?:\\.|[^"\\\n])*"', tree.code(path)))
            faults += [f"{path}: {word} (use Metric ids)" for word in WORD.findall(literals) if is_known(word, metrics)]
    tree.report(faults, "metric names written in code")


def test_docs_list_every_metric():
    """docs/METRICS.md is made by build/dev/metrics/metrics_doc > docs/METRICS.md."""
    metrics, docs = catalogue(), tree.text("docs/METRICS.md")
    assert "| metric | type | labels | help |" in docs
    rows = re.findall(r"^\| `([\w:]+)` \| (\w+) \|", docs, re.MULTILINE)
    assert len(rows) == len(set(rows)), "a metric has two rows"
    wrong = sorted(set(rows) ^ set(metrics.items()))
    tree.report([f"{name} ({kind})" for name, kind in wrong],
                "rows that differ from the catalogue; make them anew: build/dev/metrics/metrics_doc > docs/METRICS.md")
