"""Alerts reach those who should hear of them: from a fault of the daemon to Alertmanager, a webhook, a script and a mailbox, and back."""
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import signal
import stat
import subprocess
import tempfile
import time

import receivers
from harness import PATIENCE, eventually, request
from prometheus import tool

ALERT = "ReloadFailed"
INTERVAL = 0.2  # seconds between two rounds
RULES = {"groups": [{"name": "test", "rules": [{
    "alert": ALERT, "expr": "inferd_config_last_reload_successful == 0", "labels": {"severity": "warning"},
    "annotations": {"summary": "a reload failed"}}]}]}


class Scene:
    """A daemon that watches itself five times a second, and its receivers."""

    def __init__(self, setup):
        self.setup = setup
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="inferd-notify-")))
        self.state = self.folder / "state"
        self.state.mkdir()
        self.rules = self.folder / "rules.yml"
        self.rules.write_text(json.dumps(RULES))
        self.config = None
        self.daemon = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def webhook(self):
        hook = receivers.Webhook()
        self.stack.callback(hook.close)
        return hook

    def alertmanager(self):
        manager = receivers.Alertmanager()
        self.stack.callback(manager.close)
        return manager

    def script(self, text):
        path = self.folder / "notify"
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def start(self, notify, **more):
        self.config = {"observability": {"listen": "127.0.0.1:0", "interval": f"{INTERVAL:g}s"},
                       "alerts": {"rules": [str(self.rules)], "interval": f"{INTERVAL:g}s", "instance": "here", "notify": notify}, **more}
        self.daemon = self.stack.enter_context(
            self.setup.daemon(self.config, environment={"STATE_DIRECTORY": str(self.state)}))
        return self.daemon

    def reload(self, changes=None):
        before = self.daemon.metrics().sum("inferd_http_requests_total")
        assert before > 0
        self.daemon.write_config({**self.config, **(changes or {})})
        self.daemon.send(signal.SIGHUP)

    def fault(self):
        """A configuration that cannot be loaded: the alert fires."""
        self.reload({"queue": {"capacity": 0}})

    def mend(self):
        self.reload()

    def inferctl(self, *arguments, environment=None):
        return self.setup.run(self.setup.inferctl, "--observe", f"http://127.0.0.1:{self.daemon.observability}", *arguments,
                              environment=environment)

    def notifier(self, name):
        answer = self.daemon.observe("/api/v1/notifiers")
        assert answer.status == 200, answer
        return next(n for n in answer.json()["data"] if n["name"] == name)


def test_from_a_fault_to_every_receiver_and_back(setup):
    with Scene(setup) as scene:
        manager, hook = scene.alertmanager(), scene.webhook()
        secret = scene.folder / "secret"
        secret.write_text("a secret\n")
        (scene.folder / "token").write_text("a token\n")
        heard = scene.folder / "heard"
        script = scene.script(f'#!/bin/sh\necho "told of $INFERD_ALERT_NAME: $INFERD_ALERT_STATUS"\ncat >> {heard}\necho >> {heard}\n')
        scene.start([
            {"alertmanager": {"url": manager.url}},
            {"webhook": {"url": hook.url, "secret_file": str(secret), "token_file": str(scene.folder / "token")}, "group_interval": "0s"},
            {"exec": {"command": [script]}, "group_interval": "0s"}])
        scene.fault()
        eventually(lambda: manager.alerts(alertname=ALERT), 30, "Alertmanager knows of the alert")
        eventually(lambda: hook.told("firing", alertname=ALERT), 30, "the webhook was called")
        eventually(lambda: heard.exists() and '"firing"' in heard.read_text(), 30, "the script was run")
        alert = manager.alerts(alertname=ALERT)[0]
        assert alert["annotations"] == {"summary": "a reload failed"}, alert
        assert alert["labels"]["severity"] == "warning", alert
        headers, body = hook.received[0]
        assert headers["Authorization"] == "Bearer a token", headers
        signed = headers["X-Inferd-Timestamp"].encode() + b"." + body
        assert headers["X-Inferd-Signature"] == "sha256=" + hmac.new(b"a secret", signed, hashlib.sha256).hexdigest(), headers
        assert abs(time.time() - int(headers["X-Inferd-Timestamp"])) < 60 * PATIENCE, headers
        message = json.loads(body)
        assert message["version"] == "4" and message["receiver"] == "webhook" and message["status"] == "firing", message
        assert message["groupLabels"] == {"alertname": ALERT} and message["commonLabels"]["severity"] == "warning", message

        scene.mend()
        eventually(lambda: not manager.alerts(alertname=ALERT), 30, "Alertmanager holds it for resolved")
        eventually(lambda: hook.told("resolved", alertname=ALERT), 30, "the webhook was told that it is over")
        eventually(lambda: '"resolved"' in heard.read_text(), 30, "the script was told that it is over")
        messages = [json.loads(line) for line in heard.read_text().splitlines() if line]
        assert [m["status"] for m in messages] == ["firing", "resolved"], messages
        # The script has written what it heard before it has ended, and what it said before that is in the log.
        eventually(lambda: scene.daemon.metrics().sum("inferd_notifications_total", notifier="exec", outcome="ok") == 2, 30, "the script has ended")
        eventually(lambda: f"told of {ALERT}: resolved" in scene.daemon.log(), 30, "what it said is in the log")
        scene.daemon.says(f"told of {ALERT}: firing")
        eventually(lambda: scene.daemon.metrics().sum("inferd_notifications_waiting") == 0, 30, "nothing is left to tell")
        metrics = scene.daemon.metrics()
        assert metrics.sum("inferd_notifications_total", outcome="failed") == 0
        assert metrics.sum("inferd_notifications_waiting") == 0


