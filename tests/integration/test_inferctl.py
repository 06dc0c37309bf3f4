"""inferctl: tables for people, JSON for programs, exit codes for scripts."""
import http.server
import json
import pathlib
import re
import signal
import tempfile
import threading


def ctl(setup, *arguments, daemon=None, **options):
    addresses = ["--api", f"http://127.0.0.1:{daemon.api}", "--observe", f"http://127.0.0.1:{daemon.observability}"] if daemon else []
    return setup.run(setup.inferctl, *addresses, *arguments, **options)


def test_status(setup):
    d = setup.shared()
    done = ctl(setup, "status", daemon=d)
    assert done.returncode == 0 and "demo" in done.stdout, done
    assert "\x1b[" not in done.stdout, "colour although this is no terminal"
    done = ctl(setup, "status", "--json", daemon=d)
    assert done.returncode == 0, done
    assert isinstance(json.loads(done.stdout), dict)


def test_status_without_a_daemon(setup):
    done = setup.run(setup.inferctl, "--api", "http://127.0.0.1:1", "--observe", "http://127.0.0.1:1", "status")
    assert done.returncode == 1 and done.stderr.strip(), done


def test_reload_waits_for_the_daemons_word(setup):
    with tempfile.TemporaryDirectory() as folder, setup.daemon(environment={"RUNTIME_DIRECTORY": folder}) as d:
        def reload(*options, environment={"RUNTIME_DIRECTORY": folder}):
            return ctl(setup, "reload", *options, str(d.process.pid), environment=environment)

        assert reload().returncode == 0
        d.write_config({"quue": {}})
        done = reload()
        assert done.returncode == 1 and f"{d.config_file}:" in done.stderr and "unknown key" in done.stderr, done
        assert "the running configuration stays" in done.stderr, done
        assert d.metrics().sum("inferd_config_last_reload_successful") == 0, "what the daemon says is known before the command ends"
        d.write_config({})
        assert reload().returncode == 0 and d.metrics().sum("inferd_config_last_reload_successful") == 1
        assert reload(environment={}).returncode == 1, "nobody could answer"
        d.send(signal.SIGSTOP)
        done = reload("--timeout", "0.2")
        assert done.returncode == 1 and "has not answered within 0.2 s" in done.stderr, done
        d.send(signal.SIGCONT)
        d.assert_serves()
        assert d.stop() == 0
    done = ctl(setup, "reload", str(d.process.pid), environment={"RUNTIME_DIRECTORY": "/tmp"})
    assert done.returncode == 1 and "No such process" in done.stderr, done
    assert ctl(setup, "reload", "-1").returncode == 2, "every process of the user"


def test_chat(setup):
    done = ctl(setup, "chat", "What is inferd_queue_depth for?", daemon=setup.shared())
    assert done.returncode == 0 and len(done.stdout.strip()) > 0, done


def test_bench(setup):
    d = setup.shared()
    done = ctl(setup, "bench", "--concurrency", "2", "--duration", "1s", "--prompt-tokens", "8", "--max-tokens", "8", "--json", daemon=d)
    assert done.returncode == 0, done
    result = json.loads(done.stdout)
    assert isinstance(result, dict) and result, result
    done = ctl(setup, "bench", "--rate", "5", "--duration", "1s", "--max-tokens", "4", daemon=d)
    assert done.returncode == 0 and re.search(r"p9[59]", done.stdout, re.IGNORECASE), done


class HalfBroken(http.server.BaseHTTPRequestHandler):
    """A server whose every other answer is `status`."""
    protocol_version = "HTTP/1.1"
    status = 500
    number = 0

    def do_GET(self):
        self.answer(200, json.dumps({"object": "list", "data": [{"id": "demo"}]}))

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).number += 1
        if self.number > 2 and self.number % 2:  # the first two measure the prompt
            return self.answer(self.status, json.dumps({"error": {"message": "out of order", "type": "x"}}))
        chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}})
        return self.answer(200, f"data: {chunk}\n\ndata: [DONE]\n\n", "text/event-stream")

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def test_bench_says_when_requests_failed(setup):
    for status, code in ((500, 1), (429, 0)):
        handler = type("Handler", (HalfBroken,), {"status": status})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            done = setup.run(setup.inferctl, "--api", f"http://127.0.0.1:{server.server_port}", "bench", "--concurrency", "1", "--duration", "300ms", "--json")
            server.shutdown()
        result = json.loads(done.stdout)["requests"]
        assert result["ok"] > 0 and result["failed"] > 0, done
        assert done.returncode == code, done
        assert (f"{result['failed']} x 500" in done.stderr and "out of order" in done.stderr) == bool(code), done.stderr


def test_model_inspect_and_verify(setup):
    done = ctl(setup, "model", "inspect", setup.model)
    assert done.returncode == 0 and "token_embd.weight" in done.stdout, done.stdout[:2000]
    done = ctl(setup, "model", "verify", setup.model)
    assert done.returncode == 0, done
    with setup.daemon() as d:
        broken = d.folder / "broken.gguf"
        broken.write_bytes(setup.model.read_bytes()[:5000])
        done = ctl(setup, "model", "verify", broken)
        assert done.returncode == 1 and "broken.gguf" in done.stdout + done.stderr, done
    assert ctl(setup, "model", "verify", "/no/such/file").returncode == 1


def test_config_check_and_print(setup):
    with setup.daemon() as d:
        assert ctl(setup, "config", "check", d.config_file).returncode == 0
        bad = d.folder / "bad.yaml"
        bad.write_text("queue:\n  capasity: 5\n")
        done = ctl(setup, "config", "check", bad)
        assert done.returncode == 1 and f"{bad}:2:" in done.stdout + done.stderr and "capacity" in done.stdout + done.stderr, done
        done = ctl(setup, "config", "print", "--config", d.config_file)
        assert done.returncode == 0 and "capacity:" in done.stdout, done


def test_doctor(setup):
    done = ctl(setup, "doctor")
    assert done.returncode in (0, 1) and "CPU" in done.stdout, done


def test_promql_test(setup):
    with tempfile.TemporaryDirectory(prefix="inferd-test-") as name:
        good, bad = pathlib.Path(name) / "good.test", pathlib.Path(name) / "bad.test"
        good.write_text("load 1m\n  a 1 2 3\n  h {{sum:1}}\n\neval instant at 1m a\n  a 2\n\neval instant at 1m h\n  h {{sum:1}}\n")
        bad.write_text("load 1m\n  a 1 2 3\n\neval instant at 1m a\n  a 7\n\neval instant at 1m a\n  a 2\n")
        done = ctl(setup, "promql", "test", good)
        assert done.returncode == 0 and done.stdout.splitlines()[-1] == "1 passed, 0 failed, 1 skipped", done
        done = ctl(setup, "promql", "test", good, bad)
        assert done.returncode == 1 and done.stdout.splitlines()[-1] == "2 passed, 1 failed, 1 skipped", done
        assert f"{bad}:4: a: a: expected 7, got 2" in done.stdout, done
        assert ctl(setup, "promql", "test", "/no/such/file").returncode == 1
    assert ctl(setup, "promql", "test").returncode == 2


def test_usage_errors(setup):
    for arguments in ([], ["dance"], ["status", "--no-such-flag"], ["model"], ["model", "inspect"], ["bench", "--rate", "fast"]):
        done = setup.run(setup.inferctl, *arguments)
        assert done.returncode == 2 and (done.stderr + done.stdout).strip(), (arguments, done)
    assert setup.run(setup.inferctl, "--help").returncode == 0
