"""The demo: the real agent, a real engine, a real repository, and a look at the engine after every step.

Everything is made under names of its own and is removed at the end. A step that was not seen to work ends the demo
with exit code 1 and the agent's log.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from script.demo_parts import AgentProcess, Fleet, NotSeenError, Site, free_ports, get, opened, say, see

STEPS = 7
API = """\
  api:
    image: windlass/demo:1
    environment:
      MESSAGE: the first version
    networks: [backend]
    healthcheck: {test: [CMD, /server, --check], interval: 1s, timeout: 1s, retries: 2}
    deploy:
      update_config: {order: start-first}
"""


@dataclass
class Demo:
    """The steps, on two stacks. `told` holds a line for each step that was seen to work."""

    site: Site
    fleet: Fleet
    agent: AgentProcess
    shop: str
    docs: str
    ports: dict[str, int]
    told: list[str] = field(default_factory=list)

    def step(self, title: str, run: Callable[[], str]) -> None:
        number = len(self.told) + 1
        say(f"\n[{number}/{STEPS}] {title}")
        began = time.monotonic()
        seen = run()
        self.told.append(f"{number}. {title}: {seen}")
        say(f"      seen: {seen} ({time.monotonic() - began:.1f} s)")

    # --- what is looked at ---

    def container(self, name: str) -> dict[str, Any] | None:
        """The container's inspect, or None where there is none."""
        return self.site.container(name)

    def healthy(self, name: str) -> bool:
        state = (self.container(name) or {}).get("State", {})
        health = state.get("Health", {}).get("Status", "healthy")
        return bool(state.get("Running")) and health == "healthy"

    def page(self, stack: str) -> str:
        return get(f"http://127.0.0.1:{self.ports[stack]}/")

    def stack_status(self, name: str) -> dict[str, Any]:
        stacks = self.agent.status().get("stacks", [])
        return next((stack for stack in stacks if stack["name"] == name), {})

    def in_sync(self, revision: str) -> bool:
        """Whether the agent says that both stacks are as this revision wants them."""
        stacks = [self.stack_status(name) for name in (self.shop, self.docs)]
        return all(
            stack.get("sync") == "synced" and (stack.get("revision") or {}).get("id") == revision for stack in stacks
        )

    # --- the steps ---

    def first_convergence(self) -> str:
        self.fleet.commit("The fleet")
        head = self.fleet.push()
        self.agent.start()
        see("both stacks in sync", lambda: self.in_sync(head))
        database = self.container(f"{self.shop}-db-1") or {}
        web = self.container(f"{self.shop}-web-1") or {}
        if not self.healthy(f"{self.shop}-db-1") or web["State"]["StartedAt"] < database["State"]["StartedAt"]:
            raise NotSeenError("web was started before the healthy database that it depends on")
        if not self.site.has_network(f"{self.shop}_backend") or not self.site.has_volume(f"{self.shop}_data"):
            raise NotSeenError("the network or the volume is missing")
        shop = see("an answer over HTTP", lambda: self.page(self.shop)).strip()
        docs = see("an answer over HTTP", lambda: self.page(self.docs)).splitlines()[0]
        return f"network, volume, healthy database, then web; HTTP says {shop!r} and {docs!r}"

    def change_a_service(self) -> str:
        before = (self.container(f"{self.shop}-web-1") or {})["Id"]
        self.fleet.edit(
            "shop", "compose.yaml", lambda text: re.sub(r"MESSAGE: .*", "MESSAGE: a new message", text, count=1)
        )
        self.fleet.commit("A new message for the shop")
        say(f"      $ windlass plan {self.fleet.work}")
        say(self.agent.windlass("plan", str(self.fleet.work), indent="      | "))
        head = self.fleet.push()
        see("the new message over HTTP", lambda: "a new message" in self.page(self.shop))
        see("the stack in sync", lambda: self.in_sync(head))
        if (self.container(f"{self.shop}-web-1") or {})["Id"] == before:
            raise NotSeenError("the container was not replaced")
        run = self.agent.history(self.shop)[0]
        change = next(change for change in run["changes"] if change["name"] == f"{self.shop}-web-1")
        fields = ", ".join(f"{f['path']} {f['from']} -> {f['to']}" for f in change["fields"])
        if change["action"] != "replace" or change["cause"] != "commit" or "MESSAGE" not in fields:
            raise NotSeenError(f"history does not say why: {change}")
        brought = run["commit"] or {"id": run["revision"], "subject": run["subject"]}
        because = f'{change["cause"]} {brought["id"][:7]} "{brought["subject"]}"'
        return f"{change['action']} {change['name']}, because of {because}: {fields}"

    def removed_by_hand(self) -> str:
        name = f"{self.shop}-web-1"
        before = (self.container(name) or {})["Id"]
        say(f"      $ docker rm -f {name}")
        self.site.remove_container(name)
        began = time.monotonic()
        see("the container again", lambda: self.healthy(name) and (self.container(name) or {})["Id"] != before)
        see("an answer over HTTP", lambda: "a new message" in self.page(self.shop))
        return f"{name} runs again {time.monotonic() - began:.1f} s after it was removed"

    def disconnected_by_hand(self) -> str:
        name, network = f"{self.shop}-web-1", f"{self.shop}_backend"
        say(f"      $ docker network disconnect {network} {name}")
        self.site.disconnect(network, name)
        began = time.monotonic()

        def aliases() -> list[str]:
            endpoints = (self.container(name) or {}).get("NetworkSettings", {}).get("Networks", {})
            return endpoints.get(network, {}).get("Aliases") or []

        see("the network again, with the service's alias", lambda: "web" in aliases())
        return f"{name} is back on {network} as 'web' after {time.monotonic() - began:.1f} s"

    def broken_commit(self) -> str:
        running = {name: (self.container(name) or {})["Id"] for name in (f"{self.shop}-web-1", f"{self.shop}-db-1")}
        self.fleet.edit("shop", "compose.yaml", lambda text: text.replace("restart:", "restrat:", 1))
        self.fleet.commit("A typing mistake")
        self.fleet.push()
        status = see("the refusal", lambda: (self.stack_status(self.shop).get("failure") or {}).get("problems"))
        problem = status[0]
        place = f"{problem['file']}:{problem['line']}:{problem['column']}"
        if "restrat" not in problem["message"] or not problem["line"]:
            raise NotSeenError(f"not the refusal that was expected: {problem}")
        if {name: (self.container(name) or {}).get("Id") for name in running} != running or not self.page(self.shop):
            raise NotSeenError("something was touched although the commit is broken")
        self.fleet.edit("shop", "compose.yaml", lambda text: text.replace("restrat:", "restart:", 1))
        self.fleet.commit("The mistake mended")
        head = self.fleet.push()
        see("both stacks in sync", lambda: self.in_sync(head))
        return f"{place}: {problem['message']}; everything kept running"

    def removed_from_git(self) -> str:
        self.fleet.edit("shop", "compose.yaml", without_database)
        self.fleet.commit("The shop without its database")
        head = self.fleet.push()
        see("both stacks in sync", lambda: self.in_sync(head))
        if self.container(f"{self.shop}-db-1") is not None:
            raise NotSeenError("the container is still there")
        if not self.site.has_volume(f"{self.shop}_data"):
            raise NotSeenError("the volume is gone")
        return f"{self.shop}-db-1 is gone, its volume {self.shop}_data is kept"

    def taken_back(self) -> str:
        name = f"{self.shop}-api-1"
        self.fleet.edit("shop", "compose.yaml", lambda text: text.replace("services:\n", f"services:\n{API}", 1))
        self.fleet.commit("An API for the shop")
        head = self.fleet.push()
        see("the new service, proved good", lambda: self.in_sync(head) and not self.on_trial(self.shop))
        before = self.container(name) or {}
        address = before["NetworkSettings"]["Networks"][f"{self.shop}_backend"]["IPAddress"]
        self.fleet.edit("shop", "compose.yaml", ill_version)
        self.fleet.commit("A version that does not get healthy")
        with prober(f"http://{address}:8080/") as answers:
            self.fleet.push()
            failure = see("the failure", lambda: self.stack_status(self.shop).get("failure"))
            see("the new container gone", lambda: self.container(f"{name}.next") is None)
            time.sleep(1.0)
        if (self.container(name) or {}).get("Id") != before["Id"] or set(answers) != {"the first version"}:
            raise NotSeenError(f"not only the first version answered: {sorted(set(answers))}")
        return f"{failure['reason']}; the first version gave all {len(answers)} answers meanwhile"

    def on_trial(self, stack: str) -> bool:
        return bool(self.stack_status(stack).get("on_trial"))

    def run(self) -> None:
        self.step("a commit becomes running containers", self.first_convergence)
        self.step("a commit changes a service", self.change_a_service)
        self.step("a container is removed by hand", self.removed_by_hand)
        self.step("a network is disconnected by hand", self.disconnected_by_hand)
        self.step("a commit is broken", self.broken_commit)
        self.step("a service is removed from git", self.removed_from_git)
        self.step("a rollout fails its health check and is taken back", self.taken_back)