def test_an_alertmanager_that_comes_and_goes(setup):
    with Scene(setup) as scene:
        manager, other = scene.alertmanager(), scene.alertmanager()
        manager.stop()
        scene.start([{"alertmanager": {"url": [manager.url, other.url]}}])
        scene.fault()
        eventually(lambda: other.alerts(alertname=ALERT), 30, "the peer that is there knows at once")
        eventually(lambda: scene.notifier("alertmanager")["failing"], 30, "the one that is away is seen to be")
        scene.daemon.says("notifications_fail", manager.url)
        manager.start()
        eventually(lambda: manager.alerts(alertname=ALERT), 90, "it hears of the alert when it is there")
        eventually(lambda: not scene.notifier("alertmanager")["failing"], 30, "that it is well again is seen")
        scene.daemon.says("notifications_work")
        manager.stop()
        scene.mend()
        eventually(lambda: not other.alerts(alertname=ALERT), 30, "the other one knows that it is over")
        manager.start()
        eventually(lambda: scene.notifier("alertmanager")["waiting"] == 0, 90, "it was told, too")
        assert not manager.alerts(alertname=ALERT)


def test_receivers_that_misbehave_hold_nobody_up(setup):
    timeout = 2 * PATIENCE
    with Scene(setup) as scene:
        good = scene.webhook()
        bad = {how: scene.webhook() for how in ("hang", "cut", 500, 302)}
        notify = [{"webhook": {"url": good.url}, "name": "good", "group_interval": "0s"}]
        for how, hook in bad.items():
            hook.behave = how
            notify.append({"webhook": {"url": hook.url}, "name": f"bad-{how}", "group_interval": "0s", "timeout": f"{timeout:g}s"})
        gone = receivers.free_port()
        notify.append({"webhook": {"url": f"http://127.0.0.1:{gone}/"}, "name": "gone"})
        flood = scene.webhook()
        flood.behave = "flood"
        notify.append({"webhook": {"url": flood.url}, "name": "flood"})
        daemon = scene.start(notify)
        before, began = daemon.metrics(), time.monotonic()
        scene.fault()
        eventually(lambda: good.told("firing", alertname=ALERT), 30, "the good one is told")
        for how, hook in bad.items():
            eventually(lambda hook=hook: hook.received, 30, f"{how} is tried")
            eventually(lambda how=how: scene.notifier(f"bad-{how}")["failing"], 30, f"{how} is seen to fail")
        after, seconds = daemon.metrics(), time.monotonic() - began
        rounds, left_out = (after.sum(name) - before.sum(name) for name in ("inferd_ticker_rounds_total", "inferd_ticker_overruns_total"))
        print(f"  {rounds:.0f} rounds in {seconds:.1f} s while deliveries failed, {left_out:.0f} left out")
        assert seconds > timeout, "one hung all its time"
        # A round that waited for one delivery would leave out all rounds of its timeout.
        assert left_out < timeout / INTERVAL / 2, f"{left_out:.0f} rounds are left out while deliveries hang"
        assert rounds > seconds / INTERVAL / (2 * PATIENCE), f"{rounds:.0f} rounds in {seconds:.1f} s"
        scene.mend()
        eventually(lambda: good.told("resolved", alertname=ALERT), 30, "the good one is told that it is over")
        for how, hook in bad.items():
            eventually(lambda how=how: scene.notifier(f"bad-{how}")["failing"], 30, f"{how} is seen to fail")
            assert scene.notifier(f"bad-{how}")["waiting"] == 1
        assert scene.notifier("gone")["failing"]
        assert "302" in scene.notifier("bad-302")["error"]
        for hook in bad.values():
            hook.behave = 200
        for how, hook in bad.items():
            eventually(lambda hook=hook: hook.told("resolved", alertname=ALERT), 90, f"{how} is told later that it is over")
            assert not hook.told("firing", alertname=ALERT), "what has been superseded is not told"
        daemon.assert_serves()
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 60, "deliveries that fail do not hold up the end"


