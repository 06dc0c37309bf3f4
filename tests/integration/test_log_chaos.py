"""The log file under everything that can happen to a file at once."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import runner
from harness import PATIENCE
from log_lines import lines_in, text_of


@contextlib.contextmanager
def small_disk(megabytes):
    """A file system of its own; only root can have one."""
    folder = tempfile.mkdtemp(prefix="inferd-disk-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        os.rmdir(folder)
        runner.skip("no file system can be mounted here (needs root)")
    try:
        yield pathlib.Path(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)
        os.rmdir(folder)


def hammer(port, stop, many=50):
    """As many requests as one connection takes, each of which is a line of the log."""
    wanted, mark = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * many, b"HTTP/1.1 "
    while not stop.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            while not stop.is_set():
                connection.sendall(wanted)
                answers, rest = 0, b""
                while answers < many:
                    received = connection.recv(1 << 20)
                    if not received:
                        raise OSError("closed")
                    answers += (rest + received).count(mark)
                    rest = (rest + received)[1 - len(mark):]


# As in docs/LOGS.md, but nothing is thrown away.
LOGROTATE = """
{log} {{
	rotate 10000
	dateext
	dateformat .%s
	compress
	delaycompress
	missingok
	notifempty
	create
}}
"""


def test_no_line_is_torn_or_lost_unsaid_in_chaos(setup):
    """Rotation each second under load with logrotate beside it, files moved, unlinked and deleted under the daemon, the disk filled and
    freed: every line parses, and the numbers that are missing are those that it says it has lost."""
    if not shutil.which("logrotate", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        runner.skip("logrotate is not installed (scripts/setup test)")
    seconds = float(os.environ.get("INFERD_TEST_CHAOS_SECONDS", "8"))
    with small_disk(128) as disk, tempfile.TemporaryDirectory() as elsewhere:
        log = disk / "inferd.log"
        kept = pathlib.Path(elsewhere) / "kept"
        kept.mkdir()
        script = pathlib.Path(elsewhere) / "logrotate.conf"
        script.write_text(LOGROTATE.format(log=log))
        logs = {"file": str(log), "rotate": {"every": "1s", "keep": 0, "size": "100MiB"}, "levels": {"access": "debug"}}
        deleted = []  # since when, and the descriptor: files that have no name any more
        gone = []     # their lines

        def read_deleted(age):
            while deleted and time.monotonic() - deleted[0][0] >= age:
                with open(deleted.pop(0)[1], "rb") as file:
                    gone.extend(lines_in(file.read(), "a deleted file"))

        with setup.daemon({"logs": logs}) as d:
            stop = threading.Event()

            def load():
                hammer(d.api, stop)

            # What is rotated is taken away from the small disk, as a shipper of logs would.
            def move_away():
                while not stop.is_set():
                    whole = [path for path in disk.glob("inferd*.gz") if not path.with_suffix("").exists()]
                    quiet = [path for path in disk.glob("moved.*") if time.time() - path.stat().st_mtime > 5]  # nobody writes to them
                    for path in whole + quiet:
                        (kept / path.name).write_bytes(path.read_bytes())
                        path.unlink()
                    read_deleted(5)
                    stop.wait(0.05)

            turns = []

            def logrotate():
                while not stop.is_set():
                    done = subprocess.run(["/usr/sbin/logrotate", "--force", "--state", script.with_suffix(".state"), script],
                                          capture_output=True, check=False)
                    turns.append(done.returncode)
                    stop.wait(1.5)

            threads = [threading.Thread(target=f) for f in (load, load, move_away, logrotate)]
            for thread in threads:
                thread.start()

            def counted(name, **labels):
                return d.metrics().sum(name, **labels)

            def seen_enough():
                """Of everything that is to be survived, however slow this machine is."""
                return (counted("inferd_log_rotations_total") >= 3 and counted("inferd_log_dropped_total", reason="disk_full") > 0
                        and len(turns) >= 3 and deleted_ones > 0)

            try:
                begin, turn, deleted_ones = time.monotonic(), 0, 0
                filler = disk / "filler"
                # Whole rounds: the disk is free at the end of each.
                while turn % 5 != 0 or time.monotonic() < begin + seconds or not seen_enough():
                    assert time.monotonic() < begin + seconds + 120 * PATIENCE, f"not all of it happened in {turn} turns"
                    turn += 1
                    with contextlib.suppress(FileNotFoundError):
                        if turn % 5 == 1:
                            log.rename(disk / f"moved.{turn}")
                            log.touch()
                        elif turn % 5 == 2:  # unlinked, but another name keeps its lines
                            os.link(log, disk / f"moved.{turn}")
                            log.unlink()
                        elif turn % 5 == 3:  # deleted
                            doomed = disk / "doomed"
                            log.rename(doomed)
                            deleted.append((time.monotonic(), os.open(doomed, os.O_RDONLY)))
                            deleted_ones += doomed.stat().st_size > 0
                            doomed.unlink()
                    if turn % 5 == 4:
                        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                            while True:
                                file.write(b"x" * 65536)
                    elif turn % 5 == 0:
                        filler.unlink(missing_ok=True)
                        d.send(signal.SIGHUP)
                    stop.wait(0.3)
                filler.unlink(missing_ok=True)
                stop.wait(0.3)
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            d.assert_serves()
            dropped, full = counted("inferd_log_dropped_total"), counted("inferd_log_dropped_total", reason="disk_full")
            rotations = counted("inferd_log_rotations_total")
            assert d.stop() == 0
            files = [path for path in [*kept.iterdir(), *disk.glob("inferd*"), *disk.glob("moved*")] if not path.name.endswith(".new")]
            texts = {path: text_of(path) for path in files}
            lines = [line for path, text in texts.items() for line in lines_in(text, path)]
            numbers = [line["seq"] for line in lines if line["seq"] > 0]
            # What was written into a deleted file since it was last seen is carried over into the next one: only these may be there twice,
            # and where the disk was full then, they were lost, though they can be seen here.
            read_deleted(0)
            reported = sum(line["lines"] for line in lines + gone if line["event"] == "log_lines_lost")
            only_gone = {line["seq"] for line in gone if line["seq"] > 0} - set(numbers)
            missing = set(range(1, max(numbers) + 1)) - set(numbers) - only_gone
            by_logrotate = sum(".log." in path.name for path in files)
            print(f"  {len(lines)} lines and {len(gone)} in deleted files, {rotations:.0f} rotations, {by_logrotate} files of "
                  f"logrotate, {dropped:.0f} dropped ({full:.0f} on the full disk), {reported} reported")
            assert len(set(numbers)) == len(numbers), "a line is there twice"
            assert len(missing) <= dropped <= len(missing) + len(only_gone), \
                f"{len(missing)} numbers are missing and {len(only_gone)} were deleted, {dropped:.0f} were counted"
            assert reported == dropped, (reported, dropped)
            assert gone and by_logrotate > 0, (len(gone), by_logrotate, turns)
            read = subprocess.run(["jq", "-c", ".seq"], input=b"".join(texts.values()), capture_output=True, check=False)
            assert read.returncode == 0 and read.stdout.count(b"\n") == len(lines), (read.returncode, read.stderr[-500:])
