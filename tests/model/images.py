"""A model of a host that also fetches and builds images, and in whose containers commands can be run.

Every image that is asked for is to be had, and every command ends at once. `tests/model/host.py` has the rest, and is
what is held to a real engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model.host import Json, ModelHost, image_id, refused


@dataclass
class HostWithImages(ModelHost):
    """`built` are configurations by id, and `names` the ids by reference. What has lost its name stays. `ran` are the
    ids of the containers in which commands were run, one after the other, and `code` is the status that they end with.
    """

    built: dict[str, Json] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    code: int = 0

    def get(self, path: str, names: tuple[str, ...], params: Mapping[str, Any]) -> Any:
        match path:
            case "/images/json":
                return [{"Id": image_id(one), "RepoTags": [one]} for one in self.images]
            case "/exec/{0}/json":
                return {"Running": False, "ExitCode": self.code}
            case "/containers/json":
                found = super().get(path, names, params)
                return [{**one, "ImageID": self.containers[one["Id"]].image} for one in found]
            case _:
                return super().get(path, names, params)

    def post(self, path: str, names: tuple[str, ...], body: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        match path:
            case "/containers/{0}/exec":
                return self._command(names[0])
            case "/exec/{0}/start":
                self.ran.append(names[0].removeprefix("command-"))
                return b""
            case "/containers/{0}/pause":
                return self.pause(names[0])
            case _:
                return super().post(path, names, body, params)

    def delete(self, path: str, names: tuple[str, ...], params: Mapping[str, Any]) -> None:
        if path == "/images/{0}":
            self._remove_image(names[0])
        elif path == "/volumes/{0}":
            del self.volumes[names[0]]
        else:
            super().delete(path, names, params)

    def lines(self, path: str, params: Mapping[str, Any]) -> Iterator[Json]:
        """What is streamed; by the first line of it all is done."""
        if path == "/build":
            identity = image_id(params["labels"])
            self.built[identity] = {"Cmd": ["forever"], "Labels": json.loads(params["labels"])}
            self.names.update(dict.fromkeys(params["t"], identity))
        else:
            self.images.setdefault(f"{params['fromImage']}:{params['tag']}", {"Cmd": ["forever"]})
        yield {"status": "done"}

    def _image(self, name: str) -> Json:
        identity = self.names.get(name, name)
        if identity not in self.built:
            return super()._image(name)
        tags = [reference for reference, one in self.names.items() if one == identity]
        return {"Id": identity, "Config": self.built[identity], "RepoTags": tags}

    def _command(self, name: str) -> Json:
        one = self.container(name)
        if one.state != "running":
            raise refused(409, f"Container {one.id} is not running")
        return {"Id": f"command-{one.id}"}

    def _remove_image(self, name: str) -> None:
        """By reference."""
        identity = self._image(name)["Id"]
        if any(one.image == identity for one in self.containers.values()):
            raise refused(409, f"conflict: unable to remove repository reference {name}: container is using it")
        del self.images[name]
