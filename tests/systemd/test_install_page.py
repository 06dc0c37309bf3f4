"""docs/INSTALL.md, step by step as a new user would."""
import re

from container import ROOT

INSTALLED = False


def test_every_step_works(setup):
    page = (ROOT / "docs/INSTALL.md").read_text()
    for path in (setup.packages.inferd, setup.packages.model):
        (setup.root / "root" / path.name).write_bytes(path.read_bytes())
    # The pages' programs are there already, so that nothing is downloaded; only to be started by the page.
    setup.run("systemctl", "unmask", "prometheus.service", "prometheus-alertmanager.service")
    # Alertmanager wants a private address for its cluster, and the container has none but loopback.
    setup.write("/etc/default/prometheus-alertmanager", 'ARGS="--cluster.listen-address="\n')
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    for block in blocks:
        print("$ " + block.strip().splitlines()[0], flush=True)
        out = setup.run("bash", "-euo", "pipefail", stdin="cd /root\n" + block, timeout=180)
        print("  " + "\n  ".join(out.strip().splitlines()[-3:]), flush=True)
        if "chat" in block and "completions" in block:
            assert '"content"' in out and "gauge" in out, out
        if "promtool query" in block:
            assert re.search(r'\{outcome="(ok|length|stop)"\} => [1-9]', out), out
        if "v1/models" in block:
            assert '"my-model"' in out, out
    setup.run("test", "!", "-e", "/usr/bin/inferd")
