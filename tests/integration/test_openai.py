"""OpenAI's own client (npm: openai) works unchanged, down to its error classes."""
import contextlib
import hashlib
import http.client
import signal
import subprocess
import threading

import npm
from harness import PATIENCE, eventually
from test_lifecycle import LONG, in_background, tolerant_post


def drive(setup, d, case, key="none"):
    home = npm.installed("openai")
    environment = setup.environment({"INFERD_URL": f"http://127.0.0.1:{d.api}", "INFERD_KEY": key})
    done = subprocess.run(["node", "client.mjs", case], cwd=home, env=environment, capture_output=True, text=True, check=False,
                          timeout=150 * PATIENCE)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_models(setup):
    drive(setup, setup.shared(), "models")


def test_chat(setup):
    drive(setup, setup.shared(), "chat")


def test_streaming(setup):
    drive(setup, setup.shared(), "streaming")
    drive(setup, setup.shared(), "stream_helper")


def test_usage(setup):
    drive(setup, setup.shared(), "usage")


def test_logprobs(setup):
    drive(setup, setup.shared(), "logprobs")


def test_two_choices(setup):
    drive(setup, setup.shared(), "two_choices")


def test_stop(setup):
    drive(setup, setup.shared(), "stop")


def test_bad_request_error(setup):
    drive(setup, setup.shared(), "bad_request")


def test_not_found_error(setup):
    drive(setup, setup.shared(), "not_found")


def test_authentication_and_permission_errors(setup):
    with setup.daemon() as plain:
        keys = plain.folder / "keys"
        keys.write_text("".join(f"{role}:{role}:{hashlib.sha256(f'sk-{role}'.encode()).hexdigest()}\n" for role in ("user", "metrics")))
        keys.chmod(0o600)
        with setup.daemon({"auth": {"keys_file": str(keys)}}) as d:
            drive(setup, d, "chat", key="sk-user")
            drive(setup, d, "authentication", key="sk-nobody")
            drive(setup, d, "permission", key="sk-metrics")


def narrow(setup):
    return {"models": [{**setup.configuration()["models"][0], "max_running": 4}], "queue": {"capacity": 2, "deadline": "10m"},
            "lifecycle": {"drain_timeout": "10m"}}


def test_rate_limit_error(setup):
    npm.installed("openai")
    with setup.daemon(narrow(setup)) as d:
        enough = threading.Event()

        def keep_asking():
            while not enough.is_set():
                if getattr(tolerant_post(d, LONG), "status", 0) != 200:
                    enough.wait(0.05)  # refused: there is somebody else in the queue

        futures = in_background(8, keep_asking)
        try:
            eventually(lambda: d.metrics().sum("inferd_queue_depth") >= 2, 10, "the queue is full")
            # Between two answers it has a gap for a moment; the client meets it full sooner or later.
            for attempt in range(5):
                try:
                    drive(setup, d, "rate_limit")
                    break
                except AssertionError:
                    if attempt == 4:
                        raise
        finally:
            enough.set()
            d.process.kill()
            for f in futures:
                f.result(60 * PATIENCE)


def test_unavailable_error(setup):
    npm.installed("openai")
    with setup.daemon(narrow(setup)) as d:
        futures = in_background(3, lambda: tolerant_post(d, {**LONG, "max_tokens": 1500}))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 2, 10, "requests are inside")
        d.send(signal.SIGTERM)

        def draining():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return d.observe("/readyz").status == 503

        eventually(draining, 5, "the daemon drains")
        drive(setup, d, "unavailable")
        d.process.kill()
        for f in futures:
            f.result(60 * PATIENCE)


def test_aborted_stream(setup):
    with setup.daemon() as d:
        drive(setup, d, "aborted_stream")
        m = d.wait_idle(5)
        assert m.sum("inferd_requests_ended_total", outcome="cancelled") == 1
