"""The installed service in its life: start, work, reload, stop, crash. What clients see of it, and what an operator sees."""
import contextlib
import hashlib
import http.client
import json
import signal
import time

import harness
import runner
from collector import Collector
from service import API, LONG, OBSERVE, Clients, ask, in_background, knock, main_pid, ready, seconds_between, start_seconds, status_line, wait_ready


# The tests are about what happens to requests, not about how fast this machine is.
PATIENT = "[Service]\nEnvironment=INFERD_QUEUE__DEADLINE=1d INFERD_QUEUE__CAPACITY=2000 INFERD_LIFECYCLE__START_PATIENCE=10m\n"


@contextlib.contextmanager
def faulty(setup, settings, fault):
    """The service with an engine that fails as runtime/engine/fault_injection.h says. A restart heals it: the file goes with the process."""
    with setup.settings(settings + "Environment=INFERD_FAULTS=/run/inferd/faults\n"):
        setup.run("systemctl", "restart", "inferd.service")
        if "engines fail on demand" not in setup.journal():
            runner.skip("this build has no fault injection (INFERD_FAULT_INJECTION)")
        setup.run("install", "-m", "644", "/dev/stdin", "/run/inferd/faults", stdin=fault + "\n")
        yield


def test_start_waits_until_the_model_answers(setup):
    """`systemctl start` returns when the model is loaded and warm, not before; meanwhile the status line says what is going on."""
    with setup.settings("[Service]\nEnvironment=INFERD_MODELS__0__WARMUP=20\n"):
        setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
        seen = set()
        [starting] = in_background(1, lambda _: setup.run("systemctl", "start", "inferd.service"))
        while not starting.done():
            # Asked before: systemd may learn of it a moment later.
            was_ready = ready() and setup.prop("inferd.service", "StatusText").startswith("Serving")
            shown = setup.run("systemctl", "show", "-p", "ActiveState,StatusText", "inferd.service")
            state, text = (dict(line.split("=", 1) for line in shown.splitlines())[key] for key in ("ActiveState", "StatusText"))
            assert not (was_ready and state == "activating"), text
            seen.add((state, text))
        starting.result()
        assert ready() and ask().status == 200
        assert setup.prop("inferd.service", "ActiveState") == "active"
        assert any(state == "activating" and text.startswith(("Loading", "Warming")) for state, text in seen), seen
        harness.eventually(lambda: status_line(setup) == "Serving 0, queue 0", 5, "the status line says that it serves")


def test_a_start_that_fails_says_so(setup):
    """A bad configuration is no reason to try again; systemctl start fails, and the journal has the fault."""
    with setup.settings("[Service]\nEnvironment=INFERD_QUEUE__CAPACITY=many\n"):
        setup.run("systemctl", "restart", "inferd.service", check=False)
        assert setup.code != 0
        assert setup.prop("inferd.service", "ExecMainStatus") == "2" and setup.prop("inferd.service", "NRestarts") == "0"
        assert "environment INFERD_QUEUE__CAPACITY: queue.capacity" in setup.journal("-n", "20")


def test_a_model_that_the_service_may_not_read(setup):
    """Files of others and home folders are closed to a dynamic user: one line says which, to whom, and what to do; nobody tries again."""
    setup.shell("install -d -m 755 /srv/models; install -m 600 /usr/share/inferd/models/inferd-demo.gguf /srv/models/mine.gguf; "
                "install -m 644 /srv/models/mine.gguf /root/mine.gguf")
    for path, closed in (("/srv/models/mine.gguf", "the file"), ("/root/mine.gguf", "the folder /root")):
        setup.run("systemctl", "stop", "inferd.socket", "inferd.service")
        since = setup.run("date", "+@%s.%N").strip()
        with setup.settings(f"[Service]\nEnvironment=INFERD_MODELS__0__PATH={path}\n"):
            setup.run("systemctl", "start", "inferd.service", check=False)
            assert setup.code != 0
            assert setup.prop("inferd.service", "ExecMainStatus") == "2" and setup.prop("inferd.service", "NRestarts") == "0"
            said = setup.run("journalctl", "--quiet", "-o", "cat", "-p", "crit", "--since", since, "_SYSTEMD_UNIT=inferd.service").splitlines()
            assert len(said) == 1, said
            for part in (f"models[0].path: {path} cannot be read: {closed} is closed to the user inferd (uid ", "/var/lib/inferd-models"):
                assert part in said[0], (part, said)