def test_a_command_that_hangs_is_killed(setup):
    with Scene(setup) as scene:
        pids = scene.folder / "pids"
        script = scene.script(f"#!/bin/sh\nsleep 1000 &\necho $! >> {pids}\necho working\nwait\n")
        daemon = scene.start([{"exec": {"command": [script]}, "timeout": "1s"}])
        scene.fault()
        eventually(lambda: scene.notifier("exec")["failing"], 30, "the command failed")
        assert "did not end in time and was killed" in scene.notifier("exec")["error"]
        eventually(lambda: '"working"' in daemon.log() or "exec: working" in daemon.log(), 10, "what the command wrote is in the log")
        first = int(pids.read_text().split()[0])

        def ended():
            try:
                return pathlib.Path(f"/proc/{first}/stat").read_text().split(") ")[1].startswith("Z")
            except FileNotFoundError:
                return True

        eventually(ended, 30, "what the command had started was killed, too")
        assert daemon.stop() == 0
        for pid in map(int, pids.read_text().split()):
            eventually(lambda pid=pid: not os.path.exists(f"/proc/{pid}") or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text(), 30,
                       "nothing is left")


def test_the_test_button(setup):
    with Scene(setup) as scene:
        hook, manager = scene.webhook(), scene.alertmanager()
        scene.start([{"webhook": {"url": hook.url}, "name": "pager"}, {"alertmanager": {"url": manager.url}},
                     {"exec": {"command": ["/bin/false"]}}])
        done = scene.inferctl("alerts", "test", "pager")
        assert (done.returncode, done.stdout) == (0, "pager: delivered\n"), done
        assert hook.told("firing", alertname="InferdTest", notifier="pager")
        eventually(lambda: hook.told("resolved", alertname="InferdTest"), 30, "the test is taken back")
        assert scene.inferctl("alerts", "test", "alertmanager").returncode == 0
        eventually(lambda: not manager.alerts(alertname="InferdTest"), 30, "Alertmanager holds the test for resolved")
        failed = scene.inferctl("alerts", "test", "exec")
        assert failed.returncode == 1 and "exec: /bin/false ended with exit code 1" in failed.stderr, failed
        unknown = scene.inferctl("alerts", "test", "none")
        assert unknown.returncode == 1 and "there are pager, alertmanager, exec" in unknown.stderr, unknown
        shown = scene.inferctl("alerts", "notifiers")
        assert shown.returncode == 0 and "exit code 1" in shown.stdout, shown
        assert [n["name"] for n in json.loads(scene.inferctl("alerts", "notifiers", "--json").stdout)] == ["pager", "alertmanager", "exec"]


