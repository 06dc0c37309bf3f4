"""The package: what lintian says, what an upgrade keeps, what a purge leaves. From nothing installed to nothing installed."""
import os
import pathlib
import re
import shutil
import subprocess

import harness
import package
import runner
from service import OBSERVE, Clients, ask, main_pid, wait_ready

INSTALLED = False


def test_lintian_finds_no_errors(setup):
    if shutil.which("lintian") is None:
        runner.skip("lintian is not installed (scripts/setup test)")
    done = subprocess.run(["lintian", "--fail-on", "error", "--no-tag-display-limit", setup.packages.inferd, setup.packages.model], capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0 and not [l for l in done.stdout.splitlines() if l.startswith("E:")], done.stdout + done.stderr


def test_cmake_installs_the_same_tree(setup):
    folder = pathlib.Path("/mnt/staged")
    subprocess.run(["cmake", "--install", setup.packages.folder.parent], env={"DESTDIR": str(folder), "PATH": "/usr/bin:/bin"}, check=True,
                   stdout=subprocess.DEVNULL)
    staged = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    packed = set()
    for deb in (setup.packages.inferd, setup.packages.model):
        listing = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True, check=True).stdout
        packed |= {line.split(None, 5)[5][2:] for line in listing.splitlines() if line.startswith("-")}
    assert staged == packed, staged ^ packed
    assert {"usr/bin/inferd", "lib/systemd/system/inferd.service", "etc/inferd/inferd.yaml", "usr/share/man/man8/inferd.8.gz",
            "usr/share/doc/inferd/CHANGELOG.md", "usr/share/inferd/grafana/dashboards/inferd-overview.json",
            "usr/share/inferd/grafana/provisioning/datasources/inferd.yml", "usr/share/inferd/grafana/provisioning/dashboards/inferd.yml"} <= packed


def unpacked(deb):
    """The files of a package, in a folder that is gone with the container."""
    folder = pathlib.Path("/mnt/unpacked") / deb.name
    if not folder.exists():
        folder.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    return folder


def program_of(setup, pid):
    """What tells the program that a process runs from others."""
    return setup.run("sha256sum", f"/proc/{pid}/exe").split()[0]


def test_links_of_the_installed_pages_lead_somewhere(setup):
    tree = unpacked(setup.packages.inferd)
    home = tree / "usr/share/doc/inferd"
    pages, links = sorted(home.rglob("*.md")), 0
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            links += 1
            there = pathlib.Path(os.path.normpath(page.parent / target.split("#")[0]))
            for parent in (there, *there.parents):  # an absolute link is meant from the tree's root
                if parent.is_symlink() and os.readlink(parent).startswith("/"):
                    there = tree / os.readlink(parent)[1:] / there.relative_to(parent)
                    break
            assert there.exists(), f"{page.relative_to(home)}: {target}"
    assert {"README.md", "docs/INSTALL.md", "alerts/README.md", "docs/runbooks/README.md"} <= {str(page.relative_to(home)) for page in pages}
    assert links > 100 and "[docs/INSTALL.md](docs/INSTALL.md)" in (home / "README.md").read_text(), links


def files(setup):
    """Everything on the system that a package could have left."""
    out = setup.shell("find /etc /usr /lib /var /run/systemd/system -xdev -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' "
                      "-not -path '/var/cache/*' -not -path '/var/lib/systemd/*' | sort")
    extra = setup.shell("ls -d /var/lib/inferd* /var/log/inferd* /var/log/private/inferd* /var/lib/systemd/deb-systemd-helper*/*inferd* 2>/dev/null || true")
    return set(out.splitlines()) | set(extra.splitlines())


