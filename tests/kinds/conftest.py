from tests.engine.fixtures import busybox, docker_host, engine, prefix, sdk
from tests.kinds.bench import bench

__all__ = ["bench", "busybox", "docker_host", "engine", "prefix", "sdk"]
