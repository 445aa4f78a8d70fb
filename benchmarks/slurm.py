"""A run on a real SLURM, which is started on this machine for it, against the same run without one.

    apt-get install slurm-wlm munge
    python benchmarks/slurm.py                            # as root, or as a user whom slurmd lets start jobs
    python benchmarks/slurm.py --data-root DIR -d roadscene --limit 40 --kills 3

A controller and one node with all cores are started on the loopback interface, with keys, state and logs of their own
in a temporary folder; no other SLURM of the machine is touched. The executor ``dask`` submits jobs to it. With
``--kills`` running jobs are killed with SIGKILL at random moments. Compared are every row of the frame, the three
tables and the bytes of every fused image; at the end no job may be left in the queue.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from disturbed import command, compare, parser

import fusionbench as fb

_CONFIGURATION = """\
ClusterName=benchmark
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=2
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A SLURM of this machine alone; gives the environment in which its commands find it."""
    for name in ("munged", "slurmctld", "slurmd", "sbatch"):
        if shutil.which(name) is None and not Path("/usr/sbin", name).exists():
            sys.exit(f"{name} is not installed: apt-get install slurm-wlm munge")
    for place in (folder.parent, folder):  # munge wants its socket to be reached by all
        place.chmod(0o755)
    for name in ("spool", "state"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    facts = {
        "host": socket.gethostname().partition(".")[0],
        "controller_port": free_port(),
        "node_port": free_port(),
        "user": getpass.getuser(),
        "folder": folder,
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 // 2,
    }
    configuration = folder / "slurm.conf"
    configuration.write_text(_CONFIGURATION.format(**facts), encoding="utf-8")
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(configuration)}
    version = int(_said(["slurmd", "-V"], environment).rpartition(" ")[2].partition(".")[0])
    if version >= 23:  # where containers have no control groups; before, SLURM does without them by itself
        (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n", encoding="utf-8")
    munge = [f"--{name}={folder / file}" for name, file in (
        ("socket", "munge.sock"), ("key-file", "munge.key"), ("pid-file", "munge.pid"),
        ("seed-file", "munge.seed"), ("log-file", "munge.log"),
    )]  # fmt: skip
    daemons = [
        ["munged", "--foreground", "--force", *munge],
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D", "-N", str(facts["host"])],
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in daemons:
            log = (folder / f"{command[0]}.out").open("wb")
            running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True))
            time.sleep(1)
        give_up = time.monotonic() + 60
        while "idle" not in _said(["sinfo", "--noheader", "--format=%T"], environment):
            if time.monotonic() > give_up:
                logs = [(folder / f"{command[0]}.out").read_text(errors="replace")[-1500:] for command in daemons]
                sys.exit("SLURM does not start:\n" + "\n".join(logs))
            time.sleep(0.5)
        yield environment
    finally:
        _said(["scancel", "--user", getpass.getuser()], environment)
        time.sleep(1)
        for process in reversed(running):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _said(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def jobs(environment: dict[str, str], state: str) -> list[str]:
    """Numbers of the jobs in a state."""
    return _said(["squeue", "--noheader", "--format=%i", f"--states={state}"], environment).split()


def main() -> None:
    """Run here, run there, compare."""
    choices = parser(__doc__, limit=40, kills=0, longest=20.0)
    choices.add_argument("--workers", type=int, default=2)
    arguments = choices.parse_args()
    dice = random.Random(arguments.seed)
    here = command(arguments, ["roadscene"])
    options = {"cluster": "slurm", "workers": arguments.workers, "cores": 1, "memory": "2GB", "queue": "main"}
    options |= {"walltime": "01:00:00", "interface": "lo"}
    there = [*here, "--executor", "dask"]
    for name, value in options.items():
        there += ["--executor-option", f"{name}={value}"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "slurm").mkdir()
        with slurm(folder / "slurm") as environment:
            print(_said(["sinfo"], environment).strip())
            started = time.perf_counter()
            process = subprocess.Popen([*there, "--out", str(folder / "there")], env=environment)
            seen: set[str] = set()
            kills, due = 0, dice.uniform(5, arguments.longest)
            while process.poll() is None:
                running = jobs(environment, "running")
                seen |= {*running}
                if running and kills < arguments.kills and time.perf_counter() - started > due:
                    _said(["scancel", "--signal=KILL", "--full", dice.choice(running)], environment)
                    kills += 1
                    due = time.perf_counter() - started + dice.uniform(5, arguments.longest)
                time.sleep(0.5)
            seconds = time.perf_counter() - started
            time.sleep(3)
            left = jobs(environment, "running,pending")
        status = subprocess.run([*here, "--out", str(folder / "here")], check=False).returncode
        print(f"jobs that ran: {len(seen)}, killed: {kills}, left in the queue: {len(left)}; {seconds:.0f} s")
        print(f"exit status here {status}, there {process.returncode}")
        compare(folder / "there", folder / "here")
        print("workers:", fb.load_run(folder / "there").info.get("workers"))


if __name__ == "__main__":
    main()
