"""What the program cannot do: start another program, wait for callers, dump its memory."""

import ast
import configparser
import resource
import subprocess
import sys
from pathlib import Path

from tests.house import tree

#: Ways to start another program; calls by these names are looked for on whatever object.
STARTING = {"Popen", "popen", "system", "posix_spawn", "posix_spawnp", "execv", "execve", "execvp", "fork", "run_path"}
MODULES = {"subprocess", "multiprocessing", "pty", "pickle", "marshal", "shelve", "socketserver"}
#: Whoever waits for callers must take an address first.
WAITING = {"bind", "create_server", "start_server"}
#: Servers and drivers for tests, of which nothing runs at a site.
APART = ("gateway/testing/", "gateway/demo/")


def product() -> list[Path]:
    """The Python that runs at a site."""
    return [p for p in tree.python_files("gateway", "plugins") if not tree.name(p).startswith(APART)]


def called(names: set[str]) -> list[str]:
    """Where something by one of these names is called."""
    return [
        f"{tree.name(path)}:{node.lineno}"
        for path in product()
        for node in ast.walk(tree.tree(path))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names
    ]


def test_no_program_is_started() -> None:
    """The product starts no other program, and reads no form of data that is code."""
    imported = [
        tree.name(path)
        for path in product()
        for node in ast.walk(tree.tree(path))
        if (isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in MODULES for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES)
    ]
    assert [] == imported
    assert [] == called(STARTING)


def test_nobody_is_waited_for() -> None:
    """The product opens no socket that waits for callers."""
    assert [] == called(WAITING)


def test_code_is_executed_in_one_place() -> None:
    """Text becomes code where a plugin was checked, and nowhere else."""
    places = {
        tree.name(path)
        for path in product()
        for node in ast.walk(tree.tree(path))
        if isinstance(node, ast.Name) and node.id in ("exec", "eval")
    }
    assert {"gateway/plugin/loader.py"} == places


def test_the_service_keeps_memory_off_the_disk() -> None:
    """The unit file forbids core dumps and swapping, takes every privilege away, and lets the daemon write in one
    folder; a directive that is gone or weaker is seen."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]  # systemd's names have capitals
    unit.read(tree.ROOT / "deploy" / "gateway.service", "utf-8")
    wanted = {
        "User": "gateway", "Group": "gateway", "UMask": "0077", "LimitCORE": "0", "MemorySwapMax": "0",
        "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "ProtectSystem": "strict",
        "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectKernelTunables": "yes",
        "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes", "ProtectControlGroups": "yes", "ProtectClock": "yes",
        "ProtectHostname": "yes", "ProtectProc": "invisible", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
        "RestrictSUIDSGID": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "LockPersonality": "yes",
        "RemoveIPC": "yes", "SystemCallArchitectures": "native", "ReadWritePaths": "/srv/gateway/var",
        "RestartPreventExitStatus": "2", "MemoryDenyWriteExecute": "yes",
    }  # fmt: skip
    assert wanted == {key: unit["Service"].get(key) for key in wanted}
    lines = (tree.ROOT / "deploy" / "gateway.service").read_text("utf-8").splitlines()
    assert "Environment=POLARS_SKIP_CPU_CHECK=1" in lines
    calls = [line for line in lines if line.startswith("SystemCallFilter=")]
    assert ["SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @debug @mount"] == calls


def test_a_command_leaves_no_core() -> None:
    """Whatever its shell allowed, a command's memory is not dumped, and no debugger of its user gets at it."""
    look = (
        "import ctypes, resource, sys; from gateway.cli.root import main; sys.argv = ['gateway', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('core', *resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", look],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
    )
    assert "core 0 0 0" == done.stdout.splitlines()[-1]


#: A process of nobody's that opens the door to commands, and a second one of the same user that looks at it.
LOOKED_AT = """
import ctypes, os, sys
from gateway.cli.root import main
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
def looked():
    watched, (ours, theirs) = os.getpid(), os.pipe()
    if not os.fork():
        try:
            open(f"/proc/{watched}/environ", "rb").read()
            os.write(theirs, b"read ")
        except PermissionError:
            os.write(theirs, b"refused ")
        os._exit(0)
    os.wait()
    return os.read(ours, 9).decode()
before, sys.argv = looked(), ["gateway", "--help"]
try: main()
except SystemExit: pass
print(before + looked())
"""


def test_another_process_of_the_same_user_cannot_look_into_it() -> None:
    """What the service user's other processes could read of a process with keys is closed to them before anything is
    opened."""
    done = subprocess.run([sys.executable, "-c", LOOKED_AT], check=True, capture_output=True, text=True)
    assert "read refused" == done.stdout.splitlines()[-1].strip()
