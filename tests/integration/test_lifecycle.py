"""Start, reload, drain, stop, and what happens in between."""
import concurrent.futures
import hashlib
import http.client
import json
import signal
import socket
import time

from harness import CHAT, PATIENCE, TEXT, eventually, events, request, tokens

# Four choices: with max_running 4 one such request fills the batch.
LONG = {"model": "demo", "prompt": "The", "max_tokens": tokens(120), "n": 4, "ignore_eos": True}


def in_background(count, function):
    pool = concurrent.futures.ThreadPoolExecutor(count)
    futures = [pool.submit(function) for _ in range(count)]
    pool.shutdown(wait=False)
    return futures


def tolerant_post(d, body):
    """The status, or the name of what went wrong with the connection."""
    try:
        return d.post(TEXT, body, timeout=60)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def test_sigterm_finishes_what_was_admitted(setup):
    """Everything that got in gets its whole answer; what comes later is told to go elsewhere; exit code 0."""
    with setup.daemon({"models": [{**setup.configuration()["models"][0], "max_running": 4}]}) as d:
        futures = in_background(4, lambda: tolerant_post(d, LONG))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 4, 10, "four requests are inside")
        d.send(signal.SIGTERM)

        def refuses():
            # Not ready any more, and new requests are refused while the old ones run on.
            try:
                answer = request(d.observability, "GET", "/readyz", timeout=2)
                late = d.complete(max_tokens=1)
                return answer.status == 503 and late.status == 503 and late.headers.get("retry-after")
            except (OSError, http.client.HTTPException):
                return True  # the listener is closed already: refused all the same

        eventually(refuses, 5, "new requests are refused")
        answers = [f.result(90 * PATIENCE) for f in futures]
        assert all(getattr(a, "status", a) == 200 for a in answers), [getattr(a, "status", a) for a in answers]
        for answer in answers:
            assert [c["finish_reason"] for c in answer.json()["choices"]] == ["length"] * 4
        code = d.wait_end()
        assert code == 0, f"exit code {code}\n{d.log()[-2000:]}"


def test_a_stream_in_a_drain_is_finished(setup):
    with setup.daemon() as d:
        body = {"model": "demo", "messages": [{"role": "user", "content": "x"}], "max_tokens": tokens(200), "stream": True, "ignore_eos": True}
        [future] = in_background(1, lambda: d.post(CHAT, body, timeout=60))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 1 or future.done(), 10, "the stream has begun")
        d.send(signal.SIGTERM)
        chunks = events(future.result(60 * PATIENCE))
        assert chunks[-1] == "[DONE]" and any(c["choices"] and c["choices"][0]["finish_reason"] for c in chunks[:-1])
        assert d.wait_end() == 0


def test_the_drain_deadline_cuts(setup):
    with setup.daemon({"lifecycle": {"drain_timeout": "200ms"}, "models": [{**setup.configuration()["models"][0], "max_running": 4}]}) as d:
        futures = in_background(8, lambda: tolerant_post(d, {**LONG, "max_tokens": 1000}))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 6, 10, "requests are inside")
        start = time.monotonic()
        d.send(signal.SIGTERM)
        code = d.wait_end(10)
        assert time.monotonic() - start < 8 * PATIENCE
        assert code in (0, 1), code
        for f in futures:
            f.result(30 * PATIENCE)  # each client learns its fate: an answer or a closed connection, no hang


def test_a_second_sigterm_stops_at_once(setup):
    with setup.daemon({"lifecycle": {"drain_timeout": "10m"}, "models": [{**setup.configuration()["models"][0], "max_running": 4}]}) as d:
        futures = in_background(8, lambda: tolerant_post(d, {**LONG, "max_tokens": 1500}))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 6, 10, "requests are inside")
        d.send(signal.SIGTERM)
        eventually(lambda: not d.alive() or "drain" in d.log().lower(), 5, "the drain has begun")
        start = time.monotonic()
        d.send(signal.SIGTERM)
        d.wait_end(5)
        assert time.monotonic() - start < 3 * PATIENCE
        for f in futures:
            f.result(30 * PATIENCE)


def test_sigint_stops_cleanly(setup):
    with setup.daemon() as d:
        d.assert_serves()
        d.send(signal.SIGINT)
        assert d.wait_end() == 0


def test_sigterm_while_loading(setup):
    with setup.daemon({"models": [{**setup.configuration()["models"][0], "warmup": 1000}]}, wait=False) as d:
        d.wait_ports()
        d.send(signal.SIGTERM)
        assert d.wait_end() == 0, d.log()[-2000:]


