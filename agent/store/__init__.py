"""The history of runs and the latest status, in one SQLite file.

Nothing needs it to converge: it may be deleted, also while the agent runs, and every trouble with it is a
`StoreUnavailable`, for the caller to log and to go on.
"""

from agent.store.database import StoreUnavailable
from agent.store.history import Store
from agent.store.runs import Run, RunChange, RunFailure, RunField

__all__ = ["Run", "RunChange", "RunFailure", "RunField", "Store", "StoreUnavailable"]
