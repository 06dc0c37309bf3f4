"""Reads what the daemon has logged, and takes nothing but whole lines of strict JSON."""
import gzip
import json


def strict(line):
    """RFC 8259 and no more: no NaN, no name twice."""
    def once(pairs):
        assert len({name for name, _ in pairs}) == len(pairs), f"a name is there twice: {line!r}"
        return dict(pairs)

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(line, object_pairs_hook=once, parse_constant=refuse)


def lines_in(text, where):
    assert not text or text.endswith(b"\n"), f"{where} ends inside a line: {text[-200:]!r}"
    return [strict(line) for line in text.split(b"\n")[:-1]]


def text_of(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def lines_of(path):
    """Every line of a log file, parsed; a line that is none fails the test."""
    return lines_in(text_of(path), path)
