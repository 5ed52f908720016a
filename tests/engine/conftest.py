from tests.engine.fixtures import busybox, docker_host, engine, prefix, sdk

__all__ = ["busybox", "docker_host", "engine", "prefix", "sdk"]
