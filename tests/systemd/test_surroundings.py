"""What is installed around the daemon: completion, log rotation, models' folder, doctor, manual pages."""
import json
import pathlib
import subprocess

import harness
import runner
from service import ask


def complete(setup, line):
    """What bash offers at the end of `line`."""
    script = f"""
. /usr/share/bash-completion/completions/{line.split()[0]}
COMP_WORDS=({line}{" ''" if line.endswith(" ") else ""})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_{line.split()[0]}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return setup.shell(script).split()


def test_bash_completes(setup):
    assert {"status", "chat", "doctor", "model"} <= set(complete(setup, "inferctl "))
    assert complete(setup, "inferctl mod") == ["model"]
    assert {"inspect", "verify"} <= set(complete(setup, "inferctl model "))
    assert "--concurrency" in complete(setup, "inferctl bench --c")
    assert complete(setup, "inferctl model verify ") == []  # bash offers files then (-o default)
    assert "--api" in complete(setup, "inferctl status --")
    assert set(complete(setup, "inferd --c")) == {"--config", "--check"}


def zsh_offers(setup, *words):
    """What is offered at the last of the words; its helpers stand in for those of a terminal."""
    script = f"""
_describe() {{ [[ $1 == -o ]] && shift; print -rl -- "${{(@P)2}}" }}
_files() {{ print files }}
words=({' '.join(f"'{word}'" for word in words)}) CURRENT={len(words)}
_complete() {{ . /usr/share/zsh/vendor-completions/_{words[0]} }}
_complete
"""
    return {line.split(":")[0]: line for line in setup.run("zsh", "-fc", script).splitlines()}


def test_zsh_completes(setup):
    commands = zsh_offers(setup, "inferctl", "")
    assert {"status", "chat", "doctor", "model"} <= set(commands) and len(commands["doctor"]) > len("doctor:"), commands
    assert {"inspect", "verify"} == set(zsh_offers(setup, "inferctl", "model", ""))
    assert set(zsh_offers(setup, "inferctl", "model", "verify", "")) == {"files"}
    assert {"--concurrency", "--api"} <= set(zsh_offers(setup, "inferctl", "bench", "--"))
    assert {"--config", "--check"} <= set(zsh_offers(setup, "inferd", "-"))


def test_logrotate_may_rotate_the_log(setup):
    """The file that comes with the package, installed as it says: the daemon goes on in a file of its own making, no line is lost, and the
    audit log keeps its chain."""
    def lines(*names):
        return [json.loads(line) for name in names for line in setup.run("cat", f"/var/log/inferd/{name}").splitlines()]

    keys = {"FILE": "/var/log/inferd/inferd.log", "ROTATE__SIZE": "0", "ROTATE__EVERY": "0s", "AUDIT__FILE": "/var/log/inferd/audit.log"}
    with setup.settings("[Service]\nEnvironment=" + " ".join(f"INFERD_LOGS__{key}={value}" for key, value in keys.items()) + "\n"):
        setup.run("install", "-m", "644", "/usr/share/inferd/logrotate.conf", "/etc/logrotate.d/inferd")
        setup.run("systemctl", "restart", "inferd.service")
        ask()
        harness.eventually(lambda: lines("inferd.log")[-1]["event"] == "request_ended", 10, "the request is logged")
        audit = setup.run("cat", "/var/log/inferd/audit.log")
        setup.run("logrotate", "--force", "/etc/logrotate.d/inferd")
        harness.eventually(lambda: (setup.root / "var/log/private/inferd/inferd.log").exists(), 10, "the daemon makes a new file")
        ask(headers={"X-Request-Id": "after-it"})
        harness.eventually(lambda: any(line.get("request_id") == "after-it" for line in lines("inferd.log")), 10, "it goes on there")
        numbers = [line["seq"] for line in lines("inferd.log.1", "inferd.log")]
        assert numbers == list(range(1, len(numbers) + 1)), numbers
        assert audit and setup.run("cat", "/var/log/inferd/audit.log") == audit
        setup.run("inferctl", "audit", "verify", "/var/log/inferd/audit.log")
        setup.run("rm", "/etc/logrotate.d/inferd")


def test_a_model_can_be_dropped_in(setup):
    """A member of the group puts a file there that nobody else may read, and the daemon serves it."""
    setup.run("useradd", "--create-home", "--groups", "inferd-models", "researcher")
    setup.run("setpriv", "--reuid", "researcher", "--regid", "researcher", "--init-groups", "--", "sh", "-c",
              "umask 027; cp /usr/share/inferd/models/inferd-demo.gguf /var/lib/inferd-models/mine.gguf")
    assert setup.run("stat", "-c", "%A %G", "/var/lib/inferd-models/mine.gguf").split() == ["-rw-r-----", "inferd-models"]
    with setup.settings("[Service]\nEnvironment=INFERD_MODELS__0__PATH=/var/lib/inferd-models/mine.gguf\n"):
        setup.run("systemctl", "restart", "inferd.service")
        assert ask().status == 200


def test_doctor_judges_the_kernel_settings(setup):
    text = setup.run("inferctl", "doctor", check=False)
    for name in ("net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "vm.swappiness", "locked memory"):
        assert name in text, text
    advice = setup.run("cat", "/usr/share/inferd/sysctl.conf")
    assert "\nvm.swappiness = 10\n" in advice and "\nnet.core.somaxconn = 4096\n" in advice


def test_manual_pages_are_clean(setup):
    """Those of the container are not installed; the files are, and groff has nothing to complain about."""
    for page, words in (("man8/inferd.8", ("--config", "SIGHUP", "inferd.socket")), ("man1/inferctl.1", ("model verify", "--concurrency")),
                        ("man5/inferd.yaml.5", ("queue.capacity", "api.max_body"))):
        source = setup.root / f"usr/share/man/{page}.gz"
        text = subprocess.run(["zcat", source], capture_output=True, check=True).stdout
        try:
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], input=text, capture_output=True, check=False)
        except FileNotFoundError:
            runner.skip("groff is not installed")
        assert not done.stderr, done.stderr.decode()
        shown = done.stdout.decode().replace("‐", "-").replace("−", "-")
        for word in words:
            assert word in shown, (page, word)
