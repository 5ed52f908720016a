from tests.kinds.bench import bench, nets
from tests.kinds.rig import rig

__all__ = ["bench", "nets", "rig"]