def test_what_the_journal_does_not_take_is_counted(setup):
    """Without its socket libsystemd drops entries and says that all is well."""
    def dropped():
        text = harness.request(OBSERVE, "GET", "/metrics").body.decode()
        return harness.Metrics(text).sum("inferd_log_dropped_total", reason="journal")

    wait_ready()
    assert dropped() == 0
    setup.run("mv", "/run/systemd/journal/socket", "/run/systemd/journal/aside")
    try:
        assert ask(headers={"X-Request-Id": "nobody-hears-me"}).status == 200
        harness.eventually(lambda: dropped() > 0, 10, "the loss is counted")
    finally:
        setup.run("mv", "/run/systemd/journal/aside", "/run/systemd/journal/socket")
    assert ask(headers={"X-Request-Id": "heard-again"}).status == 200
    harness.eventually(lambda: "log lines were lost before this one: journal" in setup.journal("-n", "20"), 10, "the loss is told")
    assert setup.run("journalctl", "-o", "cat", "REQUEST_ID=heard-again").strip()
    assert not setup.run("journalctl", "--quiet", "-o", "cat", "REQUEST_ID=nobody-hears-me").strip()


def test_the_status_line_moves(setup):
    with faulty(setup, PATIENT + "Environment=INFERD_MODELS__0__MAX_RUNNING=2\n", "slow 5"):
        futures = in_background(6, lambda _: ask({**LONG, "max_tokens": 20}, timeout=120))
        harness.eventually(lambda: status_line(setup) == "Serving 2, queue 4", 20, "two run and four wait")
        harness.eventually(lambda: status_line(setup) in ("Serving 2, queue 2", "Serving 2, queue 0"), 90, "it goes down")
        assert all(f.result(120).status == 200 for f in futures)
        harness.eventually(lambda: status_line(setup) == "Serving 0, queue 0", 10, "all is done")


def test_reload_takes_a_good_configuration(setup):
    file = "/etc/inferd/inferd.yaml"
    good = (setup.root / file[1:]).read_text()
    setup.write(file, good + "queue: {deadline: 45s}\n")
    pid = main_pid(setup)
    setup.run("systemctl", "reload", "inferd.service")
    assert "queue.deadline is now 45s" in setup.journal("-n", "20"), "the command waits until the reload is applied"
    assert setup.prop("inferd.service", "ActiveState") == "active"
    assert main_pid(setup) == pid
    setup.write(file, good)
    setup.run("systemctl", "reload", "inferd.service")


def test_reload_refuses_a_bad_configuration(setup):
    """The command fails, the journal names the place, the metric says it, and the daemon goes on."""
    file = "/etc/inferd/inferd.yaml"
    good = (setup.root / file[1:]).read_text()

    def successful():
        return harness.Metrics(harness.request(OBSERVE, "GET", "/metrics").body.decode()).sum("inferd_config_last_reload_successful")

    setup.write(file, good + "queue: {capasity: 5}\n")
    pid = main_pid(setup)
    setup.run("systemctl", "reload", "inferd.service", check=False)
    assert setup.code != 0, "systemctl reload says that all is well"
    journal = setup.journal("-n", "20")
    assert f"{file}:{len(good.splitlines()) + 1}:9: unknown key" in journal and "queue.capacity" in journal, journal
    assert successful() == 0, "the metric says that the reload failed"
    assert main_pid(setup) == pid and ask().status == 200
    assert setup.prop("inferd.service", "ActiveState") == "active"
    setup.write(file, good)
    setup.run("systemctl", "reload", "inferd.service")
    assert successful() == 1, "the good configuration heals it"


