from tests.kinds.bench import bench
from tests.kinds.rig import rig

__all__ = ["bench", "rig"]
