"""A whole Slurm of one node in one folder: its own munge, controller and daemon, on its own ports."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun", "scontrol", "sinfo")
PATH = f"{os.environ['PATH']}:/usr/sbin"
CONF = """
ClusterName=expunge
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# A device file that exists everywhere stands for the GPU: what is shown is the request, not the device.
GRES = "AutoDetect=off\nNodeName={host} Name=gpu File=/dev/zero\n"


def lacking():
    """Return the programs of Slurm and munge that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """The node while it runs: the environment that makes Slurm's commands speak to it, and its jobs."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{folder}/bin:{PATH}", "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons = []

    def start(self, *command):
        said = (self.folder / f"{Path(command[0]).name}.out").open("w")
        self.daemons.append(
            subprocess.Popen(command, env=self.environment, stdout=said, stderr=said, start_new_session=True)
        )

    def ask(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def jobs(self):
        """Return what the controller remembers of every job, as a dictionary of its fields."""
        lines = self.ask("scontrol", "show", "jobs", "--oneliner", "--details").stdout.splitlines()
        return [dict(word.partition("=")[::2] for word in line.split() if "=" in word) for line in lines]


@contextlib.contextmanager
def cluster(folder):
    """Start a node below ``folder`` and yield it once it is idle; end its daemons, and only them."""
    running = Cluster(folder)
    host = socket.gethostname().partition(".")[0]
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    words = {"host": host, "user": user, "folder": folder, "controller": free_port(), "daemon": free_port()}
    (folder / "slurm.conf").write_text(CONF.format(**words))
    (folder / "gres.conf").write_text(GRES.format(**words))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    # Snakemake clears Slurm's variables before a job's own srun, which must find this node all the same.
    srun = folder / "bin/srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
    srun.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {"key-file": key, "pid-file": folder / "munged.pid", "seed-file": folder / "munged.seed"}
    files |= {"log-file": folder / "munged.log", "socket": folder / "munge.socket"}
    try:
        running.start("munged", "--foreground", *(f"--{option}={path}" for option, path in files.items()))
        _wait(running, (folder / "munge.socket").exists, "munged")
        running.start("slurmctld", "-D", "-c")
        running.start("slurmd", "-D", "-N", host)
        _wait(running, lambda: "idle" in running.ask("sinfo", "-h", "-o", "%T").stdout, "the node")
        yield running
    finally:
        for daemon in reversed(running.daemons):
            daemon.terminate()
        for daemon in running.daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=20)
            daemon.kill()


def _wait(running, ready, what):
    """Wait for a daemon; one that died or never got ready says its last lines."""
    end = time.monotonic() + 120
    while not ready():
        if time.monotonic() > end or any(daemon.poll() is not None for daemon in running.daemons):
            logs = [path for path in running.folder.iterdir() if path.suffix in (".out", ".log")]
            said = "\n".join(f"{path.name}: {path.read_text()[-800:]}" for path in logs)
            raise AssertionError(f"{what} did not get ready:\n{said}")
        time.sleep(0.2)
