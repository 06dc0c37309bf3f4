"""What the tests of the service have in common: clients, and the state of the units."""
import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import socket
import time

import harness
import load

API, OBSERVE = 8080, 9464
BODY = {"model": "demo", "prompt": "The queue", "max_tokens": 4}
LONG = {"model": "demo", "prompt": "The", "max_tokens": 400, "ignore_eos": True}


def start_seconds(box):
    """How long a start takes on this machine at this moment: what a promise of seconds is measured by where others use the processors."""
    begin = time.monotonic()
    box.run("systemctl", "restart", "inferd.service")
    return time.monotonic() - begin


def seconds_between(box, first, then, unit="inferd.service"):
    """By the journal's own clock: from the last line with `first` to the next one with `then`. How long the tests took to look is not in it."""
    box.run("journalctl", "--sync")
    begin = None
    for line in box.run("journalctl", "-u", unit, "-o", "json", "--no-pager").splitlines():
        entry = json.loads(line)
        at, message = int(entry["__MONOTONIC_TIMESTAMP"]) * 1e-6, entry.get("MESSAGE") or ""
        if first in message:
            begin, found = at, None
        elif begin is not None and found is None and then in message:
            found = at - begin
    assert begin is not None and found is not None, (first, then)
    return found


def status_line(box, unit="inferd.service"):
    return box.prop(unit, "StatusText")


def ready(port=OBSERVE):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return harness.request(port, "GET", "/readyz", timeout=5).status == 200
    return False


def wait_ready(seconds=30, port=OBSERVE):
    harness.eventually(lambda: ready(port), seconds, "inferd is ready")


def ask(body=None, port=API, **options):
    return harness.request(port, "POST", "/v1/completions", {**BODY, **(body or {})}, **options)


def in_background(count, function):
    pool = concurrent.futures.ThreadPoolExecutor(count)
    futures = [pool.submit(function, i) for i in range(count)]
    pool.shutdown(wait=False)
    return futures


class Clients:
    """Clients that come at a steady rate, each on a connection of its own, while something else happens."""

    def __init__(self, rate, seconds):
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.future = pool.submit(lambda: asyncio.run(load.open_loop(API, "/v1/completions", {**BODY, "max_tokens": 1}, rate, seconds, timeout=60)))
        pool.shutdown(wait=False)

    def results(self):
        return self.future.result(120)

    def failures(self):
        return [result.error or result.status for result in self.results() if result.error or result.status != 200]


def knock(seconds, port=API):
    """Connects again and again for a while; the errors."""
    errors, tries, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        tries += 1
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError as error:
            errors.append(str(error))
        time.sleep(0.005)  # the pace of clients
    return tries, errors


def main_pid(box, unit="inferd.service"):
    return int(box.prop(unit, "MainPID"))
