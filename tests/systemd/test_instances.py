"""Several daemons on one machine: inferd@0, inferd@1..."""
import harness
from service import API, ask, main_pid, ready, wait_ready


def test_two_instances_beside_each_other(setup):
    """Each with its own ports, user and folders, and with keys of its own in its file; beside the daemon without a number."""
    setup.write("/etc/inferd/instances/1.conf", "INFERD_QUEUE__CAPACITY=7\n")
    setup.run("systemctl", "start", "inferd@0.service", "inferd@1.service")
    assert [ask(port=port).status for port in (API, 8090, 8091)] == [200, 200, 200]
    pids = {main_pid(setup, unit) for unit in ("inferd.service", "inferd@0.service", "inferd@1.service")}
    assert len(pids) == 3 and 0 not in pids

    def capacity(port):
        return harness.Metrics(harness.request(port, "GET", "/metrics").body.decode()).sum("inferd_queue_capacity")

    assert [capacity(port) for port in (9464, 9470, 9471)] == [256, 256, 7]
    owners = {setup.run("stat", "-c", "%u", f"/var/lib/private/inferd{suffix}").strip() for suffix in ("", "-0", "-1")}
    assert len(owners) == 3, owners
    assert "inferd.slice" in setup.prop("inferd@1.service", "ControlGroup")
    assert len(setup.run("systemctl", "list-units", "--no-legend", "inferd*.service").splitlines()) == 3


def test_instances_start_and_stop_by_dbus(setup):
    """What an autoscaler does: one more, one less."""
    def call(method, unit):
        setup.run("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method, "ss", unit, "replace")

    call("StartUnit", "inferd@2.service")
    wait_ready(port=9472)
    assert ask(port=8092).status == 200
    # Without its socket's end a connection would bring it back.
    call("StopUnit", "inferd@2.socket")
    call("StopUnit", "inferd@2.service")
    harness.eventually(lambda: setup.prop("inferd@2.service", "ActiveState") == "inactive", 20, "it has stopped")
    assert not ready(9472) and ready()


def test_an_instance_is_enabled_for_the_next_boot(setup):
    setup.run("systemctl", "enable", "inferd@3.service")
    for wants in ("multi-user.target.wants/inferd@3.service", "sockets.target.wants/inferd@3.socket"):
        assert (setup.root / "etc/systemd/system" / wants).is_symlink(), wants
    setup.run("systemctl", "disable", "inferd@3.service")
    assert not (setup.root / "etc/systemd/system/multi-user.target.wants/inferd@3.service").is_symlink()
