"""Health from progress, on the real daemon: its engine stands still, or is slow, when a file says so (runtime/engine/fault_injection.h)."""
import contextlib
import json
import pathlib
import signal
import socket
import tempfile
import time

import runner
from harness import CHAT, TEXT, eventually, http_bytes, request


class Faults:
    """The file that makes engines fail."""

    def __init__(self, daemon, path):
        self.daemon, self.path = daemon, path

    def set(self, text):
        new = self.path.with_suffix(".new")
        new.write_text(text + "\n")
        new.rename(self.path)

    def clear(self):
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def breakable(setup, tmp, config=None, environment=None):
    """A daemon and what breaks it; healed again at the end, or it could not stop."""
    path = pathlib.Path(tmp) / "faults"
    with setup.daemon(config, environment={"INFERD_FAULTS": str(path), **(environment or {})}) as d:
        if "engines fail on demand" not in d.log():
            runner.skip("this build has no fault injection (INFERD_FAULT_INJECTION)")
        faults = Faults(d, path)
        try:
            yield d, faults
        finally:
            faults.clear()


def folder():
    return tempfile.TemporaryDirectory(prefix="inferd-faults-")


def send_only(port, path, body, headers=()):
    """A request whose answer nobody waits for yet."""
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(http_bytes(path, json.dumps(body), headers))
    return s


def verdict(d, port=None):
    answer = request(port or d.observability, "GET", "/healthz", timeout=5)
    return answer.status, answer.json()["status"], answer.json()["reasons"]


def test_a_stalled_engine_is_called_stalled_and_recovers(setup):
    with folder() as tmp, breakable(setup, tmp) as (d, faults):
        assert verdict(d)[:2] == (200, "ok")
        faults.set("stall")
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}) as s:
            status, word, reasons = eventually(lambda: (v := verdict(d))[1] == "stalled" and v, 15, "the verdict is stalled")
            assert status == 503 and "no progress" in reasons[0], reasons
            # Everything else answers, on both planes, and says the same.
            assert verdict(d, d.api)[:2] == (503, "stalled")
            assert d.observe("/readyz").status == 503 and d.get("/readyz").status == 503
            assert d.observe("/load").json()["age_seconds"] > 2
            m = d.metrics()
            m.assert_balanced()
            assert m.sum("inferd_engine_state", state="stalled") == 1
            assert m.sum("inferd_request_oldest_without_token_seconds") > 2
            assert d.observe("/livez").status == 200 and d.observe("/load").json()["queued"] + d.observe("/load").json()["running"] == 1
            assert d.get("/v1/models").status == 200
            faults.clear()
            s.settimeout(30)
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
        eventually(lambda: verdict(d)[:2] == (200, "ok"), 10, "it is ok again")
        assert d.stop() == 0


def test_a_drain_that_cannot_end_says_why(setup):
    config = {"lifecycle": {"drain_timeout": "60s", "stop_timeout": "1s"}}
    with folder() as tmp, breakable(setup, tmp, config) as (d, faults):
        faults.set("stall")
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}) as s:
            eventually(lambda: sum(d.observe("/load").json()[k] for k in ("queued", "running")) == 1, 10, "the request is inside")
            d.send(signal.SIGTERM)
            status, word, reasons = eventually(lambda: (v := verdict(d))[1] == "draining" and len(v[2]) > 1 and v, 15, "the stall is among the reasons")
            assert status == 503 and reasons[1].startswith("stalled: no progress for"), reasons
            ready = d.observe("/readyz")
            assert ready.status == 503 and b"draining: " in ready.body and b"stalled: no progress" in ready.body, ready
            assert d.metrics().sum("inferd_engine_state", state="stalled") == 1
            assert d.observe("/status").json()["state"] == "draining"
            faults.clear()
            s.settimeout(30)
            assert s.recv(65536).startswith(b"HTTP/1.1 200"), "the drain finishes what is inside"