def test_silences_of_inferctl_and_of_amtool(setup):
    amtool = tool("amtool")
    with Scene(setup) as scene:
        hook = scene.webhook()
        daemon = scene.start([{"webhook": {"url": hook.url}, "group_interval": "0s"}])
        added = scene.inferctl("silence", "add", f"alertname={ALERT}", "severity=~warn.*", "--duration", "1h", "--comment", "known", "--author", "me")
        assert added.returncode == 0, added
        silence = added.stdout.strip()
        scene.fault()
        eventually(lambda: scene.notifier("webhook")["waiting"] == 1, 30, "the alert waits")
        listed = scene.inferctl("silence", "list")
        assert silence in listed.stdout and "known" in listed.stdout and f"alertname={ALERT}" in listed.stdout, listed
        # Who wonders why nobody was told sees it beside the alert.
        seen = scene.inferctl("alerts").stdout
        assert ALERT in seen and "silenced until" in seen and f"by me: alertname={ALERT} severity=~warn.* (known)" in seen, seen
        assert daemon.metrics().sum("inferd_silences", state="active") == 1

        def am(*arguments):
            return subprocess.run([amtool, f"--alertmanager.url=http://127.0.0.1:{daemon.observability}", *arguments], capture_output=True,
                                  text=True, timeout=60, check=False)

        shown = am("silence", "query", "-o", "json")
        assert [s["id"] for s in json.loads(shown.stdout)] == [silence], shown
        second = am("silence", "add", "--author=you", "--comment=by amtool", "--duration=2h", "alertname=Other")
        assert second.returncode == 0, second
        assert [s["comment"] for s in json.loads(am("silence", "query", "-o", "json", "alertname=Other").stdout)] == ["by amtool"]
        assert am("silence", "expire", second.stdout.strip()).returncode == 0
        assert len(json.loads(scene.inferctl("silence", "list", "--json").stdout)) == 1
        assert len(json.loads(scene.inferctl("silence", "list", "--all", "--json").stdout)) == 2
        assert not hook.told("firing", alertname=ALERT)

        # It outlives a restart.
        assert daemon.stop() == 0
        daemon.write_config(scene.config)
        daemon.start()
        assert json.loads(scene.inferctl("silence", "list", "--json").stdout)[0]["id"] == silence
        scene.fault()
        eventually(lambda: scene.notifier("webhook")["waiting"] == 1, 30, "the alert waits again")
        assert not hook.told("firing", alertname=ALERT)
        ended = scene.inferctl("silence", "expire", silence)
        assert ended.returncode == 0, ended
        eventually(lambda: hook.told("firing", alertname=ALERT), 60, "it is told when the silence ends")
        assert scene.inferctl("silence", "list").stdout == "no silence holds\n"
        log = daemon.log()
        assert "silence_changed" in log and "by amtool" in log

        for bad in (["silence", "add", "x"], ["silence", "add", "a=~.*"], ["silence", "add", "a=b", "--duration", "soon"],
                    ["silence", "expire", "00000000-0000-4000-8000-000000000000"], ["silence", "expire", "../x"]):
            assert scene.inferctl(*bad).returncode == 1, bad
        refused = scene.inferctl("silence", "add", "a=~.*").stderr
        assert refused == "inferctl: HTTP status 400: at least one matcher must not match the empty text, or everything would be silenced\n", refused


def test_who_may_act(setup):
    with Scene(setup) as scene:
        hook = scene.webhook()
        keys = scene.folder / "keys"
        keys.write_text("".join(f"{name}:{role}:{hashlib.sha256(name.encode()).hexdigest()}\n"
                                for name, role in (("boss", "admin"), ("graph", "metrics"), ("app", "user"))))
        daemon = scene.start([{"webhook": {"url": hook.url}}], auth={"keys_file": str(keys)})
        now = time.time()
        silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "createdBy": "x", "comment": "",
                   "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
                   "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600))}

        def post(path, body=None, key=None, **headers):
            if key:
                headers["Authorization"] = f"Bearer {key}"
            return request(daemon.observability, "POST", path, silence if body is None else body, headers=headers)

        assert post("/api/v2/silences").status == 401
        assert post("/api/v2/silences", key="graph").status == 403
        assert post("/api/v2/silences", key="app").status == 403
        assert post("/api/v1/notifiers/webhook/test", {}).status == 401
        assert post("/api/v2/silences", key="boss").status == 200
        assert daemon.observe("/api/v2/silences").status == 200, "reading is free on this machine"
        denied = scene.inferctl("silence", "add", "a=b")
        assert denied.returncode == 1 and "admin" in denied.stderr, denied
        assert scene.inferctl("silence", "add", "a=b", environment={"INFERD_API_KEY": "boss"}).returncode == 0
        # What a page on the web could make a browser send.
        assert post("/api/v2/silences", key="boss", **{"Content-Type": "text/plain"}).status == 415
        assert post("/api/v2/silences", key="boss", Origin="http://evil.example").status == 415
        assert post("/api/v2/silences", "x" * 100_000, key="boss", **{"Content-Type": "application/json"}).status == 413
        for body in ("", "{", "[]", "[" * 60_000, json.dumps({**silence, "matchers": []}), json.dumps({**silence, "endsAt": silence["startsAt"]}),
                     json.dumps({**silence, "matchers": [{"name": "a", "value": "(", "isRegex": True}]})):
            answer = post("/api/v2/silences", body, key="boss", **{"Content-Type": "application/json"})
            assert answer.status == 400 and isinstance(answer.json(), str), (body[:50], answer)
        assert request(daemon.observability, "DELETE", "/api/v2/silence/nobody", headers={"Authorization": "Bearer boss"}).status == 404
        assert request(daemon.observability, "PUT", "/api/v2/silences", silence, headers={"Authorization": "Bearer boss"}).status == 405
        assert not hook.received


