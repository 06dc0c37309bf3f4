"""Many clients that do little, and clients that go away."""
import contextlib
import json
import re
import resource
import select
import socket
import time

import runner
from harness import CHAT, PATIENCE, SLOW, eventually, http_bytes, tokens

IDLE, STREAMS = 1000, 500
MAX_GROWTH = 64 * 2**20


def enough_files(needed):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < needed:
        runner.skip(f"needs {needed} open files (ulimit -n)")


def stream_request(max_tokens, **parameters):
    return http_bytes(CHAT, json.dumps({"model": "demo", "messages": [{"role": "user", "content": "x"}], "stream": True,
                                        "max_tokens": max_tokens, "ignore_eos": True, **parameters}))


def test_a_thousand_idle_connections_and_five_hundred_streams(setup):
    enough_files(2 * (IDLE + STREAMS) + 200)
    config = {"queue": {"capacity": STREAMS, "deadline": "10m"}, "api": {"listen": ["127.0.0.1:0"], "idle_timeout": "10m", "max_connections": 4096}}
    with setup.daemon(config) as d, contextlib.ExitStack() as stack:
        # Warm: buffers, caches and the batch that the model needs anyway.
        for _ in range(20):
            d.chat(max_tokens=8, n=8)
        before = d.rss()

        def connect():
            return stack.enter_context(socket.create_connection(("127.0.0.1", d.api), timeout=60 * PATIENCE))

        idle = [connect() for _ in range(IDLE)]
        for s in idle:
            s.sendall(http_bytes("/v1/models", b"", method="GET"))
        for s in idle:
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(4096)
            assert head.startswith(b"HTTP/1.1 200"), head[:200]
        streams = [connect() for _ in range(STREAMS)]
        for s in streams:
            s.sendall(stream_request(2 if SLOW else 8))
        eventually(lambda: d.metrics().sum("inferd_http_connections", plane="api") >= IDLE + 1, 20, "the connections are counted")

        received = {s: b"" for s in streams}
        open_streams, peak, deadline = set(streams), d.rss(), time.monotonic() + 120 * PATIENCE
        while open_streams:
            assert time.monotonic() < deadline, f"{len(open_streams)} streams have not ended"
            readable = poll(open_streams)
            for s in readable:
                chunk = s.recv(65536)
                received[s] += chunk
                if not chunk or b"data: [DONE]" in received[s] or (b"HTTP/1.1 4" in received[s][:16]):
                    open_streams.discard(s)
            peak = max(peak, d.rss())
        done = sum(b"data: [DONE]" in data for data in received.values())
        statuses = {}
        for data in received.values():
            statuses[data[9:12]] = statuses.get(data[9:12], 0) + 1
        print(f"  {done} of {STREAMS} streams complete {statuses}; RSS {before / 2**20:.0f} MiB, peak +{(peak - before) / 2**20:.0f} MiB")
        assert done == STREAMS, statuses
        if not SLOW:  # a sanitizer's shadow and quarantine are not the daemon's memory
            assert peak - before < MAX_GROWTH, f"RSS grew by {(peak - before) / 2**20:.0f} MiB"
        d.assert_serves()
        d.wait_idle()


def poll(sockets):
    """Those that have something to read; waits half a second at most."""
    poller = select.poll()
    by_number = {s.fileno(): s for s in sockets}
    for number in by_number:
        poller.register(number, select.POLLIN | select.POLLHUP)
    return [by_number[n] for n, _ in poller.poll(500)]


def test_one_connection_too_many(setup):
    with setup.daemon({"api": {"listen": ["127.0.0.1:0"], "max_connections": 20}}) as d, contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", d.api), timeout=10 * PATIENCE)) for _ in range(20)]
        for s in held:
            s.sendall(http_bytes("/v1/models", b"", method="GET"))
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", d.api), timeout=10 * PATIENCE) as late:
            with contextlib.suppress(OSError):
                late.sendall(http_bytes("/v1/models", b"", method="GET"))
            data = b""
            with contextlib.suppress(ConnectionError):
                data = late.recv(4096)
            assert data == b"" or data.startswith(b"HTTP/1.1 503"), data[:200]
        assert d.observe("/healthz").status == 200
        held.pop().close()
        eventually(lambda: serves(d), 10, "a place is free again")


def serves(d):
    with contextlib.suppress(OSError, AssertionError):
        d.assert_serves()
        return True
    return False


def test_work_stops_when_the_client_goes(setup):
    """Within a second of the disconnect the engine has dropped the request, streaming or not, and counts it as cancelled."""
    with setup.daemon() as d:
        for stream in (True, False):
            before = d.metrics().sum("inferd_requests_ended_total", outcome="cancelled")
            generated = d.metrics().sum("inferd_generated_tokens_total")
            body = {"model": "demo", "messages": [{"role": "user", "content": "x"}], "stream": stream, "n": 8, "ignore_eos": True}
            with socket.create_connection(("127.0.0.1", d.api), timeout=20 * PATIENCE) as s:
                s.sendall(http_bytes(CHAT, json.dumps(body)))
                eventually(lambda: d.metrics().sum("inferd_requests_running") > 0, 10, "the request runs")
            start = time.monotonic()
            eventually(lambda: d.metrics().sum("inferd_requests_running") == 0, 5, "the engine has dropped the request")
            took = time.monotonic() - start
            assert took < 1.0 * PATIENCE, f"it ran on for {took:.1f} s after its client had gone"
            m = d.wait_idle()
            assert m.sum("inferd_requests_ended_total", outcome="cancelled") == before + 1, re.findall(r"inferd_requests_ended_total.*", m.text)
            assert m.sum("inferd_generated_tokens_total") >= generated
        assert d.stop() == 0


def test_a_client_that_does_not_read_is_dropped(setup):
    with setup.daemon({"api": {"listen": ["127.0.0.1:0"], "write_timeout": "1s"}, "queue": {"deadline": "10m"}}) as d:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", d.api))
            # With 20 alternatives for each token an answer is larger than what the kernel buffers for a connection.
            s.sendall(stream_request(tokens(400), n=8, logprobs=True, top_logprobs=20))
            eventually(lambda: d.metrics().sum("inferd_requests_ended_total") == 1, 60, "the request has ended")
            m = d.wait_idle()
            if not SLOW:  # fewer tokens are asked for there, and they fit into the buffers
                assert m.sum("inferd_requests_ended_total", outcome="cancelled") == 1, re.findall(r"inferd_requests_ended_total.* 1", m.text)
        d.assert_serves()
