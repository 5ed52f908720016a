"""The methods of the door. Reads give None for what is not there; writes act on ids and say what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from agent.engine import archives, builds, commands, events, images
from agent.engine.answers import ABSENT, id_in, object_in, objects_in, reading
from agent.engine.calls import Calls, Observe
from agent.engine.credentials import Credentials
from agent.engine.deadline import GRACE, seconds_to_stop
from agent.engine.errors import REMOVAL_UNDER_WAY
from agent.engine.memory import Memory, lasting
from agent.engine.transport import TAIL, Client, demultiplexed
from agent.errors import Overtaken, Refused, Unreachable
from agent.stand_ins import ignore, never
from agent.threads import side_by_side
from agent.versions import container_body, needs, network_body

Json = dict[str, Any]

READERS = 4  # reads at once; more only wait for each other, and for the engine
POLL = 0.1  # seconds between looks at a removal that is under way


class Engine:
    """A Docker Engine at `url` (`unix:///path` or `tcp://host:port`). Any thread may call.

    `timeout` is the time in seconds that any one call may take in all; stopping a container has its grace on top.
    `observe(endpoint, seconds, code)` hears of every call: code is "ok", an HTTP status or the reason of the trouble.
    `credentials` are for the registries that it pulls from.
    Everything raises `Refused`, `Overtaken` (the object is gone or not in the state that was seen) or `Unreachable`.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60.0,
        observe: Observe = ignore,
        credentials: Credentials | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._credentials = credentials or Credentials()
        self._calls = Calls(url, timeout, observe, clock)
        self._clock = clock
        self._sleep = sleep
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="engine-read")
        self._memory = Memory()

    def close(self) -> None:
        """End the readers and close the idle connections."""
        self._readers.shutdown()
        self._calls.close()

    @property
    def api(self) -> tuple[int, int]:
        """The version of the API that is spoken, (1, 41) or newer."""
        return self._calls.api

    @property
    def losses(self) -> int:
        """How often its events broke off: each time it may have died, and what it minded with it."""
        return self._memory.losses

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        """Make reads side by side, a few at a time; their answers in the order of the asking. The first error raises.

        An ask must not gather in its turn.
        """
        return side_by_side(self._readers, asks, "a call of the engine", READERS)

    def forget(self) -> None:
        """Remember nothing: whatever is recalled next is asked for anew."""
        self._memory.clear()

    # --- the engine itself --------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Raise `Unreachable` unless the engine answers somebody new: while it ends, it does those whom it knows."""
        self._calls.greet()

    def version(self) -> Json:
        return object_in(self._read("version", "/version"), "read the version")

    def info(self) -> Json:
        """The daemon's defaults and abilities. While the events are followed it is asked for once."""

        def ask() -> Json:
            return object_in(self._read("info", "/info"), "read what the engine is like")

        return dict(self._memory.known("daemon", "info") or self._memory.learn("daemon", "info", ask))

    def events(
        self,
        on_event: Callable[[events.Event], None],
        *,
        since: int = 0,
        on_open: Callable[[], None] = ignore,
        stop: Callable[[], bool] = never,
        idle: float = 30.0,
    ) -> None:
        """Tell `on_event` of what happens, until the engine goes away (`Unreachable`) or `stop` says so.

        `since` is the engine's clock in nanoseconds, 0 meaning now. `on_open` is told once the stream is open: a look
        at the host after that misses nothing. `stop` is asked after each event and after `idle` seconds of silence,
        when the engine is also asked whether it is still there. `on_event` must return at once.
        """

        def opened() -> None:
            self._memory.follow()
            on_open()

        def heard(event: events.Event) -> None:
            self._memory.hear(event)
            on_event(event)

        try:
            events.follow(self._calls, heard, opened, stop, since=since, idle=idle)
        finally:
            self._memory.lose()

    # --- containers ---------------------------------------------------------------------------------------------

    def list_containers(self, *labels: str) -> list[Json]:
        """All containers, running or not, that carry every label (`key` or `key=value`)."""
        found = self._read("container_list", "/containers/json", all=True, filters={"label": sorted(labels)})
        return objects_in(found, "list containers", "Id")

    def inspect_container(self, name: str) -> Json | None:
        """The container of exactly this name or full id."""
        found = self._object("container_inspect", "/containers/{0}/json", name, "Id")
        # The engine also takes the beginning of an id for a name.
        return found if found and name in (str(found.get("Name", "")).removeprefix("/"), found.get("Id")) else None

    def inspect_listed(self, entries: Sequence[Mapping[str, Any]]) -> list[Json | None]:
        """The reports of containers that a list has just named, None for one that is gone; nobody may change them.

        While the events are followed, a report is asked for only where something happened since the last one, or where
        the list says otherwise than it did then.
        """
        known = [self._memory.known("container", entry["Id"], lasting(entry)) for entry in entries]
        unknown = [entry for entry, report in zip(entries, known, strict=True) if report is None]
        asked = iter(self.gather(partial(self._learn_container, entry) for entry in unknown))
        return [next(asked) if report is None else report for report in known]

    def _learn_container(self, entry: Mapping[str, Any]) -> Json | None:
        container = str(entry["Id"])
        ask = partial(self.inspect_container, container)
        found: Json | None = self._memory.learn("container", container, ask, lasting(entry))
        return found

    def create_container(self, name: str, body: Mapping[str, Any], platform: str = "") -> str:
        """Make a container, connected to all its networks and not started; the id.

        `body` is that of `POST /containers/create` since API 1.44. What an older engine does not take there (the
        networks beyond the first, the address of a network card) it is told in the way of its time; what it could
        only leave out although it matters is `Refused`.
        """
        if missing := needs(body, self._calls.api):
            raise Refused(f"create container {name}: the engine is too old for {missing}", reason="EngineTooOld")
        first, others = container_body(body, self._calls.api)
        made = self._make(
            "container_create", f"create container {name}", "/containers/create", body=first, name=name,
            platform=platform or None,
        )  # fmt: skip
        for network, endpoint in sorted(others.items()):
            self.connect_network(endpoint.get("NetworkID") or network, made, endpoint)
        return made

    def start_container(self, container: str) -> None:
        """Start it; one that runs is fine."""
        self._write("container_start", f"start container {container[:12]}", "/containers/{0}/start", container)

    def stop_container(self, container: str, grace: int | None = None) -> None:
        """Stop it with `grace` seconds between the polite signal and the other (-1: no limit); stopped is fine."""
        grace = GRACE if grace is None else grace
        subject = f"stop container {container[:12]}"
        self._write("container_stop", subject, "/containers/{0}/stop", container, extra=seconds_to_stop(grace), t=grace)

    def unpause_container(self, container: str) -> None:
        self._write("container_unpause", f"unpause container {container[:12]}", "/containers/{0}/unpause", container)

    def execute(
        self, container: str, body: Mapping[str, Any], patience: float, what: str = "it",
        stop: Callable[[], bool] | None = None,
    ) -> tuple[int | None, str]:  # fmt: skip
        """Run a command in a container until it ends; its exit status, None where it goes on after the `patience` in
        seconds, and what it said. One that still runs since an earlier try is waited for, unheard, and no other begun.
        `body` is that of `POST /containers/ID/exec`, `what` its name in errors. Once `stop` says so, it goes on and
        nobody waits for it (`Overtaken`)."""
        subject = f"run {what} in container {container[:12]}"
        look = partial(self._object, "exec_inspect", "/exec/{0}/json")
        before = commands.under_way(self.inspect_container(container) or {}, body, look)
        made = before or self._make("exec_create", subject, "/containers/{0}/exec", container, body=body)
        until, said = self._clock() + patience, commands.UNHEARD
        if not before:
            said = commands.hear(self._calls, made, subject, until=until, stop=stop, clock=self._clock)
        ended = partial(look, made)
        code = commands.await_status(ended, subject, until=until, stop=stop, clock=self._clock, sleep=self._sleep)
        return code, said

    def update_container(self, container: str, resources: Mapping[str, Any]) -> None:
        """Change limits and the restart policy in place. The engine takes zero for "leave it as it is"."""
        subject = f"update container {container[:12]}"
        self._write("container_update", subject, "/containers/{0}/update", container, body=resources)

    def rename_container(self, container: str, name: str) -> None:
        subject = f"rename container {container[:12]} to {name}"
        self._write("container_rename", subject, "/containers/{0}/rename", container, name=name)

    def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it; one that is gone, or just going, is a success. `volumes` takes its anonymous volumes along."""
        subject = f"remove container {container[:12]}"
        try:
            with self._changing(container):
                self._calls.write(
                    "container_remove",
                    subject,
                    lambda client: client.drop("/containers/{0}", container, force=force, v=volumes),
                )
        except Overtaken as error:
            if REMOVAL_UNDER_WAY.search(error.message):
                self._wait_gone(container)

    def logs(self, container: str, lines: int = 20) -> str:
        """The last lines that the container wrote, at most 64 kB; "" where its log driver keeps none."""
        try:
            raw = self._calls.read(
                "container_logs",
                f"read the log of container {container[:12]}",
                lambda client: client.fetch("/containers/{0}/logs", container, stdout=True, stderr=True, tail=lines),
            )
        except Refused:
            return ""
        return demultiplexed(b"" if raw is ABSENT else raw)[-TAIL:].decode("utf-8", "replace")

    def read_file(self, container: str, path: str) -> archives.Inside | None:
        """The plain file at the path in a container; None where there is none that can be read."""
        return archives.read(self._calls, container, path)

    # --- networks -----------------------------------------------------------------------------------------------

    def list_networks(self) -> list[Json]:
        """All networks, without who is attached. Names may repeat; ids do not."""
        return objects_in(self._read("network_list", "/networks"), "list networks", "Id", "Name")

    def inspect_network(self, network: str) -> Json | None:
        """The network of this full id, with who is attached and running."""
        return self._object("network_inspect", "/networks/{0}", network, "Id")

    def create_network(self, name: str, body: Mapping[str, Any]) -> str:
        whole = {**network_body(body, self._calls.api), "Name": name}
        return self._make("network_create", f"create network {name}", "/networks/create", body=whole)

    def remove_network(self, network: str) -> None:
        """Remove it; one that is gone is a success. Refused while a running container is attached."""
        subject = f"remove network {network[:12]}"
        self._gone_is_fine("network_remove", subject, lambda client: client.drop("/networks/{0}", network))

    def connect_network(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        """Attach a container with its whole endpoint configuration (aliases, addresses, links, options)."""
        body = {"Container": container, "EndpointConfig": endpoint}
        subject = f"connect container {container[:12]} to network {network}"
        self._write("network_connect", subject, "/networks/{0}/connect", network, body=body)

    def disconnect_network(self, network: str, container: str) -> None:
        body = {"Container": container, "Force": False}
        subject = f"disconnect container {container[:12]} from network {network}"
        self._write("network_disconnect", subject, "/networks/{0}/disconnect", network, body=body)

    # --- volumes ------------------------------------------------------------------------------------------------

    def list_volumes(self, *labels: str) -> list[Json]:
        found = self._read("volume_list", "/volumes", filters={"label": sorted(labels)})
        return objects_in(object_in(found, "list volumes").get("Volumes"), "list volumes", "Name")

    def inspect_volume(self, name: str) -> Json | None:
        return self._object("volume_inspect", "/volumes/{0}", name, "Name")

    def create_volume(self, name: str, body: Mapping[str, Any]) -> None:
        """Make it; the engine leaves one of that name as it is, whatever the body says."""
        self._write("volume_create", f"create volume {name}", "/volumes/create", body={**body, "Name": name})

    # --- images -------------------------------------------------------------------------------------------------

    def inspect_image(self, reference: str) -> Json | None:
        """The local image of a reference or id. While the events are followed it is asked for when an image moved."""
        ask = partial(self._object, "image_inspect", "/images/{0}/json", reference, "Id")
        found: Json | None = self._memory.known("image", reference) or self._memory.learn("image", reference, ask)
        return found

    def pull_image(
        self,
        reference: str,
        platform: str = "",
        *,
        progress: images.Progress = ignore,
        idle: float = 30.0,
        stop: Callable[[], bool] = never,
    ) -> None:
        """Fetch an image, telling `progress` of each layer; given up (`Unreachable`) after `idle` seconds of silence.

        The connection is closed then, which also frees other pulls of the layer that it was stuck in. `stop` is asked
        at each line that comes; where it says so, the pull is given up as well (`Overtaken`).
        """
        try:
            images.pull(self._calls, self._credentials, reference, platform, progress, idle=idle, stop=stop)
        finally:
            self._memory.forget_all("image")

    def list_images(self) -> list[Json]:
        """Every image that is here, with its names."""
        return objects_in(self._read("image_list", "/images/json"), "list images", "Id")

    def remove_image(self, name: str) -> None:
        """Take a name off an image, which goes with its last one. Raises `Refused` where something needs it."""

        def tell(client: Client) -> None:
            client.drop("/images/{0}", name, force=False, noprune=True)

        try:
            self._calls.write("image_remove", f"remove image {name}", tell)
        finally:
            self._memory.forget_all("image")

    def resolve_image(self, reference: str, *, seconds: float = 15.0) -> str:
        """The digest that a reference stands for in its registry, which is asked by the engine; nothing is pulled."""
        return images.resolve(self._calls, self._credentials, reference, seconds)

    def build_image(
        self,
        wanted: builds.Build,
        *,
        progress: images.Progress = ignore,
        idle: float = builds.IDLE,
        stop: Callable[[], bool] = never,
    ) -> None:
        """Build an image, telling `progress` of each line of the builder. `idle` and `stop` as for a pull; a step of a
        build may be silent for long."""
        try:
            builds.build(self._calls, self._credentials, wanted, progress, idle=idle, stop=stop)
        finally:
            self._memory.forget_all("image")

    # --- how ----------------------------------------------------------------------------------------------------

    def _read(self, endpoint: str, path: str, *names: str, **params: Any) -> Any:
        return self._calls.read(endpoint, reading(endpoint, *names), lambda one: one.ask(path, *names, **params))

    def _object(self, endpoint: str, path: str, name: str, *needed: str) -> Json | None:
        found = self._read(endpoint, path, name)
        return None if found is ABSENT else object_in(found, reading(endpoint, name), *needed)

    def _make(self, endpoint: str, subject: str, path: str, *names: str, **rest: Any) -> str:
        """As `_write`; the id of what was made."""
        return id_in(self._write(endpoint, subject, path, *names, **rest), subject)

    def _write(
        self, endpoint: str, subject: str, path: str, *names: str, extra: float = 0.0,
        body: Mapping[str, Any] | None = None, **params: Any,
    ) -> Any:  # fmt: skip
        def tell(client: Client) -> Any:
            return client.tell(path, *names, body=body, **params)

        attached = str((body or {}).get("Container") or "")
        container = names[0] if names and endpoint.startswith("container_") else attached
        with self._changing(container):
            return self._calls.write(endpoint, subject, tell, extra=extra)

    @contextmanager
    def _changing(self, container: str) -> Iterator[None]:
        """What is known of the container is no more, whatever comes of the call."""
        try:
            yield
        finally:
            if container:
                self._memory.forget("container", container)

    def _gone_is_fine(self, endpoint: str, subject: str, tell: Callable[[Client], Any]) -> None:
        try:
            self._calls.write(endpoint, subject, tell)
        except Overtaken:
            return

    def _wait_gone(self, container: str) -> None:
        until = self._clock() + self._calls.timeout
        while self.inspect_container(container) is not None:
            if self._clock() > until:
                text = f"remove container {container[:12]}: the engine has not finished removing it"
                raise Unreachable(text, reason="EngineTimeout")
            self._sleep(POLL)
