"""Logs, audit, traces, flight recorder: seen from outside, with everything that goes wrong around them."""
import copy
import gzip
import hashlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request

import npm
import runner
from collector import Collector
from harness import CHAT, PATIENCE, eventually, request, tokens
from log_lines import lines_of


def ask(d, text, headers=None, **parameters):
    return d.post(CHAT, {"model": "demo", "messages": [{"role": "user", "content": text}], **parameters}, headers=headers)


def test_one_request_id_leads_everywhere(setup):
    """Header, access line, span, exemplar, flight recorder and inferctl agree to the microsecond."""
    with Collector() as collector, tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "inferd.log"
        with setup.daemon({"logs": {"file": str(log)}, "tracing": {"otlp": collector.url}}) as d:
            answer = ask(d, "What is inferd_queue_depth for?", max_tokens=8, headers={
                "X-Request-Id": "follow-me", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
            assert answer.status == 200, answer
            request_id, trace_id = answer.headers["x-request-id"], answer.headers["traceparent"].split("-")[1]
            span_id = answer.headers["traceparent"].split("-")[2]
            assert request_id == "follow-me" and trace_id == "0af7651916cd43dd8448eb211c80319c"

            line = eventually(lambda: next((l for l in lines_of(log) if l.get("request_id") == request_id), None), 10, "the access line")
            assert line["event"] == "request_ended" and line["trace_id"] == trace_id and line["span_id"] == span_id, line
            assert line["model"] == "demo" and line["status"] == 200 and line["generated_tokens"] > 0, line

            spans = eventually(lambda: [s for s in collector.spans() if s["traceId"] == trace_id], 10, "the spans")
            mine = next(s for s in spans if s["spanId"] == span_id)
            assert mine["parentSpanId"] == "b7ad6b7169203331"
            stages = {s["name"]: s for s in spans if s.get("parentSpanId") == span_id}
            assert set(stages) == {"queue", "prefill", "decode"}, stages

            def seconds(span):
                return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) * 1e-9

            record = eventually(lambda: (a := d.observe(f"/debug/requests?id={request_id}")).status == 200 and a.json(), 10, "the record")
            assert record["trace_id"] == trace_id and record["span_id"] == span_id, record
            for key, other in (("total_seconds", seconds(mine)), ("queue_seconds", seconds(stages["queue"])),
                               ("prefill_seconds", seconds(stages["prefill"])), ("decode_seconds", seconds(stages["decode"]))):
                assert abs(line[key] - record[key]) <= 1.5e-6, (key, line[key], record[key])
                assert abs(line[key] - other) <= 1.5e-6, (key, line[key], other)
            assert record["generated_tokens"] == line["generated_tokens"]

            metrics = d.observe("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).body.decode()
            for family, key in (("inferd_request_duration_seconds", "total_seconds"), ("inferd_request_queue_seconds", "queue_seconds"),
                                ("inferd_request_prefill_seconds", "prefill_seconds"), ("inferd_request_decode_seconds", "decode_seconds"),
                                ("inferd_time_to_first_token_seconds", "first_token_seconds")):
                shown = [float(l.split(" # ", 1)[1].split("} ", 1)[1].split()[0]) for l in metrics.splitlines()
                         if l.startswith(family + "_bucket") and f'trace_id="{trace_id}"' in l]
                assert len(shown) == 1 and abs(shown[0] - line[key]) <= 1.5e-6, (family, shown, line[key])
            page = d.observe("/debug/requests").body.decode()
            assert request_id in page and "<script" not in page

            shown = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "trace", request_id)
            assert shown.returncode == 0 and trace_id in shown.stdout and "prefill" in shown.stdout, shown
            missing = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "trace", "no-such-request")
            assert missing.returncode == 1 and "no request with this id" in missing.stderr, missing
            assert d.metrics().sum("inferd_spans_exported_total", outcome="exported") >= 4
            assert d.stop() == 0

            # The daemon has gone; its log file, compressed by now, still has it.
            packed = pathlib.Path(folder) / "inferd.log.gz"
            packed.write_bytes(gzip.compress(log.read_bytes()))
            for file in (log, packed):
                later = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "trace", request_id, "--in", file)
                assert later.returncode == 0 and trace_id in later.stdout and "prefill" in later.stdout, later
            missing = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "trace", "no-such-request", "--in", log)
            assert missing.returncode == 1, missing