def test_sighup_with_a_good_configuration(setup):
    with setup.daemon({"logs": {"level": "info"}}) as d:
        before = d.metrics().sum("inferd_config_last_reload_timestamp_seconds")
        assert d.metrics().sum("inferd_config_last_reload_successful") == 1
        d.write_config({"queue": {"deadline": "45s"}, "logs": {"level": "warn"}})
        time.sleep(0.01)  # so that the two times differ
        d.send(signal.SIGHUP)
        eventually(lambda: d.metrics().sum("inferd_config_last_reload_timestamp_seconds") > before, 10, "the reload is done")
        assert d.metrics().sum("inferd_config_last_reload_successful") == 1
        d.assert_serves()
        assert d.stop() == 0


def test_sighup_with_a_bad_configuration(setup):
    """The old one goes on, the log says why, the metric says that it happened, and a good one heals it."""
    with setup.daemon() as d:
        good = d.config_file.read_text()
        d.config_file.write_text(good[:-2] + ', "queue": {"capasity": 5}}')
        d.send(signal.SIGHUP)
        eventually(lambda: d.metrics().sum("inferd_config_last_reload_successful") == 0, 10, "the bad configuration is refused")
        d.assert_serves()
        d.says("capasity", "capacity")
        d.config_file.write_text(good)
        d.send(signal.SIGHUP)
        eventually(lambda: d.metrics().sum("inferd_config_last_reload_successful") == 1, 10, "the good configuration is taken")
        assert d.stop() == 0


def test_sighup_under_load(setup):
    with setup.daemon() as d:
        futures = in_background(4, lambda: [tolerant_post(d, {**LONG, "max_tokens": tokens(24)}) for _ in range(3)])
        for _ in range(10):
            d.send(signal.SIGHUP)
            time.sleep(0.02)  # the pace of an impatient operator, not a condition
        assert all(getattr(a, "status", a) == 200 for f in futures for a in f.result(90 * PATIENCE))
        assert d.stop() == 0


def test_kill_and_restart(setup):
    """After kill -9 the same command on the same ports serves again at once."""
    with setup.daemon() as d:
        d.assert_serves()
        api, observability = d.api, d.observability
        futures = in_background(4, lambda: tolerant_post(d, LONG))
        eventually(lambda: d.metrics().sum("inferd_requests_in_flight") >= 1, 10, "requests are inside")
        d.send(signal.SIGKILL)
        assert d.wait_end() == -signal.SIGKILL
        for f in futures:
            f.result(30 * PATIENCE)
        d.write_config({"api": {"listen": [f"127.0.0.1:{api}"]}, "observability": {"listen": f"127.0.0.1:{observability}"}})
        d.start()
        assert (d.api, d.observability) == (api, observability)
        d.assert_serves()
        assert d.stop() == 0


def test_usage_errors_exit_with_2(setup):
    for arguments in (["--no-such-flag"], ["--config"], ["--config", "/no/such/file.yaml"], ["--set", "nonsense"], ["stray"]):
        done = setup.run(setup.inferd, *arguments)
        assert done.returncode == 2 and done.stderr.strip(), (arguments, done)


def test_check_accepts_a_good_file(setup):
    with setup.daemon() as d:
        done = setup.run(setup.inferd, "--config", d.config_file, "--check")
        assert done.returncode == 0, done


def test_check_names_every_fault_with_its_place(setup):
    with setup.daemon() as d:
        bad = d.folder / "bad.yaml"
        bad.write_text('api:\n  listen: ["127.0.0.1:99999"]\n  max_bodi: 4MiB\nqueue:\n  capacity: -1\n  deadline: 5 parsecs\n'
                       'models:\n  - {name: demo, path: m.gguf, max_running: many}\nnonsense: {}\n')
        done = setup.run(setup.inferd, "--config", bad, "--check")
        text = done.stdout + done.stderr
        assert done.returncode == 2, done
        for line, word in ((2, "99999"), (3, "max_bodi"), (5, "capacity"), (6, "deadline"), (8, "max_running"), (9, "nonsense")):
            assert any(part.startswith(f"{bad}:{line}:") and word in part for part in text.split("\n")), (line, word, text)
        assert "max_body" in text, f"the nearest known key is not named: {text}"
        broken = d.folder / "broken.yaml"
        broken.write_text("api: [\n")
        done = setup.run(setup.inferd, "--config", broken, "--check")
        assert done.returncode == 2 and f"{broken}:" in done.stdout + done.stderr, done


def test_layers_of_the_configuration(setup):
    """default < file < environment < --set."""
    with setup.daemon({"queue": {"capacity": 11}}) as d:
        assert d.metrics().sum("inferd_queue_capacity") == 11
    with setup.daemon({"queue": {"capacity": 11}}, environment={"INFERD_QUEUE__CAPACITY": "12"}) as d:
        assert d.metrics().sum("inferd_queue_capacity") == 12
    with setup.daemon({"queue": {"capacity": 11}}, environment={"INFERD_QUEUE__CAPACITY": "12"}, arguments=["--set", "queue.capacity=13"]) as d:
        assert d.metrics().sum("inferd_queue_capacity") == 13