def test_from_an_older_version_to_nothing(setup):
    before = files(setup)
    config, rules = "/etc/inferd/inferd.yaml", "/etc/inferd/alerts/queue.yml"
    new = {path: (unpacked(setup.packages.inferd) / path[1:]).read_text() for path in (config, rules)}
    old = {config: new[config].replace("  # metrics and health", "") + "api: {idle_timeout: 61s}\n", rules: new[rules] + "# of an earlier release\n"}
    assert old[config] != new[config]
    older = package.older(setup.packages.inferd, "0.0.9", old)
    for path in (older, setup.packages.model, setup.packages.inferd):
        (setup.root / "root" / path.name).write_bytes(path.read_bytes())
    setup.run("apt-get", "install", "-y", "-qq", f"/root/{older.name}", f"/root/{setup.packages.model.name}")
    wait_ready()
    assert setup.run("systemctl", "is-enabled", "inferd.service", "inferd.socket").split() == ["enabled", "enabled"]
    assert setup.run("dpkg-query", "-W", "-f", "${Version}", "inferd") == "0.0.9"

    # What the administrator and the daemon have made in the meantime.
    assert (setup.root / config[1:]).read_text() == old[config]
    mine = old[config] + "queue: {capacity: 2077, deadline: 1d}\nlifecycle: {start_patience: 10m}\n"
    setup.write(config, mine)
    setup.write("/var/lib/private/inferd/flight/flight-x.txt", "x")
    setup.write("/etc/inferd/instances/0.conf", "INFERD_QUEUE__CAPACITY=5\n")
    setup.run("systemctl", "restart", "inferd.service")
    setup.run("systemctl", "enable", "--now", "inferd@0.service")
    setup.run("systemctl", "disable", "inferd.service")
    pids = main_pid(setup), main_pid(setup, "inferd@0.service")
    programs = {program_of(setup, pid) for pid in pids}

    clients = Clients(rate=50, seconds=15)
    # As unattended upgrades do it. The release and the administrator have both changed the file: dpkg has to choose.
    setup.run("apt-get", "install", "-y", "-qq", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
              f"/root/{setup.packages.inferd.name}")
    assert main_pid(setup) not in (0, pids[0]) and main_pid(setup, "inferd@0.service") not in (0, pids[1])
    assert not clients.failures(), clients.failures()[:5]
    print(f"  {len(clients.results())} requests over the upgrade, none failed")
    assert setup.run("dpkg-query", "-W", "-f", "${Version}", "inferd") != "0.0.9"
    assert not programs & {program_of(setup, main_pid(setup)), program_of(setup, main_pid(setup, "inferd@0.service"))}, "the old program runs on"
    assert (setup.root / config[1:]).read_text() == mine
    assert (setup.root / (config[1:] + ".dpkg-dist")).read_text() == new[config], "dpkg has met no conflict"
    assert (setup.root / rules[1:]).read_text() == new[rules], "what nobody has touched is the new release's"
    metrics = harness.Metrics(harness.request(OBSERVE, "GET", "/metrics").body.decode())
    assert metrics.sum("inferd_queue_capacity") == 2077, "the administrator's file is in force"
    assert (setup.root / "var/lib/private/inferd/flight/flight-x.txt").read_text() == "x"
    setup.run("systemctl", "is-enabled", "inferd.service", check=False)
    assert setup.code != 0, "an upgrade enables what the administrator has disabled"
    assert ask().status == 200 and ask(port=8090).status == 200

    setup.run("apt-get", "remove", "-y", "-q", "inferd")
    for unit in ("inferd.service", "inferd.socket", "inferd@0.service"):
        assert setup.prop(unit, "ActiveState") == "inactive", unit
    assert (setup.root / config[1:]).read_text() == mine, "remove keeps the configuration"
    assert (setup.root / "var/lib/private/inferd/flight/flight-x.txt").exists(), "remove keeps the state"

    setup.run("apt-get", "purge", "-y", "-q", "inferd", "inferd-demo-model")
    left = files(setup) - before
    # What the system's own tools keep: backups of the group files, apt's folder, systemd's folders for links, empty again.
    own = ("/etc/group-", "/etc/gshadow-", "/var/lib/apt/lists/auxfiles")
    left = {path for path in left if path not in own and not (path.endswith(".wants") and not setup.run("ls", path))}
    assert not left, sorted(left)
    assert "inferd" not in (setup.root / "etc/group").read_text()


def test_without_a_model_it_says_what_is_missing(setup):
    """The package alone is installed all the same; the journal has one line that says what to do, and nobody tries again and again."""
    path = setup.packages.inferd
    (setup.root / "root" / path.name).write_bytes(path.read_bytes())
    out = setup.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", f"/root/{path.name}")
    missing = "models[0].path: /usr/share/inferd/models/inferd-demo.gguf does not exist"
    assert "the service does not run" in out and missing in out and "inferd-demo-model" in out, out
    assert "Could not execute" not in out, out
    assert setup.run("dpkg-query", "-W", "-f", "${Status}", "inferd") == "install ok installed"
    assert setup.prop("inferd.service", "ExecMainStatus") == "2" and setup.prop("inferd.service", "NRestarts") == "0"
    assert setup.prop("inferd.service", "ActiveState") == "failed"
    said = setup.run("journalctl", "--quiet", "-o", "cat", "-p", "crit", "_SYSTEMD_UNIT=inferd.service").splitlines()
    assert len([line for line in said if missing in line]) == 1 and len(said) == 1, said
    # What the message asks for is enough.
    model = setup.packages.model
    (setup.root / "root" / model.name).write_bytes(model.read_bytes())
    setup.run("apt-get", "install", "-y", "-qq", f"/root/{model.name}")
    setup.run("systemctl", "start", "inferd.service")
    assert ask().status == 200
    setup.run("apt-get", "purge", "-y", "-q", "inferd", "inferd-demo-model")


def test_models_of_the_user_survive_a_purge(setup):
    package.install(setup.box, setup.packages)
    setup.write("/var/lib/inferd-models/mine.gguf", "x")
    setup.run("apt-get", "purge", "-y", "-q", "inferd", "inferd-demo-model")
    assert (setup.root / "var/lib/inferd-models/mine.gguf").exists()