def test_a_caller_cannot_force_its_trace_to_be_exported(setup):
    with Collector() as collector, setup.daemon({"tracing": {"otlp": collector.url, "sample": 0}}) as d:
        answer = ask(d, "hello", max_tokens=1, headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        assert answer.headers["traceparent"].endswith("-00"), answer.headers
        assert d.stop() == 0
        assert not collector.bodies


def trace_of_requests(d):
    """/debug/trace when it shows three of them, whole."""
    for _ in range(3):
        d.chat(max_tokens=8)
    d.wait_idle()
    return eventually(lambda: (t := d.observe("/debug/trace?seconds=600").json()) and
                      sum(e["name"] == "decode" and e["pid"] == 2 for e in t["traceEvents"]) >= 3 and t, 10, "the requests are in the trace")


def test_the_trace_opens_in_its_viewers(setup):
    """Trace Event Format: named tracks, times in order, events of a track inside or behind each other."""
    d = setup.shared()
    trace = trace_of_requests(d)
    named = {(e["pid"], e["tid"]) for e in trace["traceEvents"] if e["name"] == "thread_name"}
    last, stacks, waiting, waited = 0, {}, {}, 0
    for event in trace["traceEvents"]:
        if event["ph"] == "M":
            continue
        track = (event["pid"], event["tid"])
        assert event["ph"] in "XCibe" and event["ts"] >= last and track in named, event
        last = event["ts"]
        if event["ph"] == "b":
            assert waiting.setdefault(event["id"], event) is event, event
        elif event["ph"] == "e":
            del waiting[event["id"]]
            waited += 1
        if event["ph"] == "X":
            stack = stacks.setdefault(track, [])
            while stack and stack[-1] < event["ts"]:  # exactly, as viewers do it
                stack.pop()
            assert not stack or event["ts"] + event["dur"] < stack[-1], event
            stack.append(event["ts"] + event["dur"])
    assert not waiting and waited >= 3, (waiting, waited)
    assert any(name == "forward" for name in (e["name"] for e in trace["traceEvents"]))
    for bad in ("0", "-1", "x", "1e9", "nan"):
        assert d.observe(f"/debug/trace?seconds={bad}").status == 400, bad


def test_chromes_own_importer_reads_the_trace(setup):
    """The importer of Chrome's tracing page, which is where the format comes from."""
    home = npm.installed("traceviewer")
    good = trace_of_requests(setup.shared())

    def without_an_end(trace):
        del trace["traceEvents"][next(i for i, e in enumerate(trace["traceEvents"]) if e["ph"] == "b")]

    def nameless(trace):
        trace["traceEvents"] = [e for e in trace["traceEvents"] if e["name"] != "thread_name"]

    traces = [good]
    for spoil in (without_an_end, nameless):
        traces.append(copy.deepcopy(good))
        spoil(traces[-1])
    with tempfile.TemporaryDirectory(prefix="inferd-trace-") as folder:
        files = [pathlib.Path(folder) / f"{i}.json" for i in range(len(traces))]
        for file, trace in zip(files, traces):
            file.write_text(json.dumps(trace))
        done = subprocess.run(["node", home / "import.js", *files], capture_output=True, text=True, check=False, timeout=60 * PATIENCE)
    assert done.returncode == 0, done
    read, *spoilt = json.loads(done.stdout)
    assert read["warnings"] == [], read
    events = [e for e in good["traceEvents"] if e["ph"] != "M"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in good["traceEvents"] if e["name"] == "thread_name"}
    processes = {e["pid"]: e["args"]["name"] for e in good["traceEvents"] if e["name"] == "process_name"}
    for (pid, tid), name in names.items():
        track = next(t for t in read["processes"][processes[pid]] if t.get("name") == name)
        on_it = [e["ph"] for e in events if (e["pid"], e["tid"]) == (pid, tid)]
        assert (track["slices"], track["waits"]) == (on_it.count("X"), on_it.count("b")), (name, track)
    ends = max(e["ts"] + e.get("dur", 0) for e in events)
    assert abs(read["milliseconds"] - (ends - min(e["ts"] for e in events)) / 1000) < 0.01, read["milliseconds"]
    # What it reads otherwise shows: the check can fail.
    assert spoilt[0]["warnings"], spoilt[0]
    assert not any(track.get("name") for tracks in spoilt[1]["processes"].values() for track in tracks), spoilt[1]


def test_the_bundle_holds_what_a_report_needs(setup):
    d = setup.shared()
    d.complete(max_tokens=1)
    answer = d.observe("/debug/bundle", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200 and answer.headers["content-type"] == "application/gzip", answer.headers
    assert "content-encoding" not in answer.headers
    with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as bundle:
        files = {member.name.split("/", 1)[1]: bundle.extractfile(member).read() for member in bundle}
    assert files.pop("history").startswith(b"inferdH1"), "what a daemon can begin with"
    texts = {name: content.decode() for name, content in files.items()}
    assert set(texts) == {"version.txt", "config.yaml", "requests.json", "trace.json", "log.jsonl", "metrics.txt", "status.json"}, set(texts)
    assert "inferd_requests_received_total" in texts["metrics.txt"] and "models:" in texts["config.yaml"]
    for name in ("requests.json", "trace.json", "status.json"):
        json.loads(texts[name])
    assert all(json.loads(line)["event"] for line in texts["log.jsonl"].splitlines())


def test_the_bundle_holds_no_secret(setup):
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / "keys"
        digest = hashlib.sha256(b"sk-app-secret").hexdigest()
        keys.write_text(f"app:user:{digest}\n")
        with setup.daemon({"auth": {"keys_file": str(keys)}, "tracing": {"otlp": "http://127.0.0.1:9/v1/traces?api_key=collector-secret"}}) as d:
            for key in ("sk-app-secret", "sk-wrong-secret"):
                d.post(CHAT, {"model": "demo", "messages": [{"role": "user", "content": "prompt-secret"}], "max_tokens": 1},
                       headers={"Authorization": f"Bearer {key}"})
            text = gzip.decompress(d.observe("/debug/bundle").body)
            for secret in (b"-secret", digest.encode()):
                assert secret not in text, text[max(0, text.find(secret) - 200):][:400]


def test_addresses_and_commands_of_notifiers_are_not_given_away(setup):
    """What a service gave somebody to post to is a secret, and so are a command's arguments: not in a bundle, not in a log."""
    def notify(secret):
        return {"alerts": {"notify": [
            {"name": "chat", "webhook": {"url": f"http://127.0.0.1:9/services/{secret}"}},
            {"name": "cluster", "alertmanager": {"url": [f"http://127.0.0.1:9/{secret}", f"http://localhost:9/?{secret}"]}},
            {"name": "script", "exec": {"command": ["/bin/false", "-u", secret]}}]},
            "tracing": {"otlp": f"http://127.0.0.1:9/{secret}"}}

    with setup.daemon(notify("first-secret")) as d:
        def test(name):
            answer = request(d.observability, "POST", f"/api/v1/notifiers/{name}/test", {})
            assert answer.status == 502, answer
            return answer.body.decode()

        def reload(changes, said):
            d.write_config(changes)
            d.send(signal.SIGHUP)
            return eventually(lambda: said in (log := d.log()) and log, 10, f"the log says {said}")

        told = [test(name) for name in ("chat", "cluster", "script")]
        told.append(reload(notify("second-secret"), "reloaded the configuration"))
        assert "alerts.notify[0].webhook.url" in told[-1] and "http://127.0.0.1:9/(hidden)" in told[-1], told[-1]
        wrong = notify("third-secret")
        wrong["alerts"]["notify"][0]["webhook"]["url"] = "http://me:fourth-secret@127.0.0.1:9/"
        wrong["alerts"]["notify"][1]["alertmanager"]["url"] = ["http://127.0.0.1:9/fifth-secret"] * 2
        wrong["alerts"]["notify"][2]["exec"]["command"] = "curl -u sixth-secret"
        wrong["tracing"]["otlp"] = "seventh-secret"
        told.append(reload(wrong, "is in the list twice"))
        told += [d.observe(path).body.decode() for path in ("/status", "/api/v1/notifiers")]
        told.append(gzip.decompress(d.observe("/debug/bundle").body).decode(errors="replace"))
        for text in ("url: \"http://127.0.0.1:9/(hidden)\"", "command: [/bin/false, (hidden), (hidden)]",
                     "url: [\"http://127.0.0.1:9/(hidden)\", \"http://localhost:9/(hidden)\"]", "otlp: \"http://127.0.0.1:9/(hidden)\""):
            assert text in told[-1], (text, told[-1])
        for text in told:
            assert "-secret" not in text, text[max(0, text.find("-secret") - 200):][:400]


def test_a_running_request_is_in_the_trace(setup):
    d = setup.shared()
    talk = threading.Thread(target=lambda: ask(d, "hello", {"X-Request-Id": "still-running"}, max_tokens=tokens(400), ignore_eos=True))
    talk.start()
    try:
        def shown():
            events = d.observe("/debug/trace?seconds=60").json()["traceEvents"]
            track = next((e["tid"] for e in events if e["ph"] == "M" and e["pid"] == 2 and e["args"]["name"] == "still-running"), None)
            found = {e["name"]: e for e in events if e["pid"] == 2 and e["tid"] == track and e["ph"] == "X"}
            return found if "decode" in found else None

        found = eventually(shown, 10, "the request is in the trace")
        assert found["running"]["args"]["running"] is True and found["running"]["args"]["model"] == "demo", found
    finally:
        talk.join()


def test_the_trace_has_a_track_for_each_compute_worker(setup):
    with setup.daemon() as d:
        # On a crowded machine the caller may have done everything before the worker gets a processor: so more than once.
        trace = eventually(lambda: d.chat(max_tokens=8) and (t := d.observe("/debug/trace?seconds=60").json()["traceEvents"]) and
                           any(e["name"].endswith("% busy") and e["args"]["busy_us"] > 0 for e in t) and t, 30, "the worker was busy")
        tracks = {e["args"]["name"]: e["tid"] for e in trace if e["name"] == "thread_name" and e["pid"] == 1}
        assert {"engine demo", "worker 1 (demo)"} == set(tracks), tracks
        forward = [e for e in trace if e["name"] == "forward"]
        busy = [e for e in trace if e["ph"] == "X" and (e["pid"], e["tid"]) == (1, tracks["worker 1 (demo)"])]
        assert len(busy) == len(forward), (len(busy), len(forward))
        assert all(0 <= e["args"]["busy_us"] <= e["dur"] + 1 for e in busy)


def test_requests_in_flight_are_listed(setup):
    """Who is inside now, and for how long: what one asks when something hangs."""
    d = setup.shared()
    talk = threading.Thread(target=lambda: ask(d, "hello", {"X-Request-Id": "still-inside"}, max_tokens=tokens(400), ignore_eos=True))
    talk.start()
    try:
        def listed():
            return next((c for c in d.observe("/debug/requests?format=json").json()["in_flight"] if c["request_id"] == "still-inside"), None)

        call = eventually(listed, 10, "the request is listed")
        assert call["endpoint"] == "chat_completions" and call["age_seconds"] >= 0, call
        assert "still-inside" in d.observe("/debug/requests").body.decode()

        def alone(path="/debug/requests?id=still-inside"):
            return d.observe(path).json()

        call = eventually(lambda: (c := alone()).get("generated_tokens") and c, 10, "tokens are made")
        assert call["running"] and call["stage"] == "decode" and call["model"] == "demo" and call["prompt_tokens"] > 0, call
        assert 0 <= call["since_last_token_seconds"] <= call["decode_seconds"] <= call["age_seconds"], call
        track = next(e for e in alone("/debug/trace?seconds=60")["traceEvents"] if e["name"] == "running" and e["ph"] == "X")
        assert track["args"]["generated_tokens"] >= call["generated_tokens"], track
        printed = setup.run(setup.inferctl, "--observe", f"http://127.0.0.1:{d.observability}", "trace", "still-inside")
        assert printed.returncode == 0 and "so far" in printed.stdout and "last token" in printed.stdout, printed
    finally:
        talk.join()
    d.wait_idle()
    assert listed() is None


def test_a_blocked_standard_error_stops_nobody(setup):
    """Nobody reads the pipe: the API goes on, lines are counted, SIGTERM ends the daemon; who reads again hears what was lost."""
    read, write = os.pipe()
    try:
        with setup.daemon({"logs": {"levels": {"access": "debug"}}}, stderr=write) as d:
            for _ in range(2000):
                assert d.get("/healthz").status == 200
                if d.metrics().sum("inferd_log_dropped_total", reason="blocked") > 0:
                    break
            d.assert_serves()
            assert d.metrics().sum("inferd_log_dropped_total", reason="blocked") > 0
            # Somebody reads again.
            got = []
            reader = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(read, 65536), b"")), daemon=True)
            reader.start()
            eventually(lambda: d.get("/healthz") and b"log_lines_lost" in b"".join(got), 20, "the loss is reported")
            assert d.stop() == 0
            os.close(write)
            write = None
            reader.join(10)
            for line in b"".join(got).splitlines():
                json.loads(line)
    finally:
        os.close(read)
        if write is not None:
            os.close(write)