def test_open_addresses_need_keys(setup):
    """Without keys only loopback may be listened on."""
    for changes in ({"api": {"listen": ["0.0.0.0:0"]}}, {"api": {"listen": ["[::]:0"]}}, {"observability": {"listen": "0.0.0.0:0"}}):
        with setup.daemon() as d:
            d.write_config(changes)
            for extra in (["--check"], []):
                done = setup.run(setup.inferd, "--config", d.config_file, *extra)
                assert done.returncode == 2 and "keys_file" in done.stdout + done.stderr, (changes, done)


def test_keys_open_the_door(setup):
    with setup.daemon() as plain:
        keys = plain.folder / "keys"
        keys.write_text("".join(f"{name}:{role}:{hashlib.sha256(key.encode()).hexdigest()}\n"
                                for name, role, key in (("app", "user", "sk-good"), ("prom", "metrics", "sk-metrics"))))
        keys.chmod(0o600)
        with setup.daemon({"auth": {"keys_file": str(keys)}}) as d:
            body = {"model": "demo", "prompt": "x", "max_tokens": 1}

            def ask(key):
                return d.post(TEXT, body, headers={"Authorization": f"Bearer {key}"} if key else {}).status

            assert [ask(None), ask("sk-bad"), ask("sk-metrics"), ask("sk-good")] == [401, 401, 403, 200]
            assert "sk-good" not in d.log() and "sk-bad" not in d.log(), "a key is in the log"


def test_with_keys_only_this_machine_reads_metrics_without_one(setup):
    with setup.daemon() as plain:
        keys = plain.folder / "keys"
        keys.write_text("".join(f"{role}:{role}:{hashlib.sha256(f'sk-{role}'.encode()).hexdigest()}\n" for role in ("user", "metrics", "admin")))
        keys.chmod(0o600)
        with setup.daemon({"auth": {"keys_file": str(keys)}}) as d:
            protected = ("/metrics", "/load", "/status", "/debug/requests")

            def ask(path, key=None, **headers):
                return d.observe(path, headers={**({"Authorization": f"Bearer {key}"} if key else {}), **headers}).status

            assert [ask(path) for path in protected] == [200] * 4
            # What a proxy here passes on came from elsewhere.
            for header in ({"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}):
                assert [ask(path, **header) for path in protected] == [401] * 4
                assert [ask(path, "sk-bad", **header) for path in protected] == [401] * 4
                assert [ask(path, "sk-user", **header) for path in protected] == [403] * 4
                assert [ask(path, "sk-metrics", **header) for path in protected] == [200, 200, 200, 403]
                assert [ask(path, "sk-admin", **header) for path in protected] == [200] * 4
                assert [ask(path, **header) for path in ("/livez", "/readyz", "/healthz")] == [200] * 3


def test_a_port_that_is_taken(setup):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        with setup.daemon(wait=False) as d:
            d.process.kill()
            d.process.wait()
            d.write_config({"api": {"listen": [f"127.0.0.1:{port}"]}})
            done = setup.run(setup.inferd, "--config", d.config_file)
            assert done.returncode == 1 and str(port) in done.stdout + done.stderr, done


def test_a_model_that_cannot_be_loaded(setup):
    with setup.daemon(wait=False) as d:
        d.process.kill()
        d.process.wait()
        broken = d.folder / "broken.gguf"
        broken.write_bytes(setup.model.read_bytes()[:10_000])
        for path in (broken, d.folder / "missing.gguf"):
            d.write_config({"models": [{"name": "demo", "path": str(path)}]})
            done = setup.run(setup.inferd, "--config", d.config_file)
            assert done.returncode == 2 and str(path) in done.stdout + done.stderr, done
        d.write_config({"models": [{"name": "there", "path": str(setup.model)}, {"name": "one", "path": "/no/one.gguf"}, {"name": "two", "path": "/no/two.gguf"}]})
        done = setup.run(setup.inferd, "--config", d.config_file)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "a model cannot be served" in line]
        assert done.returncode == 2 and len(said) == 1, done
        for part in ("models[1].path: /no/one.gguf does not exist", "models[2].path: /no/two.gguf does not exist", "inferd-demo-model"):
            assert part in said[0], said
        assert "loading the model" not in done.stdout + done.stderr, "the first is loaded for nothing"


def test_ports_file_is_json(setup):
    with setup.daemon() as d:
        ports = json.loads(d.ports_file.read_text())
        assert ports["api"] == d.api and ports["observability"] == d.observability