def test_silences_and_tests_are_in_the_audit_log(setup):
    """Who has kept whom from hearing of what, until when; and who has tried a notifier."""
    with Scene(setup) as scene:
        hook, audit, keys = scene.webhook(), scene.folder / "audit.log", scene.folder / "keys"
        keys.write_text(f"boss:admin:{hashlib.sha256(b'boss').hexdigest()}\n")
        daemon = scene.start([{"webhook": {"url": hook.url}, "name": "pager"}], logs={"audit": {"file": str(audit)}})

        def add(*arguments, **environment):
            added = scene.inferctl("silence", "add", *arguments, "--duration", "1h", "--author", "somebody", environment=environment)
            assert added.returncode == 0, added
            return added.stdout.strip()

        first = add("alertname=Known", "severity=~warn.*")
        until = json.loads(scene.inferctl("silence", "list", "--json").stdout)[0]["endsAt"]
        assert scene.inferctl("silence", "expire", first).returncode == 0
        assert scene.inferctl("alerts", "test", "pager").returncode == 0
        hook.behave = 500
        assert scene.inferctl("alerts", "test", "pager").returncode == 1
        # What is asked for wrongly changes nothing and is no act.
        assert scene.inferctl("silence", "add", "a=~.*").returncode == 1
        assert scene.inferctl("silence", "expire", "00000000-0000-4000-8000-000000000000").returncode == 1
        assert scene.inferctl("alerts", "test", "none").returncode == 1
        long = add("alertname=" + "é" * 2000)
        # One that cannot be kept is not set, and somebody has tried.
        scene.state.rename(scene.folder / "gone")
        assert scene.inferctl("silence", "expire", long).returncode == 1
        (scene.folder / "gone").rename(scene.state)
        scene.reload({"auth": {"keys_file": str(keys)}})
        eventually(lambda: "reloaded the configuration" in daemon.log(), 30, "keys are asked for")
        assert scene.inferctl("silence", "expire", long).returncode == 1
        third = add("alertname=Third", INFERD_API_KEY="boss")
        assert daemon.stop() == 0

        acts = [act for act in map(json.loads, audit.read_text().splitlines()) if act["act"].split("_")[0] in ("silence", "notifier")]
        assert all(act["client"] == "127.0.0.1" for act in acts), acts
        assert [(act["act"], act["actor"], act["target"], act["outcome"]) for act in acts] == [
            ("silence_set", "local", first, "ok"), ("silence_ended", "local", first, "ok"),
            ("notifier_test", "local", "pager", "ok"), ("notifier_test", "local", "pager", "failed"),
            ("silence_set", "local", long, "ok"), ("silence_ended", "local", long, "failed"), ("silence_set", "boss", third, "ok")], acts
        assert acts[0]["detail"] == f'until {until}: alertname="Known", severity=~"warn.*"', (acts[0], until)
        assert "500" in acts[3]["detail"] and len(acts[4]["detail"].encode()) <= 1000 and "éé" in acts[4]["detail"], acts
        good = setup.run(setup.inferctl, "audit", "verify", audit)
        assert good.returncode == 0, good