def test_a_blocked_standard_error_does_not_keep_it_from_ending(setup):
    read, write = os.pipe()
    try:
        with setup.daemon({"logs": {"levels": {"access": "debug"}}}, stderr=write) as d:
            for _ in range(300):
                d.get("/healthz")
            assert d.stop() == 0
    finally:
        os.close(read)
        os.close(write)


def test_it_starts_though_its_log_file_cannot_be_opened(setup):
    """It serves, says so on standard error, counts, and writes as soon as it can."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "logs"
        place.write_text("a file where a folder should be")
        with setup.daemon({"logs": {"file": str(place / "inferd.log")}}) as d:
            d.assert_serves()
            d.says("cannot be opened: Not a directory")
            eventually(lambda: d.metrics().sum("inferd_log_dropped_total", reason="missing") > 0, 5, "the lines are counted")
            place.unlink()
            eventually(lambda: (place / "inferd.log").exists() and d.complete(max_tokens=1) and
                       any(line["event"] == "log_lines_lost" for line in lines_of(place / "inferd.log")), 10, "it writes again")
            assert d.stop() == 0


def test_prompts_are_logged_only_as_configured(setup):
    secret = "Write to jane.doe@example.com about card 4111 1111 1111 1111"
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "inferd.log"
        with setup.daemon({"logs": {"file": str(log)}}) as d:
            def line_after(mode, **options):
                d.write_config({"logs": {"file": str(log), "prompts": mode}})
                before = len(lines_of(log))
                d.send(signal.SIGHUP)
                eventually(lambda: any("reloaded" in l["message"] for l in lines_of(log)[before:]), 10, "the reload")
                name = f"prompt-{mode}-{len(options)}"
                assert ask(d, secret, max_tokens=4, headers={"X-Request-Id": name}, **options).status == 200
                return eventually(lambda: next((l for l in lines_of(log) if l.get("request_id") == name), None), 10, "the access line")

            line = line_after("never")
            assert "prompt" not in line and "answer" not in line, line
            line = line_after("hashed")
            assert line["prompt"].startswith("sha256:") and len(line["prompt"]) == 71 and "jane" not in json.dumps(line), line
            line = line_after("redacted")
            assert "Write to [email] about card [card]" in line["prompt"], line
            line = line_after("full", stream=True)
            assert secret in line["prompt"] and line["answer"].strip(), line
        assert "4111" not in "".join(json.dumps(l) for l in lines_of(log) if l.get("request_id") != "prompt-full-1")


def test_the_audit_log_holds_and_shows_tampering(setup):
    with tempfile.TemporaryDirectory() as folder:
        audit = pathlib.Path(folder) / "audit.log"
        keys = pathlib.Path(folder) / "keys"
        keys.write_text("app:user:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n")
        config = {"logs": {"audit": {"file": str(audit)}}, "auth": {"keys_file": str(keys)}}
        with setup.daemon(config) as d:
            assert d.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status == 401
            d.send(signal.SIGHUP)
            eventually(lambda: "config_reload" in audit.read_text(), 10, "the reload is in the audit log")
            for _ in range(60):
                d.get("/v1/models", headers={"Authorization": "Bearer wrong"})
            assert d.stop() == 0
        entered = [json.loads(line) for line in audit.read_text().splitlines()]
        refused = [line["outcome"] for line in entered if line["act"] == "authentication"]
        counted = sum(int(line["detail"].split()[0]) for line in entered if line["outcome"] == "not_entered")
        assert refused.count("refused") + counted == 61, (refused, counted)
        acts = [line["act"] for line in entered]
        assert acts[0] == "start" and acts[-1] == "stop" and {"authentication", "config_reload", "model_load"} <= set(acts), acts
        assert "wrong" not in audit.read_text().replace("reload", "")
        good = setup.run(setup.inferctl, "audit", "verify", audit)
        assert good.returncode == 0 and f"good: {len(acts)} lines" in good.stdout, good
        head = good.stdout.split("hash ")[1].strip()

        text = audit.read_text()
        audit.write_text(text.replace('"act":"authentication"', '"act":"authentic"', 1))
        bad = setup.run(setup.inferctl, "audit", "verify", audit)
        assert bad.returncode == 1 and "was altered" in bad.stderr, bad
        audit.write_text("".join(text.splitlines(keepends=True)[1:]))
        headless = setup.run(setup.inferctl, "audit", "verify", audit)
        assert headless.returncode == 1 and "audit.log:1: " in headless.stderr and "missing before it" in headless.stderr, headless
        audit.write_text("".join(text.splitlines(keepends=True)[:-1]))
        assert setup.run(setup.inferctl, "audit", "verify", audit).returncode == 0  # the chain alone cannot tell
        cut = setup.run(setup.inferctl, "audit", "verify", audit, "--head", head)
        assert cut.returncode == 1, cut
        audit.write_text("")
        emptied = setup.run(setup.inferctl, "audit", "verify", audit)
        assert emptied.returncode == 1 and "audit.log is empty" in emptied.stderr, emptied
        assert setup.run(setup.inferctl, "audit", "verify", folder + "/none").returncode == 1


def address_elsewhere():
    """An address of this machine that is not a loopback one: whoever connects to it is a stranger."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return s.getsockname()[0]