def test_a_deadline_holds_while_the_engine_stands_still(setup):
    with folder() as tmp, breakable(setup, tmp) as (d, faults):
        before = d.metrics()
        faults.set("slow 20")
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 200, "ignore_eos": True, "stream": True},
                       ["X-Request-Timeout: 8"]) as stream:
            stream.settimeout(30)
            received = b""
            while b"data: " not in received:
                received += stream.recv(65536)
            faults.set("stall")
            start = time.monotonic()
            answer = d.post(TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}, headers={"X-Request-Timeout": "2"})
            assert answer.status == 408 and answer.json()["error"]["code"] == "deadline_exceeded", answer
            assert time.monotonic() - start > 1.9
            while chunk := stream.recv(65536):
                received += chunk
            assert b"deadline_exceeded" in received and received.endswith(b"0\r\n\r\n"), received[-300:]
        m = d.metrics()
        m.assert_balanced()
        assert m.sum("inferd_requests_in_flight") == 2, "the engine has not let go"
        faults.clear()
        m = d.wait_idle()
        assert m.sum("inferd_requests_ended_total", outcome="expired") - before.sum("inferd_requests_ended_total", outcome="expired") == 2
        m.assert_balanced()
        eventually(lambda: d.metrics().sum("inferd_http_connections", plane="api") == 0, 10, "no connection is left")
        assert d.post(TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}).status == 200
        assert d.stop() == 0


def test_a_stuck_engine_does_not_keep_the_process_alive(setup):
    config = {"lifecycle": {"drain_timeout": "1s", "stop_timeout": "1s"}}
    with folder() as tmp, breakable(setup, tmp, config) as (d, faults):
        faults.set("stall")
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue", "max_tokens": 2}):
            eventually(lambda: sum(d.observe("/load").json()[k] for k in ("queued", "running")) == 1, 10, "the request is inside")
            assert d.stop() == 1
        assert "an engine does not stop" in d.log()


def test_a_slow_engine_is_busy_and_never_stalled(setup):
    """Each sign of life comes late, and a step takes longer than what would be a stall."""
    with folder() as tmp, breakable(setup, tmp) as (d, faults):
        faults.set("slow 120")
        seen = set()
        with send_only(d.api, TEXT, {"model": "demo", "prompt": "The queue " * 20, "max_tokens": 2, "ignore_eos": True}) as s:
            def busy_for_long():
                status, word, reasons = verdict(d)
                seen.add(word)
                assert status == 200, (status, word, reasons)
                return any(r.startswith("in a step for") and float(r.split()[4]) > 3.5 for r in reasons)

            eventually(busy_for_long, 60, "a step of more than 3.5 s")
            # What the step works on runs, and does not wait: the plan is shown before its end.
            load = d.observe("/load").json()
            assert (load["queued"], load["running"]) == (0, 1) and load["kv_usage"] > 0, load
            faults.clear()
            s.settimeout(30)
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
        assert "stalled" not in seen and "busy" in seen, seen


def test_a_full_queue_is_degraded_and_still_200(setup):
    config = {"models": [{**setup.configuration()["models"][0], "max_running": 1}], "queue": {"capacity": 2}}
    with folder() as tmp, breakable(setup, tmp, config) as (d, faults), contextlib.ExitStack() as open_sockets:
        faults.set("slow 50")
        body = {"model": "demo", "messages": [{"role": "user", "content": "x"}], "max_tokens": 50, "ignore_eos": True}
        for _ in range(4):
            open_sockets.enter_context(send_only(d.api, CHAT, body))
        status, _, reasons = eventually(lambda: (v := verdict(d))[1] == "degraded" and v, 20, "the verdict is degraded")
        assert status == 200 and "queue is full" in reasons[0], reasons
        assert d.observe("/readyz").status == 200
        faults.clear()
        open_sockets.close()
        d.wait_idle()
