"""GPU, host and energy facts of a running daemon. The GPU is a library that plays a script (tests/fakes/nvml)."""
import contextlib
import pathlib
import tempfile

import runner
from harness import eventually

WORKING = """
value nvmlDeviceGetUtilizationRates 50 20
value nvmlDeviceGetMemoryInfo_v2 1000 100 600 300
value nvmlDeviceGetPowerUsage 300500
value nvmlDeviceGetTotalEnergyConsumption 2500
slow nvmlDeviceGetPcieThroughput 20
value nvmlDeviceGetPcieThroughput:0 100
"""


@contextlib.contextmanager
def daemon_with_gpu(setup, script, tmp, config=None, environment=None):
    library = setup.inferd.parents[1] / "tests/fakes/nvml/full"
    if not (library / "libnvidia-ml.so.1").exists():
        runner.skip("the stand-in for NVIDIA's library is not built")
    play(tmp, script)
    environment = {**(environment or {}), "LD_LIBRARY_PATH": str(library), "INFERD_FAKE_NVML": str(tmp / "script")}
    with setup.daemon(config or {"observability": {"interval": "100ms"}}, environment=environment) as d:
        yield d


def play(tmp, script):
    new = tmp / "script.new"
    new.write_text(script)
    new.rename(tmp / "script")


def temporary():
    return tempfile.TemporaryDirectory(prefix="inferd-gpu-")


def test_without_a_gpu_the_daemon_says_so_once_and_serves(setup):
    with setup.daemon({"observability": {"interval": "100ms"}}, environment={"LD_LIBRARY_PATH": ""}) as d:
        def answers():
            return d.metrics().sum("inferd_collector_up", collector="gpu_nvml") == 1

        eventually(lambda: answers() or "no NVIDIA driver library" in d.log() or "NVML cannot start" in d.log(), 10, "that there is no GPU is said")
        if answers():
            runner.skip_on_unsuitable_machine("this machine has an NVIDIA GPU")
        m = d.metrics()
        assert not m.has("inferd_gpu_up"), m.text
        d.assert_serves()
        assert d.log().count("no NVIDIA driver library") + d.log().count("NVML cannot start") == 1, d.log()


def test_a_gpu_is_shown_and_its_loss_and_its_errors(setup):
    with temporary() as name, daemon_with_gpu(setup, WORKING, tmp := pathlib.Path(name)) as d:
        m = eventually(lambda: (m := d.metrics()).has("inferd_gpu_power_watts") and m, 10, "the GPU is shown")
        assert m.sum("inferd_gpu_up", gpu="0", uuid="GPU-fake-0") == 1
        assert m.sum("inferd_gpu_power_watts", gpu="0") == 300.5
        m = eventually(lambda: (m := d.metrics()).has("inferd_energy_joules_total") and m, 10, "the energy is shared")
        assert m.sum("inferd_collector_up", collector="gpu_nvml_slow") == 1
        # The engine computes on the processor: nobody may take the GPU's energy for that of the tokens.
        assert any(n == "inferd_energy_joules_total" and l == {"model": "demo", "source": "gpu"} for n, l, _ in m.samples)
        status = d.observe("/status").json()
        assert status["gpus"][0]["uuid"] == "GPU-fake-0" and status["gpus"][0]["power_watts"] == 300.5, status["gpus"]
        assert status["hidden_gpu_series"] and all(h["series"] and h["reason"] for h in status["hidden_gpu_series"]), status
        assert m.sum("inferd_gpu_xid_errors_total", xid="79") == 0
        eventually(lambda: d.log().count("not given by the driver") >= 2, 10, "what the driver does not give is said")
        assert d.log().count("not given by the driver") == 2, d.log()  # one line for each set of calls

        play(tmp, WORKING + "event 0 xid 79\nlost 0\n")
        eventually(lambda: (m := d.metrics()).sum("inferd_gpu_up") == 0 and m.sum("inferd_gpu_xid_errors_total", xid="79") == 1, 10,
                   "the loss is shown")
        assert not d.metrics().has("inferd_gpu_power_watts")
        d.says("is lost", "XID 79")
        d.assert_serves()
        assert d.stop() == 0