def test_a_reload_changes_notifiers_and_loses_nothing(setup):
    with Scene(setup) as scene:
        first, second = scene.webhook(), scene.webhook()
        first.behave = 500
        daemon = scene.start([{"webhook": {"url": first.url}, "name": "first"}])
        scene.fault()
        eventually(lambda: first.received, 30, "the first one is tried")
        notify = [{"webhook": {"url": first.url}, "name": "first"}, {"webhook": {"url": second.url}, "name": "second"}]
        scene.config["alerts"]["notify"] = notify
        scene.mend()
        eventually(lambda: any(n["name"] == "second" for n in daemon.observe("/api/v1/notifiers").json()["data"]), 30, "there is a second one")
        assert scene.notifier("first")["failed"] > 0, "the first one has gone on"
        first.behave = 200
        eventually(lambda: first.told("resolved", alertname=ALERT), 90, "what waited is told")
        scene.config["alerts"]["notify"] = [{"webhook": {"url": "nowhere"}}]
        scene.reload()
        eventually(lambda: "alerts.notify[0].webhook.url" in daemon.log(), 30, "a fault is named")
        assert len(daemon.observe("/api/v1/notifiers").json()["data"]) == 2, "and changes nothing"


def test_a_restart_forgets_nothing(setup):
    with Scene(setup) as scene:
        hook = scene.webhook()
        daemon = scene.start([{"webhook": {"url": hook.url}, "group_interval": "0s"}])
        kept = scene.state / "notifiers.json"
        scene.fault()
        eventually(lambda: hook.told("firing", alertname=ALERT), 30, "the webhook is told")
        eventually(lambda: kept.exists() and '"waiting":false' in kept.read_text(), 30, "that is kept")
        daemon.process.kill()
        daemon.process.wait()
        daemon.write_config(scene.config)
        daemon.start()
        eventually(lambda: hook.told("resolved", alertname=ALERT), 60, "what ended while it was dead is told")
        assert len(hook.told("firing", alertname=ALERT)) == 1, "what was told is no news"
        assert daemon.stop() == 0
        kept.write_text("{")
        daemon.start()
        eventually(lambda: "notifiers.json: is not what notifiers have kept" in daemon.log(), 30, "a damaged file is said to be")


def test_mails_go_out_over_tls(setup):
    with Scene(setup) as scene:
        password = scene.folder / "password"
        password.write_text("pass word\n")
        notify, servers = [], {}
        for mode, implicit in (("starttls", False), ("tls", True)):
            folder = scene.folder / mode
            folder.mkdir()
            servers[mode] = receivers.MailServer(folder, "inferd", "pass word", implicit_tls=implicit)
            scene.stack.callback(servers[mode].close)
            notify.append({"name": mode, "group_interval": "0s",
                           "email": {"server": f"localhost:{servers[mode].port}", "tls": mode, "from": "inferd@example.com",
                                     "to": ["ops@example.com", "night@example.com"], "username": "inferd", "password_file": str(password),
                                     "ca_file": str(servers[mode].cert)}})
        # No certificate that it would believe: it must not talk to that one.
        notify.append({"name": "stranger", "email": {**notify[0]["email"], "ca_file": None}})
        scene.start(notify)
        scene.fault()
        for mode, server in servers.items():
            eventually(lambda server=server: server.mails, 60, f"a mail came by {mode}")
            sender, recipients, secured, message = server.mails[0]
            assert secured and "<inferd@example.com>" in sender and len(recipients) == 2, (sender, recipients)
            assert message["Subject"] == f"[FIRING:1] {ALERT} (warning)", message["Subject"]
            assert "summary: a reload failed" in message.get_content(), message.get_content()
        scene.mend()
        for server in servers.values():
            eventually(lambda server=server: len(server.mails) >= 2, 60, "a mail that it is over")
            assert server.mails[1][3]["Subject"] == f"[RESOLVED] {ALERT} (warning)"
        assert "certificate" in scene.notifier("stranger")["error"], scene.notifier("stranger")
        assert len(servers["starttls"].mails) == 2
        password.write_text("wrong\n")
        refused = scene.inferctl("alerts", "test", "tls")
        assert refused.returncode == 1 and "535" in refused.stderr or "Login denied" in refused.stderr, refused
