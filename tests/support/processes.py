"""What a test leaves running."""

import os

import psutil


def child_processes() -> set[psutil.Process]:
    """Return the live processes below this one."""
    return {child for child in psutil.Process(os.getpid()).children(recursive=True) if _is_alive(child)}


def end(processes: set[psutil.Process]) -> None:
    """Kill processes and wait for their end."""
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=5)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
