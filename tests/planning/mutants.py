"""Small mistakes in the planner, each of which the tests of this folder have to notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    file: str  # in agent/planning
    text: str  # found exactly once
    instead: str


MUTANTS = (
    Mutant("decide.py", "if seen.owner is Owner.FOREIGN:", "if seen.owner is None:"),
    Mutant("decide.py", "if resource.external:\n        return None", "if False:\n        return None"),
    Mutant("decide.py", "or (Remedy.REPLACE in remedies and seen.keeps_data)", ""),
    Mutant("decide.py", "if Remedy.NEVER in remedies or", "if"),
    Mutant(
        "causes.py", "for difference in seen.differences if difference.declared]", "for difference in seen.differences]"
    ),
    Mutant("causes.py", "if all(_is_of_secret", "if any(_is_of_secret"),
    Mutant("causes.py", "    if difference.secret:\n        return True\n", ""),
    Mutant("causes.py", "known = isinstance(seen, str) and isinstance(wanted, str)", "known = isinstance(wanted, str)"),
    Mutant("causes.py", 'f" {name} " in f" {wanted} "', "name in wanted"),
    Mutant("causes.py", "return Cause.SETTINGS if made_here else", "return"),
    Mutant("decide.py", "key in known or in_use", "key in known"),
    Mutant("decide.py", " and not resource.on_demand  # so", "  # so"),
    Mutant("decide.py", "if resource.handling.hook is not None:", "if False:"),
    Mutant("first.py", " and not hook.rests", ""),
    Mutant("first.py", " and index not in needed", ""),
    Mutant("first.py", "hook.stage is Stage.PRE_DEPLOY and ", ""),
    Mutant("first.py", "if step.stack in first and", "if first and"),
    Mutant("order.py", "if made and not self._runs_first(step.key):", "if made:"),
    Mutant("order.py", "        waits = waits or (step.action in _MAKING and self._runs_first(step.key))\n", ""),
    Mutant("restart.py", "if situation.wanted[user].handling.hook is not None:", "if False:"),
    Mutant("rollouts.py", " or resource.handling.hook:", ":"),
    Mutant("cascade.py", "verdict.restarts and verdict.action is Action.UPDATE", "False"),
    Mutant("cascade.py", "verdict.restarts and verdict.action is Action.UPDATE", "verdict.restarts"),
    Mutant("prune.py", "seen.owner is Owner.OURS and", ""),
    Mutant("prune.py", " and _inside(scope, seen)", ""),
    Mutant("prune.py", "if seen.keeps_data:", "if False:"),
    Mutant("prune.py", "    if suspicious:", "    if False:"),
    Mutant("prune.py", "if not policy.prune:", "if False:"),
    Mutant("prune.py", "if seen.protected and not seen.leftover:", "if False:"),
    Mutant("prune.py", "if seen.protected and not seen.leftover:", "if seen.protected:"),
    Mutant("prune.py", "len(self.services) > 1 and ", ""),
    Mutant("prune.py", "4 * len(self.services) > self.managed", "4 * len(self.services) >= self.managed"),
    Mutant("prune.py", "removal.is_large and ", ""),
    Mutant("prune.py", ' and f"{seen.stack}/{seen.service}" in removal.services', ""),
    Mutant("prune.py", " and not policy.acknowledged:", ":"),
    Mutant("prune.py", "not policy.acknowledged and not situation", "not situation"),
    Mutant("suspend.py", "key in situation.still and ", ""),
    Mutant("holds.py", "key in situation.still or key in", "key in"),
    Mutant("holds.py", "if verdict is not None and verdict.code == SUSPENDED:", "if False:"),
    Mutant("holds.py", "if user in self._situation.still:", "if False:"),
    Mutant("holds.py", "key in situation.running or holding", "holding"),
    Mutant("holds.py", 'JOB_RUNS if user in self._situation.running else "InUse"', '"InUse"'),
    Mutant("jobs.py", "key in situation.running and _would_end_it(verdict)", "_would_end_it(verdict)"),
    Mutant("jobs.py", " or (verdict.action is Action.UPDATE and verdict.restarts)", ""),
    Mutant("jobs.py", "(verdict.action is Action.UPDATE and verdict.restarts)", "verdict.action is Action.UPDATE"),
    Mutant("jobs.py", "if errand.action is Action.STOP and not is_running:", "if False:"),
    Mutant("jobs.py", "if resource.key in situation.still:", "if False:"),
    Mutant("jobs.py", "held is not None and (seen is None or seen.owner is Owner.FOREIGN)", "False"),
    Mutant("jobs.py", " and (schedule is None or schedule.overlap is Overlap.SKIP)", ""),
    Mutant("jobs.py", "errand.action is Action.RUN and is_running and", "errand.action is Action.RUN and"),
    Mutant("situation.py", "requirement.restart and not resource.handling.schedule", "requirement.restart"),
    Mutant("order.py", "(self._steps[made].action is not Action.CREATE) is anew", "anew"),
    Mutant("restart.py", "user not in situation.still and ", ""),
    Mutant("situation.py", " if not one.prepares]", "]"),
    Mutant("situation.py", "if not requirement.optional:", "if True:"),
    Mutant("situation.py", "resource.external, resource.stack)", "not resource.external, resource.stack)"),
    Mutant("situation.py", "{key: actual[key] for key in sorted(actual)}", "dict(actual)"),
    Mutant(
        "situation.py", "    if seen.leftover:\n        none_of_these.add", "    if False:\n        none_of_these.add"
    ),
    Mutant("holds.py", "            self.pin(used)\n", ""),
    Mutant("holds.py", "if self._is(used, Action.REPLACE) and not", "if False and not"),
    Mutant("holds.py", "if self._is(used, Action.REMOVE) and not lets_go:", "if False:"),
    Mutant("holds.py", "return missing or self._is(key, Action.HOLD)", "return missing"),
    Mutant("holds.py", "return missing or self._is(key, Action.HOLD)", "return self._is(key, Action.HOLD)"),
    Mutant("holds.py", "and not seen.leftover\n", "\n"),
    Mutant("holds.py", "usable and verdict.cause is Cause.DRIFT", "usable"),
    Mutant("holds.py", "if verdict is None or self._mends(verdict, key):", "if verdict is None:"),
    Mutant("cascade.py", "                queue.append(user)\n", ""),
    Mutant(
        "cascade.py",
        "_users_of(situation, verdicts, replaced + in_the_way)",
        "_users_of(situation, verdicts, replaced)",
    ),
    Mutant("cascade.py", "split = taken.keys() | replaced", "split = taken.keys() | set()"),
    Mutant("cascade.py", " and not situation.wanted[key].prepares:\n            yield key", ":\n            yield key"),
    Mutant("cascade.py", "    if own.action is Action.REMOVE:\n        return own\n", ""),
    Mutant("cascade.py", "if key in changing and twin in going)", "if False)"),
    Mutant("cascade.py", "if changing.get(key) is Action.REPLACE and twin in going)", "if False)"),
    Mutant("restart.py", "return made & taken | ", "return "),
    Mutant("restart.py", "made & taken | mended | {", "made & taken | {"),
    Mutant("restart.py", "if step.restarts or _starts(situation, step)}", "if step.restarts}"),
    Mutant("restart.py", "if step.restarts or _starts(situation, step)}", "if _starts(situation, step)}"),
    Mutant("restart.py", "return not _is_prepared(situation, renewed) or ", "return True or "),
    Mutant("restart.py", "                queue.append(user)\n", ""),
    Mutant("restart.py", "return step is None or step.action is Action.UPDATE", "return step is None"),
    Mutant("demand.py", "or not situation.wanted[step.key].on_demand", "or True"),
    Mutant(
        "demand.py",
        "frozenset(step.key for step in steps if step.action in {Action.CREATE, Action.REPLACE})",
        "frozenset(step.key for step in steps)",
    ),
    Mutant("order.py", "            yield from self._users_let_go(step.key)\n", ""),
    Mutant("order.py", "            yield from self._replaced_by(step.key)\n", ""),
    Mutant(
        "order.py",
        "            yield from self._required(step.key, optional=False)\n            yield from self._in_its_place",
        "            yield from self._in_its_place",
    ),
    Mutant("order.py", "            yield from self._in_its_place(step.key)\n", ""),
    Mutant("order.py", "            yield from self._required(step.key, optional=True)\n", "            pass\n"),
    Mutant("order.py", "for gone in {key, *twins}:", "for gone in {key}:"),
    Mutant("order.py", "if base in self._makes and key not in self._early:", "if base in self._makes:"),
    Mutant("order.py", "waits = self._stops(step) or", "waits = False or"),
    Mutant("order.py", "self._takes.get(user, self._makes.get(user))", "self._takes.get(user)"),
    Mutant(
        "order.py", "            yield from self._cleared.get((step.stack, step.key.kind), ())\n", "            pass\n"
    ),
    Mutant("order.py", "if step.action is Action.UPDATE:  #", "if False:  #"),
    Mutant("order.py", "depth, step.key, step.action", "0, step.key, step.action"),
    Mutant("masking.py", "if difference.secret or _looks_secret(difference.path):", "if difference.secret:"),
    Mutant(
        "masking.py", "if difference.secret or _looks_secret(difference.path):", "if _looks_secret(difference.path):"
    ),
    Mutant("masking.py", "    if before == after:\n", "    if False:\n"),
    Mutant("../secrecy.py", "        text = _whole_words(text)\n", "        text = text[:_EXAMINED]\n"),
)
