"""The one call that loses data, for a person's word alone. Nothing that reconciles has it: `Engine` lacks it, and a
contract of the layers keeps this module from all of them."""

from __future__ import annotations

from agent.engine.engine import Engine


class Disposal(Engine):
    """An engine that can also remove a volume."""

    def remove_volume(self, name: str) -> None:
        """Remove it and its data; one that is gone is a success. Refused while a container has it."""
        self._gone_is_fine("volume_remove", f"remove volume {name}", lambda client: client.drop("/volumes/{0}", name))
