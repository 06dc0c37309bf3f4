"""Alerts leave the installed service, out of its sandbox: to the journal, to a command, with a secret that systemd hands over."""
import json

import harness


def test_alerts_reach_the_journal_and_commands(setup):
    with setup.settings("[Service]\n"
                        "Environment=INFERD_ALERTS__NOTIFY__0__JOURNAL__IDENTIFIER=inferd-alerts\n"
                        "Environment=INFERD_ALERTS__NOTIFY__1__EXEC__COMMAND=/usr/bin/cat\n"):
        setup.run("systemctl", "restart", "inferd.service")
        assert setup.run("inferctl", "alerts", "test", "journal") == "journal: delivered\n"

        def entries():
            lines = setup.run("journalctl", "-t", "inferd-alerts", "-o", "json", check=False).splitlines()
            found = [json.loads(line) for line in lines if line.startswith("{")]
            return found if len(found) >= 2 else None

        firing, resolved = harness.eventually(entries, 20, "the journal has the alert and its end")[:2]
        assert firing["MESSAGE"] == "firing: InferdTest: Test of the notifier journal", firing
        assert firing["INFERD_ALERT"] == "InferdTest" and firing["INFERD_ALERT_STATUS"] == "firing", firing
        assert firing["PRIORITY"] == "6" and firing["INFERD_LABEL_NOTIFIER"] == "journal", firing
        assert firing["_SYSTEMD_UNIT"] == "inferd.service", firing
        assert resolved["INFERD_ALERT_STATUS"] == "resolved" and resolved["MESSAGE_ID"] != firing["MESSAGE_ID"], resolved

        assert setup.run("inferctl", "alerts", "test", "exec") == "exec: delivered\n"
        harness.eventually(lambda: "Test of the notifier exec" in setup.journal("-n", "50"), 20, "what the command wrote is in the log")
        assert setup.run("inferctl", "silence", "add", "alertname=X").strip()
        assert "alertname=X" in setup.run("inferctl", "silence", "list")
        setup.run("systemctl", "restart", "inferd.service")
        assert "alertname=X" in setup.run("inferctl", "silence", "list"), "it outlives a restart"
