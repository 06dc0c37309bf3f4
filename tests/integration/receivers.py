"""Those who are told of alerts, as users have them: Debian's Alertmanager (scripts/setup unpacks it to build/tools), a webhook's receiver, a
mail server with TLS. Each on a port of its own, each keeps what it got."""
import asyncio
import base64
import contextlib
import email
import email.policy
import http.client
import http.server
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import runner
from harness import PATIENCE, eventually, request
from prometheus import ROOT, tool


def alertmanager_command():
    """How it is run. Debian's reads its templates from /usr/share; where the package is not installed it gets a /usr/share of its own."""
    program = tool("alertmanager")
    if pathlib.Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        return [program]
    share = ROOT / "build/tools/alertmanager-share"
    if not share.is_dir():
        runner.skip("Alertmanager's templates are not here (scripts/setup test)")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"', str(share)]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        runner.skip("Alertmanager cannot be given its templates: no name spaces on this machine")
    return [*command, program]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Alertmanager:
    """One server without receivers of its own: what it knows is asked over its API."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inferd-alertmanager-"))
        self.port = free_port()
        (self.folder / "config.yml").write_text(json.dumps({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}))
        self.log_file = self.folder / "log"
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*alertmanager_command(), f"--config.file={self.folder}/config.yml", f"--storage.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            assert self.process.poll() is None, self.log_file.read_text(errors="replace")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return request(self.port, "GET", "/-/ready", timeout=5).status == 200

        eventually(ready, 60, "Alertmanager is ready")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def alerts(self, **labels):
        """Those that it takes for firing."""
        answer = request(self.port, "GET", "/api/v2/alerts")
        assert answer.status == 200, answer
        return [a for a in answer.json() if all(a["labels"].get(k) == v for k, v in labels.items())]

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Webhook:
    """Takes POSTs. `behave` says how: an HTTP status, or "hang", "cut" (closes in the middle of its answer) or "flood" (an answer without an
    end, as far as it is read)."""

    def __init__(self):
        self.received = []  # (headers, body) of each request, in order
        self.accepted = []  # the messages that were answered with 200
        self.behave = 200
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                behave = outer.behave
                if behave == 200:
                    outer.accepted.append(json.loads(body))
                outer.received.append((dict(self.headers), body))
                if behave == "hang":
                    outer.released.wait(600)
                    return
                self.send_response(behave if isinstance(behave, int) else 500)
                if behave == "cut":
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b"half")
                    return
                if behave == "flood":
                    self.end_headers()
                    with contextlib.suppress(OSError):
                        while not outer.released.is_set():
                            self.wfile.write(b"x" * 65536)
                    return
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def told(self, status, **labels):
        """Alerts of accepted messages with that status."""
        return [a for message in list(self.accepted) for a in message["alerts"]
                if a["status"] == status and all(a["labels"].get(k) == v for k, v in labels.items())]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def certificate(folder):
    """A certificate for localhost and 127.0.0.1 that is its own authority: (certificate, key)."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class MailServer:
    """SMTP with STARTTLS, or with TLS from the first byte; wants a password. Enough of RFC 5321 for one client."""

    def __init__(self, folder, username, password, implicit_tls=False):
        self.cert, key = certificate(folder)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)
        self.implicit_tls = implicit_tls
        self.login = base64.b64encode(f"\0{username}\0{password}".encode()).decode()
        self.mails = []  # (from, [to], secured, message)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(30 * PATIENCE)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)

        async def serve():
            server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self.context if self.implicit_tls else None)
            self.port = server.sockets[0].getsockname()[1]
            started.set()

        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def _talk(self, reader, writer):
        secured, known, sender, recipients = self.implicit_tls, False, None, []

        async def say(text):
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await say("220 localhost ESMTP")
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                word = line.split(" ")[0].upper()
                if word == "EHLO":
                    await say("250-localhost\r\n250 AUTH PLAIN" if secured else "250-localhost\r\n250 STARTTLS")
                elif word == "STARTTLS":
                    await say("220 go ahead")
                    await writer.start_tls(self.context)
                    secured = True
                elif word == "AUTH":
                    text = line.split(" ")[2] if line.count(" ") > 1 else None
                    if text is None:
                        await say("334 ")
                        text = (await reader.readline()).decode().strip()
                    known = text == self.login
                    await say("235 welcome" if known else "535 who are you")
                elif word == "MAIL":
                    sender, recipients = line, []
                    await say("250 ok" if known else "530 log in first")
                elif word == "RCPT":
                    recipients.append(line)
                    await say("250 ok")
                elif word == "DATA":
                    await say("354 go on")
                    data = await reader.readuntil(b"\r\n.\r\n")
                    self.mails.append((sender, recipients, secured, email.message_from_bytes(data[:-3], policy=email.policy.default)))
                    await say("250 taken")
                elif word == "QUIT":
                    await say("221 bye")
                    break
                else:
                    await say("250 ok")
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