def test_reload_fails_whenever_the_old_configuration_stays(setup):
    """Keys taken away from a daemon that others can reach: the file is sound by itself, and only the daemon knows its sockets."""
    file = "/etc/inferd/inferd.yaml"
    good = (setup.root / file[1:]).read_text()
    keyed = good + "auth: {keys_file: credential:keys}\n"
    setup.write("/etc/inferd/keys", f"app:user:{hashlib.sha256(b'sk-good').hexdigest()}\n", mode=0o600)
    setup.write(file, keyed)
    setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
    try:
        with setup.settings("[Socket]\nListenStream=\nListenStream=0.0.0.0:8080\n", unit="inferd.socket"):
            setup.run("systemctl", "start", "inferd.service")
            setup.run("systemctl", "reload", "inferd.service")
            setup.write(file, good)
            setup.run("inferd", "--check")
            setup.run("systemctl", "reload", "inferd.service", check=False)
            assert setup.code != 0, "systemctl reload says that all is well"
            refused = 'reload refused, the running configuration stays: socket of the service manager: api.listen: "0.0.0.0:8080" can be reached'
            assert refused in setup.journal("-n", "20")
            assert ask().status == 401, "the door is open"
            setup.write(file, keyed)
            setup.run("systemctl", "reload", "inferd.service")
    finally:
        setup.write(file, good)
        setup.run("rm", "/etc/inferd/keys")
        setup.run("systemctl", "restart", "inferd.service")
    # An instance answers in a folder of its own.
    setup.run("systemctl", "start", "inferd@4.service")
    setup.run("systemctl", "reload", "inferd@4.service")
    setup.run("systemctl", "stop", "inferd@4.socket", "inferd@4.service")


def test_stop_drains_streams(setup):
    """Streams that have begun are finished; nobody is killed; the status line counts down."""
    with faulty(setup, PATIENT + "Environment=INFERD_LIFECYCLE__DRAIN_TIMEOUT=5m\n", "slow 5"):
        futures = in_background(8, lambda _: ask({**LONG, "max_tokens": 20, "stream": True}, timeout=120))
        harness.eventually(lambda: status_line(setup).startswith("Serving 8"), 20, "eight streams run")
        seen = set()
        [stopping] = in_background(1, lambda _: setup.run("systemctl", "stop", "inferd.socket", "inferd.service", timeout=200))
        while not stopping.done():
            seen.add(status_line(setup))
        stopping.result()
        for future in futures:
            chunks = harness.events(future.result(60))
            assert chunks[-1] == "[DONE]", chunks[-1]
            assert sum(len(c["choices"]) for c in chunks[:-1]) > 0
        assert any(text.startswith("Draining, ") for text in seen), seen
        assert setup.prop("inferd.service", "Result") == "success"
        journal = setup.journal("-n", "40")
        assert "8 requests finished, 0 cut" in journal and "SIGKILL" not in journal, journal


def test_a_killed_daemon_is_back_at_once(setup):
    """kill -9: ready again within three seconds, and no connection made meanwhile is refused."""
    usual = start_seconds(setup)
    pid, restarts = main_pid(setup), int(setup.prop("inferd.service", "NRestarts"))
    knocking = in_background(1, lambda _: knock(3 + 2 * usual))[0]
    start = time.monotonic()
    setup.run("kill", "-9", pid)
    harness.eventually(lambda: main_pid(setup) not in (0, pid) and ready(), 60, "it is back")
    seconds = time.monotonic() - start
    tries, errors = knocking.result(120)
    print(f"  ready again after {seconds:.2f} s (a start takes {usual:.2f} s); {tries} connections made, {len(errors)} refused")
    assert seconds < max(3, 1 + 3 * usual) and tries > 100 and not errors, (seconds, errors[:3])
    assert int(setup.prop("inferd.service", "NRestarts")) == restarts + 1
    assert setup.prop("inferd.service", "ActiveState") == "active"


