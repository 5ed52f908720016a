"""Why something is held, as words for machines that not only the planner goes by."""

from __future__ import annotations

from agent.jobs import JOB_RUNS
from agent.suspension import SUSPENDED

STATE_READ_FAILED = "StateReadFailed"  # a note cannot be read, so nobody knows what it says
PRUNE_OFF = "PruneOff"
EMPTY_DESIRED_STATE = "EmptyDesiredState"  # nothing at all is wanted, which is taken for a mistake
PRUNE_GUARD = "PruneGuard"  # too much would go at once
PROTECTED = "Protected"
COMPOSE_ORPHAN = "ComposeOrphan"  # made by `docker compose` for the project, and for no service that is wanted
PORT_IN_USE = "PortInUse"
NAME_CONFLICT = "NameConflict"
NAME_AMBIGUOUS = "NameAmbiguous"  # more than one network has the name
SUBNET_OVERLAP = "SubnetOverlap"
BACKS_OFF = "BacksOff"  # it is healed over and over, and left alone for a while
PAUSED = "RolloutPaused"  # it was no good, and is not tried again before there is something new
ENGINE_TOO_OLD = "EngineTooOld"  # for something that is to be made
WAITS = "Waits"  # for another thing that is held

# somebody wants it so, or it is left alone by a patience of its own: that fails nothing
WANTED_SO = frozenset({SUSPENDED, JOB_RUNS, PRUNE_OFF, BACKS_OFF})
# it would be removed once somebody said that it may
NEEDS_APPROVAL = frozenset({EMPTY_DESIRED_STATE, PRUNE_GUARD})
# it goes on by itself before long, or when somebody says so: what it is about is not known to be good
PASSING = frozenset({SUSPENDED, JOB_RUNS, PORT_IN_USE, NAME_AMBIGUOUS, BACKS_OFF, PAUSED})
# something of somebody else's is in the way, or the engine cannot do it: what is wanted cannot be, which is a failure
OBSTACLES = frozenset({PORT_IN_USE, NAME_CONFLICT, NAME_AMBIGUOUS, SUBNET_OVERLAP, ENGINE_TOO_OLD})
