"""Every shipped alert by a fault that is caused for real, or played by a fake where hardware or hours would be needed: it reaches
Alertmanager, a webhook and a script, and is taken back when the fault ends. And none of them without a fault.

The rules are the shipped ones with every duration divided by the factor of the scene (shipped_rules.py)."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import runner
import shipped_rules
from fault_stage import Receivers, SmallDisk, Stage, StandingThread
from harness import PATIENCE, eventually

SCENES = []


def scene(*fires, factor=300):
    """The function is a generator: it causes the fault and yields the alerts that have to fire by then, or nothing for all of `fires`. What
    comes after the last yield ends the fault; then all of `fires` have to be taken back."""
    def register(function):
        SCENES.append((function, set(fires), factor))
        return function
    return register


def both(*names):
    return [f"{name}/{severity}" for name in names for severity in ("warning", "critical")]


GPU = """
value nvmlDeviceGetUtilizationRates {busy} 20
value nvmlDeviceGetMemoryInfo_v2 1000 0 {free} {used}
value nvmlDeviceGetTemperature:0 {celsius}
value nvmlDeviceGetFieldValues:82 {celsius}
value nvmlDeviceGetPowerUsage 300000
value nvmlDeviceGetCurrentClocksThrottleReasons {throttle}
value nvmlDeviceGetTotalEccErrors:0 {ecc}
value nvmlDeviceGetTotalEccErrors:1 {ecc}
value nvmlDeviceGetRemappedRows 0 0 {remap} {remap}
"""
GOOD_GPU = {"busy": 50, "free": 600, "used": 400, "celsius": 60, "throttle": 0, "ecc": 0, "remap": 0}
SW_POWER_CAP, HW_SLOWDOWN = 1 << 2, 1 << 3  # nvmlClocksEventReasons


def gpu(stage, script="", **changes):
    stage.put("gpu", GPU.format(**{**GOOD_GPU, **changes}) + script)


def with_gpu(stage):
    """The environment of a daemon with a GPU that plays a script (tests/fakes/nvml)."""
    library = stage.setup.inferd.parents[1] / "tests/fakes/nvml/full"
    if not (library / "libnvidia-ml.so.1").exists():
        runner.skip("the stand-in for NVIDIA's library is not built")
    gpu(stage)
    return {"LD_LIBRARY_PATH": str(library), "INFERD_FAKE_NVML": str(stage.folder / "gpu")}


@scene(*both("InferdGpuUtilizationHigh", "InferdGpuMemoryHigh", "InferdGpuTemperatureHigh", "InferdGpuThrottled", "InferdGpuXid",
             "InferdGpuEccErrors", "InferdGpuRowRemap"), "InferdGpuSaturated/warning", "InferdGpuPowerCapped/info", factor=600)
def a_gpu_that_burns(stage):
    stage.start(environment=with_gpu(stage))
    eventually(lambda: stage.query("inferd_gpu_ecc_errors_total == 0"), 30, "memory errors are read")
    gpu(stage, "event 0 xid 79\nevent 0 xid 13\n", busy=99, free=5, used=995, celsius=110, throttle=SW_POWER_CAP | HW_SLOWDOWN, ecc=50, remap=1)
    yield
    gpu(stage, "event 0 xid 79\nevent 0 xid 13\n", ecc=50)


@scene("InferdGpuIdle/info", "InferdGpuLost/critical", factor=600)
def a_gpu_that_idles_and_one_that_is_lost(stage):
    stage.start(environment=with_gpu(stage))
    gpu(stage, "gpus 2\n", busy=3)
    yield {"InferdGpuIdle/info"}
    gpu(stage, "lost 0\n")
    yield
    gpu(stage)


def make_certificate(path, begin, end):
    """Valid from `begin` to `end`, days from now. openssl req cannot make one that has expired; an authority can."""
    def day(days):
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))

    with tempfile.TemporaryDirectory(prefix="inferd-authority-") as name:
        folder = pathlib.Path(name)
        (folder / "index").touch()
        (folder / "config").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial={folder}/serial\ndefault_md=sha256\npolicy=p\n"
                                       "[p]\ncommonName=supplied\n")
        for arguments in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
                           folder / "key", "-out", folder / "request"],
                          ["ca", "-batch", "-selfsign", "-rand_serial", "-notext", "-config", folder / "config", "-keyfile", folder / "key", "-in",
                           folder / "request", "-startdate", day(begin), "-enddate", day(end), "-out", folder / "cert"]):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        shutil.copy(folder / "cert", path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


@scene(*both("InferdDiskSpaceLow", "InferdCertificateExpiring", "InferdClockSkew"), "InferdDiskFilling/warning",
       "InferdClockUnsynchronized/warning", "InferdLogsDropped/warning", "InferdAuditNotWritten/warning", "InferdCollectorFailed/warning", "InferdConfigReloadFailed/warning")
def a_machine_in_disorder(stage):
    disk, certificate, other = SmallDisk(stage), stage.folder / "cert.pem", stage.folder / "other.pem"
    make_certificate(certificate, -1, 89)
    make_certificate(other, -1, 89)
    audit = stage.folder / "audit.log"
    audit.symlink_to("no-folder/audit.log")
    stage.start({"observability": {"disks": [str(disk.path)], "certificates": [str(certificate), str(other)]},
                 "logs": {"file": str(disk.path / "inferd.log"), "audit": {"file": str(audit)}}}, setup=disk.setup)
    eventually(lambda: stage.query("inferd_disk_free_bytes > 2.5e9") and stage.query("inferd_certificate_expiry_timestamp_seconds"), 30,
               "disks and certificates are looked at")
    disk.fill()
    make_certificate(certificate, -90, -1)
    other.unlink()
    stage.fault("clock 450")
    stage.reload({"queue": {"capacity": 0}})
    quiet = stage.load(max_tokens=1)  # lines for the log
    yield
    quiet()
    disk.empty()
    (stage.folder / "no-folder").mkdir()
    make_certificate(certificate, -1, 89)
    make_certificate(other, -1, 89)
    stage.fault()
    stage.reload()


QUEUE = 24


STALLED = {*both("InferdFirstTokenOverdue", "InferdQueueHeadOld", "InferdQueueDeep", "InferdRequestsRefused"), "InferdEngineStalled/critical",
           "InferdErrorBudgetBurn/critical/1h", "InferdErrorBudgetBurn/critical/6h"}


@scene(*STALLED, *both("InferdFirstTokenLatencyHigh", "InferdRequestLatencyHigh"), "InferdLatencyBudgetBurn/critical/1h",
       "InferdLatencyBudgetBurn/critical/6h")
def an_engine_that_stands_still_before_a_full_queue(stage):
    stage.start({"queue": {"capacity": QUEUE}}, model={"max_running": 1})
    stage.fault("stall")
    quiet = stage.load(QUEUE + 3, max_tokens=2)
    yield STALLED
    quiet()
    # Those that waited for more than 30 seconds get their answers one after the other, for longer than the rules want to see it.
    stage.fault("slow 10")
    yield
    stage.fault()


@scene("InferdEngineSaturated/warning", factor=100)
def an_engine_with_too_much_to_do(stage):
    stage.start(model={"max_running": 1})
    quiet = stage.load(8, max_tokens=1000)
    yield
    quiet()


@scene(*both("InferdInterTokenLatencyHigh", "InferdInterTokenP99High", "InferdRequestsExpired"), "InferdDecodeStepLong/warning", factor=100)
def a_slow_engine(stage):
    stage.start(model={"max_running": 2})
    stage.fault("slow 50")  # steps of more than a second
    quiet = stage.load(4, max_tokens=32), stage.load(2, max_tokens=32, headers={"X-Request-Timeout": "1"})
    yield
    for end in quiet:
        end()
    stage.fault()


@scene(*both("InferdSlowDecode"), factor=600)
def an_engine_that_latches_into_a_slow_state(stage):
    stage.start()
    quiet = stage.load(1, max_tokens=64)
    eventually(lambda: stage.query("count_over_time(model:inferd_engine_step_seconds:decode_mean5m[2m]) >= 60"), 60, "an hour of work")
    stage.fault("slow 5")
    yield
    stage.fault()
    eventually(lambda: not any("SlowDecode" in k for k in stage.firing()), 60, "steps are as they were")
    quiet()


@scene(*both("InferdKvCachePressure"))
def a_cache_that_is_full(stage):
    stage.start(model={"kv_cache": "1MiB", "max_running": 2, "prefix_cache": False})  # 256 tokens
    stage.fault("slow 50")
    quiet = stage.load(2, prompt=[7] * 246, max_tokens=8)  # one at a time fits, and fills it
    yield
    quiet()
    stage.fault()


@scene(*both("InferdPreemptions"), factor=100)
def a_cache_that_is_too_small(stage):
    stage.start(model={"kv_cache": "1MiB", "max_running": 16, "prefix_cache": False})
    quiet = stage.load(16, max_tokens=200)
    yield
    quiet()


@scene("InferdRecordsDropped/warning")
def a_recorder_that_stands_still(stage):
    stage.start()
    recorder = StandingThread(stage.daemon.process.pid, "recorder")
    quiet = stage.load(1, max_tokens=1000)  # each token is a step, and the ring of steps holds 16384
    yield
    quiet()
    recorder.go()


@scene(*both("InferdModelNotReady"))
def a_model_that_does_not_get_ready(stage):
    stage.fault("stall")
    stage.start(wait=False)
    yield
    stage.fault()
    stage.daemon.wait_ready()


@scene(*both("InferdErrorRateHigh"))
def a_model_that_computes_nothing(stage):
    stage.start()
    stage.fault("nan")
    quiet = stage.load(2)
    yield
    quiet()
    stage.fault()


@scene(*both("InferdNotificationsFailing"), "InferdRuleFailures/warning", "InferdWatchdogStarved/critical", factor=30)
def a_daemon_in_disorder(stage):
    script, broken = stage.folder / "pager", stage.folder / "broken"
    script.write_text(f"#!/bin/sh\n[ ! -e {broken} ] || kill -9 $$\n")
    script.chmod(0o755)
    # Its watchdog is fed once a second, and would bite after two minutes.
    stage.start(environment={"NOTIFY_SOCKET": "@inferd-faults-" + str(os.getpid()), "WATCHDOG_USEC": "120000000"},
                notify=[{"exec": {"command": [str(script)]}, "name": "pager", "group_by": ["..."], "group_interval": "0s"}])
    eventually(lambda: stage.query("inferd_watchdog_feeds_total > 2"), 30, "the watchdog is fed")
    broken.touch()
    (stage.rules / "more.yml").write_text(json.dumps({"groups": [{"name": "more", "rules": [
        {"record": "broken", "expr": "inferd_rules * on () inferd_requests_received_total * on () inferd_log_lines_total"}]}]}))
    stage.reload()
    stage.fault("stall")
    quiet = stage.load(1)
    yield
    quiet()
    broken.unlink()
    (stage.rules / "more.yml").unlink()
    stage.reload()
    stage.fault()


@scene(*both("InferdSnapshotStale"), "InferdErrorBudgetBurnSlow/warning/1d", "InferdErrorBudgetBurnSlow/warning/3d", factor=600)
def what_only_prometheus_can_tell(stage):
    stage.start()
    stage.watch_from_outside({"inferd": stage.daemon.observability})
    eventually(lambda: stage.prometheus.value("up") == 1, 30, "the daemon is scraped")
    ticker = StandingThread(stage.daemon.process.pid, "ticker")
    quiet = stage.load(1, max_tokens=1)
    stage.fault("nan")
    yield {f"InferdErrorBudgetBurnSlow/warning/{window}" for window in ("1d", "3d")}
    stage.fault()
    quiet()
    yield
    ticker.go()


ALL_GONE = {"InferdAllReplicasUnreachable/critical"}
NOBODY_KNOWN = {"InferdTargetsMissing/critical"}
SOME_GONE = {"InferdTargetDown/warning", "InferdReplicasUnreachable/critical"}


@scene(*SOME_GONE, *ALL_GONE, *NOBODY_KNOWN, factor=30)
def replicas_that_go_away(stage):
    stage.start(interval="1s")
    killed, *hanging = [stage.stack.enter_context(stage.setup.daemon({"alerts": {"rules": []}})) for _ in range(3)]
    killed.write_config({"alerts": {"rules": []}, "observability": {"listen": f"127.0.0.1:{killed.observability}"}})
    everybody = {"inferd": [d.observability for d in (stage.daemon, killed, *hanging)]}
    # A second for an answer: what a busy machine delays is not gone.
    stage.watch_from_outside(everybody, interval="1s")
    eventually(lambda: stage.prometheus.value("sum(up)") == 4, 60, "every replica is scraped")
    killed.send(signal.SIGKILL)
    for d in hanging:
        d.send(signal.SIGSTOP)
    yield SOME_GONE
    assert stage.prometheus.value('count(ALERTS{alertname="InferdAllReplicasUnreachable"})') is None, "one still answers"
    stage.daemon.send(signal.SIGSTOP)
    yield ALL_GONE
    for d in (stage.daemon, *hanging):
        d.send(signal.SIGCONT)
    killed.start()
    stage.wait_told("resolved", SOME_GONE | ALL_GONE, 120)
    # As when discovery finds nothing. Of a job that is taken out of the file Prometheus remembers the last `up` for five minutes.
    stage.prometheus.configure({"inferd": []})
    stage.prometheus.process.send_signal(signal.SIGHUP)
    yield NOBODY_KNOWN
    stage.prometheus.configure(everybody)
    stage.prometheus.process.send_signal(signal.SIGHUP)


def play(setup, told, function, fires, factor):
    began = time.monotonic()
    with Stage(setup, told, function.__name__, factor) as stage:
        steps = function(stage)
        for expected in steps:
            stage.wait_told("firing", expected or fires, 240)
            print(f"  {function.__name__}: {len(expected or fires)} alerts told after {time.monotonic() - began:.0f} s", flush=True)
        stage.wait_told("resolved", fires, 240)
        print(f"  {function.__name__}: all resolved after {time.monotonic() - began:.0f} s", flush=True)


def test_every_fault_is_told_and_taken_back(setup):
    only = os.environ.get("INFERD_TEST_SCENES", "")
    scenes = [s for s in SCENES if re.search(only, s[0].__name__)]
    with tempfile.TemporaryDirectory(prefix="inferd-faults-") as folder:
        told = Receivers(pathlib.Path(folder))
        try:
            with concurrent.futures.ThreadPoolExecutor(len(scenes)) as pool:
                played = {s[0].__name__: pool.submit(play, setup, told, *s) for s in scenes}
                concurrent.futures.wait(played.values())
        finally:
            told.close()
    faults = {name: f.exception() for name, f in played.items() if f.exception()}
    failed = {name: error for name, error in faults.items() if not isinstance(error, runner.Skip)}
    assert not failed, "\n".join(f"{name}: {type(error).__name__}: {error}" for name, error in failed.items())
    # The other scenes have passed.
    for name, reason in faults.items():
        runner.not_run(f"the scene {name}: {reason}")


def steady(stage, interval):
    """A machine in order and a load that it carries."""
    disk, certificate = SmallDisk(stage), stage.folder / "cert.pem"
    make_certificate(certificate, -1, 89)
    stage.start({"observability": {"disks": [str(disk.path)], "certificates": [str(certificate)]}}, environment=with_gpu(stage),
                notify=[{"exec": {"command": ["/bin/true"]}, "name": "pager"}], setup=disk.setup, interval=interval)
    return stage.load(2, pause=0.1)


def test_no_alert_fires_in_good_health(setup):
    """INFERD_TEST_HEALTHY_SECONDS: how long. One daemon has the shipped rules as they are. One has them so much quicker that even those that
    wait for ten minutes could fire in that time, ten times at least; less where the daemon itself is slow."""
    seconds = float(os.environ.get("INFERD_TEST_HEALTHY_SECONDS", "10"))
    factor = max(10, 600 / seconds) / PATIENCE
    with tempfile.TemporaryDirectory(prefix="inferd-healthy-") as folder:
        told = Receivers(pathlib.Path(folder))
        try:
            with Stage(setup, told, "as_shipped", 1) as shipped, Stage(setup, told, "quick", factor) as quick:
                ends = steady(shipped, "5s"), steady(quick, f"{max(100, 5000 / factor):.0f}ms")
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    for stage in (shipped, quick):
                        assert not stage.firing(), f"{stage.name}: {sorted(stage.firing())}"
                    time.sleep(min(1.0, max(0.0, end - time.monotonic())))
                for stage, quiet in zip((shipped, quick), ends):
                    quiet()
                    fired = stage.query('count_over_time(ALERTS{alertstate="firing"}[1d])')
                    assert not fired, f"{stage.name}: {fired}"
                    for name in ("inferd_requests_ended_total", "inferd_gpu_up", "inferd_disk_free_bytes", "inferd_clock_synchronized"):
                        assert stage.query(f"sum({name}) > 0"), f"{stage.name} does not see {name}"
                    assert stage.daemon.metrics().sum("inferd_rule_failures_total") == 0
                assert not told.hook.received and not told.seen, (told.hook.accepted, told.seen)
        finally:
            told.close()


def test_every_shipped_alert_has_a_fault(setup):
    caused, shipped = set().union(*(fires for _, fires, _ in SCENES)), shipped_rules.alerts(setup)
    assert not caused - shipped, f"no such alert: {sorted(caused - shipped)}"
    assert caused == shipped, f"shipped without a fault that fires it: {sorted(shipped - caused)}"