def test_a_restart_fails_no_client(setup):
    """50 clients a second, each on its own connection: every one of them gets its answer while the daemon is restarted twice."""
    with setup.settings(PATIENT):
        setup.run("systemctl", "restart", "inferd.service")
        clients, pids = Clients(rate=50, seconds=8), {main_pid(setup)}
        for _ in range(2):
            setup.run("systemctl", "restart", "inferd.service")
            pids.add(main_pid(setup))
        results = clients.results()
        print(f"  {len(results)} requests over two restarts, {len(clients.failures())} failed, slowest {max(r.seconds for r in results):.2f} s")
        assert len(pids) == 3 and len(results) >= 400
        assert not clients.failures(), clients.failures()[:5]


def entry_of(setup, request_id):
    """The one journal entry of a request. Its line is written a moment after its answer."""
    def lines():
        setup.run("journalctl", "--sync")
        return setup.run("journalctl", "-o", "json", f"REQUEST_ID={request_id}").splitlines()

    found = harness.eventually(lines, 10, f"the journal entry of {request_id}")
    assert len(found) == 1, found
    return json.loads(found[0])


def test_journal_entries_carry_fields(setup):
    answer = ask(headers={"X-Request-Id": "find-me-in-the-journal"})
    assert answer.status == 200
    entry = entry_of(setup, "find-me-in-the-journal")
    wanted = {"PRIORITY": "6", "SYSLOG_IDENTIFIER": "inferd", "_SYSTEMD_UNIT": "inferd.service", "EVENT": "request_ended", "MODEL": "demo", "INFERD_OUTCOME": "length",
              "INFERD_STATUS": "200"}
    assert {key: entry.get(key) for key in wanted} == wanted, entry
    assert len(entry["TRACE_ID"]) == 32 and "generated 4" in entry["MESSAGE"]
    assert setup.run("journalctl", "-o", "cat", "INFERD_STATE=ready").strip()