def ill_version(text: str) -> str:
    """The shop's file with an API that says something else, and whose health check never passes."""
    first, api, rest = text.partition("  api:\n")
    rest = rest.replace("the first version", "the second version", 1).replace("/server, --check", "/server, --ill", 1)
    return first + api + rest


@contextmanager
def prober(url: str) -> Iterator[list[str]]:
    """Asks every tenth of a second while the block runs; what was answered, "" where nothing was."""
    answers: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.1):
            answers.append(get(url).strip())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def without_database(text: str) -> str:
    """The shop's file with the service `db`, its volume, and what refers to them taken out."""
    lines, skipped = [], -1
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if skipped >= 0 and (not line.strip() or depth > skipped):
            continue
        skipped = -1
        if re.fullmatch(r"  db:|    depends_on:|volumes:", line.split("#")[0].rstrip()):
            skipped = depth
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def show(prefix: str, *, keep: bool) -> None:
    """The whole demo. Raises `NotSeenError` once the agent's last lines are told."""
    shop, docs = f"{prefix}-shop", f"{prefix}-docs"
    with opened(prefix, keep=keep) as (site, fleet, agent):
        ports = dict(zip((shop, docs), free_ports(2), strict=True))
        demo = Demo(site, fleet, agent, shop, docs, ports)
        try:
            fleet.prepare({"shop": shop, "docs": docs}, {"SHOP_PORT": ports[shop], "DOCS_PORT": ports[docs]})
            demo.run()
        except NotSeenError as error:
            say(f"\nFAILED: {error}\n\nThe agent's last lines:\n{agent.log_tail()}")
            raise
        say("\nSeen to work:\n  " + "\n  ".join(demo.told))
        if keep:
            agent.tell_what_stays({stack: f"http://127.0.0.1:{port}/" for stack, port in ports.items()})


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)  # by way of every clean-up


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave all of it running, and say how to end it")
    parser.add_argument(
        "--prefix",
        default="windlass-demo",
        metavar="NAME",
        help="how the names of all that it makes begin (%(default)s)",
    )
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        show(options.prefix, keep=options.keep)
    except NotSeenError:
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
