"""What the runner of these tests makes of a test that cannot be run."""
import contextlib
import io
import os

import runner


def outcome(test, ci):
    """(exit code, what is printed) of a run of this test and a good one."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true" if ci else ""
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = runner.run([("good", lambda: None), ("other", test)])
        return code, printed.getvalue()
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def test_what_is_not_installed_is_a_failure_in_ci():
    code, printed = outcome(lambda: runner.skip("no promtool"), ci=True)
    assert code == 1 and "[ FAIL ] other: not run: no promtool" in printed and printed.endswith("1 passed, 1 failed, 0 skipped\n"), printed
    code, printed = outcome(lambda: runner.skip("no promtool"), ci=False)
    assert code == 0 and "[ SKIP ] other: no promtool" in printed and printed.endswith("1 passed, 0 failed, 1 skipped\n"), printed


def test_a_sound_machine_that_a_test_does_not_suit_is_none():
    for ci in (True, False):
        code, printed = outcome(lambda: runner.skip_on_unsuitable_machine("a GPU"), ci)
        assert code == 0 and "[ SKIP ] other: a GPU" in printed and printed.endswith("1 passed, 0 failed, 1 skipped\n"), printed


def test_a_part_that_is_not_run_is_a_failure_in_ci():
    code, printed = outcome(lambda: runner.not_run("one scene"), ci=True)
    assert code == 1 and "NOT RUN: one scene" in printed, printed
    code, printed = outcome(lambda: runner.not_run("one scene"), ci=False)
    assert code == 0 and "NOT RUN: one scene" in printed, printed