def test_one_request_id_leads_to_the_journal_too(setup):
    """Journal entry, span and flight recorder agree to the microsecond."""
    with Collector() as collector, setup.settings(f"[Service]\nEnvironment=INFERD_TRACING__OTLP={collector.url}\n"):
        setup.run("systemctl", "restart", "inferd.service")
        answer = ask(headers={"X-Request-Id": "follow-me", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        assert answer.status == 200 and answer.headers["x-request-id"] == "follow-me", answer
        entry = entry_of(setup, "follow-me")
        span_id = answer.headers["traceparent"].split("-")[2]
        assert entry["TRACE_ID"] == "0af7651916cd43dd8448eb211c80319c" and entry["INFERD_SPAN_ID"] == span_id, entry
        record = harness.eventually(lambda: (a := harness.request(OBSERVE, "GET", "/debug/requests?id=follow-me")).status == 200 and a.json(),
                                    10, "the record")
        spans = harness.eventually(lambda: [s for s in collector.spans() if s["traceId"] == entry["TRACE_ID"]], 10, "the spans")
        span_of = {"total_seconds": next(s for s in spans if s["spanId"] == span_id),
                   **{s["name"] + "_seconds": s for s in spans if s.get("parentSpanId") == span_id}}
        assert set(span_of) == {"total_seconds", "queue_seconds", "prefill_seconds", "decode_seconds"}, spans
        for key, span in span_of.items():
            logged = float(entry["INFERD_" + key.upper()])
            length = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) * 1e-9
            assert abs(logged - record[key]) <= 1.5e-6 and abs(logged - length) <= 1.5e-6, (key, logged, record[key], length)


def test_dbus_starts_the_unit(setup):
    """As an autoscaler does it."""
    setup.run("systemctl", "stop", "inferd.socket", "inferd.service")
    setup.run("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartUnit", "ss",
              "inferd.service", "replace")
    harness.eventually(lambda: setup.prop("inferd.service", "ActiveState") == "active", 30, "the unit is active")
    assert ask().status == 200
    assert setup.prop("inferd.socket", "ActiveState") == "active", "the socket came with it"


def test_the_first_connection_starts_the_daemon(setup):
    with setup.settings(PATIENT):
        setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
        setup.run("systemctl", "start", "inferd.socket")
        assert setup.prop("inferd.service", "ActiveState") == "inactive"
        assert ask(port=API, timeout=120).status == 200
        harness.eventually(lambda: setup.prop("inferd.service", "ActiveState") == "active", 5, "systemd has heard that it is ready")


def test_who_waits_for_a_model_too_long_is_told(setup):
    """Beyond lifecycle.start_patience an answer is better than silence."""
    with setup.settings("[Service]\nEnvironment=INFERD_LIFECYCLE__START_PATIENCE=0ms INFERD_MODELS__0__WARMUP=1000\n"):
        setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
        setup.run("systemctl", "start", "inferd.socket")
        answer = ask(port=API, timeout=120)
        assert answer.status == 503 and "not ready yet" in answer.body.decode(), (answer.status, answer.body)


def test_without_the_socket_it_listens_itself(setup):
    setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
    setup.run("systemctl", "mask", "--runtime", "inferd.socket")
    setup.run("systemctl", "start", "inferd.service")
    assert ask().status == 200
    setup.run("systemctl", "stop", "inferd.service")
    setup.run("systemctl", "unmask", "--runtime", "inferd.socket")
    setup.run("systemctl", "start", "inferd.service")


def test_a_socket_open_to_all_needs_keys(setup):
    """The address is systemd's, the rule is inferd's: nobody serves a network without keys by a slip in a unit."""
    setup.run("systemctl", "stop", "inferd.service", "inferd.socket")
    with setup.settings("[Socket]\nListenStream=\nListenStream=0.0.0.0:8080\n", unit="inferd.socket"):
        setup.run("systemctl", "start", "inferd.service", check=False)
        assert setup.code != 0 and setup.prop("inferd.service", "ExecMainStatus") == "2"
        assert 'socket of the service manager: api.listen: "0.0.0.0:8080" can be reached from other machines' in setup.journal("-n", "20")
    assert ask().status == 200


def test_a_hung_daemon_is_ended(setup):
    """Stopped outright it can save nothing; systemd's own watchdog sees to it."""
    wait_ready()
    pid = main_pid(setup)
    start = time.monotonic()
    setup.run("kill", f"-{signal.SIGSTOP.value}", pid)
    harness.eventually(lambda: main_pid(setup) not in (0, pid) and ready(), 40, "it is back")
    print(f"  ready again after {time.monotonic() - start:.1f} s")
    assert "Watchdog timeout" in setup.journal("-n", "200")


def ask_in_vain():
    with contextlib.suppress(OSError, http.client.HTTPException):
        ask(timeout=60)


def test_a_stalled_engine_is_ended_and_leaves_evidence(setup):
    """An engine that stands still with work before it: what is known is saved, the watchdog ends the daemon, and it is ready again."""
    usual = start_seconds(setup)
    before = set(setup.shell("ls /var/lib/inferd/flight 2>/dev/null || true").split())
    with faulty(setup, "[Service]\n", "stall"):
        pid = main_pid(setup)
        start = time.monotonic()
        [future] = in_background(1, lambda _: ask_in_vain())
        harness.eventually(lambda: main_pid(setup) not in (0, pid) and ready(), 60, "it is back")
        seconds = time.monotonic() - start
        future.result(60)
        back = seconds_between(setup, "Watchdog request", "Started inferd")
        print(f"  ready again {seconds:.1f} s after the engine stood still, {back:.1f} s after the watchdog ended it (a start takes {usual:.2f} s)")
        # Five seconds of it are the time without progress after which the watchdog is asked.
        assert seconds < 10, (seconds, usual)
        journal = setup.journal()
        # The daemon itself has asked to be ended, after saving; the watchdog has not just run out.
        for line in ("stalled: demo: no progress for", "Watchdog request (last status: Stalled: demo: no progress for"):
            assert line in journal, (line, journal[-3000:])
        [new] = set(setup.run("ls", "/var/lib/inferd/flight").split()) - before
        text = setup.run("cat", f"/var/lib/inferd/flight/{new}")
        assert new in journal
        for line in ("was stalled: demo: no progress for", "# demo: oldest queued for: ", "\n# TYPE inferd_requests_in_flight gauge\n", "inferd_engine_state"):
            assert line in text, (line, text[:1500])
        assert harness.Metrics(text).sum("inferd_requests_in_flight") == 1
        assert ask().status == 200
