from tests.kinds.bench import bench

__all__ = ["bench"]
