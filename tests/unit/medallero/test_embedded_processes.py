"""Child processes: tied to us, stopped in time, and their logs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from medallero.embedded.processes import Command, Process, describe_exit, stop_all
from tests.support.waiting import wait_until


def python(code: str, log: Path, **environment: str) -> Command:
    return Command((sys.executable, "-u", "-c", code), log=log, environment=environment)


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf now")
time.sleep(60)
"""


def test_a_process_gets_its_environment_and_writes_into_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "it.log"
    process = Process(python("import os; print('hello', os.environ['WHO'])", log, WHO="games"))

    assert process.wait(20) == 0
    assert process.log_tail() == "hello games"


def test_the_log_s_end_is_of_this_run_alone(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    Process(python("print('first')", log)).wait(20)
    second = Process(python("print('second')", log))
    second.wait(20)

    assert second.log_tail() == "second"
    assert log.read_text(encoding="utf-8") == "first\nsecond\n"


def test_what_does_not_listen_to_sigterm_is_killed(tmp_path: Path) -> None:
    process = Process(python(DEAF, tmp_path / "it.log"))
    wait_until(lambda: "deaf" in process.log_tail())

    assert stop_all([process], grace=0.2) == [process]
    assert process.exit_code == -signal.SIGKILL


def test_what_is_frozen_can_be_stopped(tmp_path: Path) -> None:
    process = Process(python("import time; print('up'); time.sleep(60)", tmp_path / "it.log"))
    wait_until(lambda: "up" in process.log_tail())
    process.send(signal.SIGSTOP)

    assert stop_all([process], grace=10) == []
    assert process.exit_code == -signal.SIGTERM


def test_it_has_a_group_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    process = Process(python("import time; print('up'); time.sleep(60)", tmp_path / "it.log"))
    wait_until(lambda: "up" in process.log_tail())

    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    process.kill()


def test_it_ends_when_the_one_who_started_it_is_killed(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from medallero.embedded.processes import Command, Process
command = {(sys.executable, "-u", "-c", DEAF)!r}
child = Process(Command(command, log=Path({str(tmp_path)!r}) / "log"))
while "deaf" not in child.log_tail():
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    wait_until(lambda: not _exists(child), timeout=5)


def test_a_program_that_does_not_exist_is_told_in_the_log(tmp_path: Path) -> None:
    process = Process(Command(("/nowhere/kafka",), log=tmp_path / "it.log"))

    assert process.wait(20) == 1
    assert "No such file" in process.log_tail()


def test_exits_are_told_in_words() -> None:
    assert describe_exit(1) == "exit code 1"
    assert describe_exit(-9) == "signal SIGKILL"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where nobody waits for orphans, a zombie is as good as gone.
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
