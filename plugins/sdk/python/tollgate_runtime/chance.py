"""Random generators that were made while the component was built.

A generator of a module would give the same numbers in each delivery. The generators that were made
without a seed of their own are noted, and get a new seed in each instance. A generator that the
handler seeded itself keeps its seed. `random.random()` gets a new seed from the runtime.
"""

import random
import weakref

_seed = random.Random.seed
_unseeded: "weakref.WeakSet[random.Random]" = weakref.WeakSet()
_kept: list[random.Random] = []


def watch() -> None:
    """Notes the generators that are made from now on."""

    def seed(self, a=None, version=2):
        if a is None:
            _unseeded.add(self)
        else:
            _unseeded.discard(self)
        return _seed(self, a, version)

    random.Random.seed = seed


def end() -> None:
    """Ends the noting."""
    random.Random.seed = _seed
    _kept.extend(one for one in _unseeded if not isinstance(one, random.SystemRandom))


def begin() -> None:
    """Gives the noted generators new seeds."""
    for generator in _kept:
        generator.seed()