def test_keys_on_the_observability_plane_are_audited(setup):
    """Who was refused there, and who has read with an administrator's key."""
    host = address_elsewhere()
    if host is None:
        runner.skip_on_unsuitable_machine("this machine has no address but loopback ones")
    with tempfile.TemporaryDirectory() as folder:
        audit = pathlib.Path(folder) / "audit.log"
        keys = pathlib.Path(folder) / "keys"
        roles = {"app": "user", "prom": "metrics", "boss": "admin"}
        keys.write_text("".join(f"{name}:{role}:{hashlib.sha256(name.encode()).hexdigest()}\n" for name, role in roles.items()))
        with setup.daemon({"logs": {"audit": {"file": str(audit)}}, "auth": {"keys_file": str(keys)},
                           "observability": {"listen": "0.0.0.0:0"}}) as d:
            def get(path, key=None):
                request = urllib.request.Request(f"http://{host}:{d.observability}{path}", headers={"Authorization": f"Bearer {key}"} if key else {})
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        return answer.status
                except urllib.error.HTTPError as error:
                    return error.code

            assert get("/metrics") == 401 and get("/metrics", "sesame") == 401 and get("/metrics", "app") == 403
            assert get("/debug/requests", "prom") == 403 and get("/metrics", "prom") == 200
            assert get("/debug/requests", "boss") == 200
            for _ in range(60):
                get("/metrics", "sesame")
            assert d.metrics().sum("inferd_http_requests_total", plane="observability", code="401") >= 62
            assert d.stop() == 0
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        refused = [line for line in lines if line["act"] == "authentication" and line["outcome"] == "refused"]
        assert [(line["actor"], line["target"]) for line in refused[:4]] == [
            ("unknown", "/metrics"), ("unknown", "/metrics"), ("app", "/metrics"), ("prom", "/debug/requests")], refused
        assert all(line["client"] == host for line in refused), refused
        counted = sum(int(line["detail"].split()[0]) for line in lines if (line["act"], line["outcome"]) == ("authentication", "not_entered"))
        assert len(refused) + counted == 64, (len(refused), counted)
        assert len(refused) < 60 and "sesame" not in audit.read_text(), len(refused)
        read = [line for line in lines if line["act"] == "admin_access"]
        assert [(line["actor"], line["target"], line["client"]) for line in read] == [("boss", "/debug/requests", host)], read


