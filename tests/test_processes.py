"""Which processes there are, and of which containers: the kernel's own texts, and this host's kernel."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from agent.host_ports import HostPort
from agent.processes import Process, Processes, containers_of, process_of, sockets_at, taken_in

ID, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4

V1 = f"""\
12:pids:/docker/{ID}
11:cpu,cpuacct:/docker/{ID}
1:name=systemd:/docker/{ID}
0::/system.slice/containerd.service
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(V1, {ID}, id="v1"),
        pytest.param(f"4:memory:/system.slice/docker-{ID}.scope\n", {ID}, id="v1 made by systemd"),
        pytest.param(f"0::/docker/{ID}\n", {ID}, id="v2"),
        pytest.param(f"0::/system.slice/docker-{ID}.scope\n", {ID}, id="v2 made by systemd"),
        pytest.param(f"0::/system.slice/docker-{ID}.scope/init.scope\n", {ID}, id="below it"),
        pytest.param(f"0::/custom.slice/docker-{ID}.scope\n", {ID}, id="cgroup_parent"),
        pytest.param(f"0::/../{ID}\n", {ID}, id="seen from another cgroup namespace"),
        pytest.param(f"3:pids:/docker/{ID} (deleted)\n", {ID}, id="its group is gone"),
        pytest.param(f"3:pids:/docker/{ID}/docker/{OTHER}\n", {ID, OTHER}, id="a container in a container"),
        pytest.param("0::/\n", set(), id="its own namespace"),
        pytest.param("0::/user.slice/user-1000.slice/session-2.scope\n", set(), id="no container"),
        pytest.param(f"0::/docker/{ID[:12]}\n", set(), id="a short id"),
        pytest.param(f"0::/docker/{ID}{OTHER}\n", set(), id="longer than an id"),
        pytest.param("", set(), id="it has ended"),
    ],
)
def test_the_containers_of_a_process(text: str, found: set[str]) -> None:
    assert containers_of(text) == found


def stat(pid: int, name: str = "httpd", state: str = "S", parent: int = 1, began: int = 77) -> str:
    return f"{pid} ({name}) {state} {parent} " + "0 " * 17 + f"{began} 1200 99\n"


@pytest.mark.parametrize("name", ["httpd", "a b", "x) S 1 (y", ""])
def test_what_a_process_is(name: str) -> None:
    assert process_of(stat(4711, name)) == Process(4711, 77, name, 1)


def test_what_a_terminal_would_obey_is_not_in_a_name() -> None:
    assert process_of(stat(4711, "a\x1b[2J\nb")) == Process(4711, 77, r"a\x1b[2J\nb", 1)


@pytest.mark.parametrize("text", [stat(4711, state="Z"), stat(4711, state="X"), "", "4711 (cut"])
def test_one_that_has_ended_is_none(text: str) -> None:
    assert process_of(text) is None


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(local: str, state: str, inode: int) -> str:
    return (
        f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100\n"
    )


def test_who_listens_at_a_port() -> None:
    table = HEAD + row("0100007F:1F90", "0A", 1) + row("00000000:0050", "0A", 2) + row("0100007F:1F90", "01", 3)
    assert sockets_at(8080, table) == {"1"}
    assert sockets_at(80, table) == {"2"}
    assert sockets_at(8080, HEAD + row("0" * 32 + ":1F90", "07", 4)) == {"4"}
    assert sockets_at(8080, "") == frozenset()


def test_which_ports_are_taken_and_at_which_addresses() -> None:
    table = HEAD + row("0100007F:1F90", "0A", 1) + row("00000000:0050", "0A", 2) + row("0100007F:1F91", "01", 3)
    assert list(taken_in(table, "tcp")) == [HostPort(8080, "tcp", "127.0.0.1"), HostPort(80)]
    six = HEAD + "".join(
        row(f"{address}:0035", "07", 1)
        for address in ("0" * 32, "0" * 24 + "01000000", "0000000000000000FFFF00000100007F")
    )
    assert [port.address for port in taken_in(six, "udp")] == ["", "::1", "127.0.0.1"]
    assert {port.protocol for port in taken_in(six, "udp")} == {"udp"}
    assert list(taken_in("", "tcp")) == []


def test_a_port_that_is_taken_on_this_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = HostPort(mine.getsockname()[1], "tcp", "127.0.0.1")
        assert port in Processes().taken(os.getpid())
    assert port not in Processes().taken(os.getpid())
    assert Processes(Path("/nowhere")).taken(1) == frozenset()


def host(proc: Path, *processes: tuple[int, str, str]) -> Processes:
    """A `/proc` of these processes: number, cgroups and stat."""
    (proc / "sys").mkdir(parents=True)
    for pid, cgroups, told in processes:
        (proc / str(pid)).mkdir()
        (proc / str(pid) / "cgroup").write_text(cgroups)
        (proc / str(pid) / "stat").write_text(told)
    (proc / "9999").mkdir()  # which ended between one look and the next
    return Processes(proc)


def test_only_what_is_asked_for_is_found(tmp_path: Path) -> None:
    made = host(
        tmp_path,
        (30, f"0::/docker/{ID}\n", stat(30, parent=20)),
        (20, f"0::/docker/{ID}\n", stat(20)),
        (21, f"0::/docker/{OTHER}\n", stat(21)),
        (22, f"0::/docker/{ID}\n", stat(22, state="Z")),
        (1, "0::/init.scope\n", stat(1)),
    )
    assert made.of([ID]) == {ID: (Process(20, 77, "httpd", 1), Process(30, 77, "httpd", 20))}
    assert made.of([]) == {}


def test_what_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    nothing = Processes(tmp_path / "none")
    assert nothing.of([ID]) == {}
    assert not nothing.lives(Process(1, 77, "init", 0))
    assert not nothing.has_port(Process(1, 77, "init", 0), 80)


def test_a_number_that_was_given_again_is_another_process(tmp_path: Path) -> None:
    made = host(tmp_path, (20, "0::/\n", stat(20, began=78)))
    assert made.lives(Process(20, 78, "httpd", 1))
    assert not made.lives(Process(20, 77, "httpd", 1))


def test_a_process_of_this_host_until_it_ends() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        seen = process_of(Path(f"/proc/{child.pid}/stat").read_text())
        assert seen is not None
        assert Processes().lives(seen)
    finally:
        child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not Processes().lives(seen)  # dead, although nobody has waited for it yet
    child.wait()
    assert not Processes().lives(seen)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_port_of_a_process_of_this_host(kind: socket.SocketKind) -> None:
    me = process_of(Path("/proc/self/stat").read_text())
    assert me is not None
    with socket.socket(socket.AF_INET, kind) as mine:
        mine.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            mine.listen()
        port = mine.getsockname()[1]
        assert Processes().has_port(me, port) is True
        assert Processes().has_port(me._replace(pid=os.getppid()), port) is not True  # None where that is not known
