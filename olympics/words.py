"""The closed vocabularies of the rules, in the terms of the Olympic Data Feed."""

from typing import Final, Literal, get_args

# The units of entries: each has one competitor, whom a coin has given its outcome.
ENTRY_UNIT_PREFIX: Final = "entry/"

# What a unit decides. Only semi-finals (in some sports), finals and bronze matches award medals.
Phase = Literal["round", "semifinal", "final", "bronze", "other"]

# Only official results count; unofficial ones are shown as provisional.
Status = Literal["official", "unofficial", "withdrawn"]

Outcome = Literal["won", "lost", "tied"]

# "none" is a statement of the officials (no medal), not the absence of one.
Medal = Literal["gold", "silver", "bronze", "none"]

# Which of two marks is the better one. Head-to-head ranks like "higher".
Order = Literal["lower", "higher", "head-to-head"]

# Every counted result falls into exactly one of these.
Split = Literal["winner", "loser", "tie", "did_not_start"]

# What follows from an invalid-result mark. One without a class leaves outcome and rank in force.
IrmClass = Literal["did_not_start", "disqualified", "out_of_competition"]

#: by the number that compiled code has for them
IRM_CLASSES: Final[tuple[IrmClass | None, ...]] = (None, *get_args(IrmClass))