def test_a_web_page_cannot_call_the_daemon_by_its_own_name(setup):
    """DNS rebinding: a page's own name leads to 127.0.0.1, and its Host header says so."""
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / "keys"
        keys.write_text(f"boss:admin:{hashlib.sha256(b'boss').hexdigest()}\n")
        for config in ({}, {"auth": {"keys_file": str(keys)}}):
            with setup.daemon(config) as d:
                refused = 401 if config else 403
                for path in ("/debug/requests", "/debug/bundle", "/metrics", "/status"):
                    answer = d.observe(path, headers={"Host": "evil.example:9464"})
                    assert answer.status == refused, (path, answer)
                for host in ("localhost", "127.0.0.1:1234", "[::1]:9464", socket.gethostname()):
                    assert d.observe("/debug/requests", headers={"Host": host}).status == 200, host
                assert d.observe("/livez", headers={"Host": "evil.example"}).status == 200
                if config:
                    allowed = d.observe("/debug/requests", headers={"Host": "evil.example", "Authorization": "Bearer boss"})
                    assert allowed.status == 200, allowed


def test_trace_looks_in_the_journal_last(setup):
    """What journalctl prints stands in for a journal with an access line: there is no journald here."""
    entry = {"__REALTIME_TIMESTAMP": "1700000000123456", "EVENT": "request_ended", "REQUEST_ID": "from-the-journal", "MODEL": "demo",
             "INFERD_TOTAL_SECONDS": "0.25", "INFERD_QUEUE_SECONDS": "0.05", "INFERD_USER_AGENT": "gpj.\u202eexe", "INFERD_STATUS": "200"}
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "journalctl"
        asked = pathlib.Path(folder) / "asked"
        program.write_text(f"#!/bin/sh\necho \"$@\" > {asked}\ncat {folder}/entry 2> {folder}/none\n")
        program.chmod(0o755)
        environment = {"PATH": f"{folder}:{os.environ['PATH']}"}

        def trace(*arguments):
            return setup.run(setup.inferctl, "--observe", "http://127.0.0.1:1", "trace", "from-the-journal", *arguments, environment=environment)

        nowhere = trace()
        assert nowhere.returncode == 1 and nowhere.stderr.strip(), nowhere
        (pathlib.Path(folder) / "entry").write_text(json.dumps(entry) + "\n")
        found = trace()
        assert found.returncode == 0 and "queue" in found.stdout and "demo" in found.stdout, found
        assert "\u202e" not in found.stdout, "a bidirectional control character reached the terminal"
        assert {"REQUEST_ID=from-the-journal", "EVENT=request_ended", "--output=json"} <= set(asked.read_text().split()), asked.read_text()
        assert json.loads(trace("--json").stdout)["total_seconds"] == 0.25
