"""The protocol's model: nothing goes wrong under the protocol, and something without any rule."""

import pytest

from tests.model.page import PAGE, Caught, page_of, search_mutant, search_protocol
from tests.model.protocol import MUTANTS, Mutant
from tests.model.search import Found, shrink, wander
from tests.model.worlds import SMALL, WILD, Setting, world_of

pytestmark = pytest.mark.integration  # a real Redis judges the snapshots


class Searches:
    """What was searched in this session, so that nothing is searched twice."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._found: dict[str, Found] = {}
        self._caught: dict[str, Caught] = {}

    def protocol(self, setting: Setting) -> Found:
        if setting.name not in self._found:
            self._found[setting.name] = search_protocol(setting, self._redis_url)
        return self._found[setting.name]

    def mutant(self, mutant: Mutant) -> Caught:
        if mutant.name not in self._caught:
            self._caught[mutant.name] = search_mutant(mutant, self._redis_url)
        return self._caught[mutant.name]


@pytest.fixture(scope="module")
def searches(redis_url: str) -> Searches:
    return Searches(redis_url)


@pytest.mark.parametrize("setting", SMALL, ids=lambda it: it.name)
def test_no_state_that_can_be_reached_is_wrong(setting: Setting, searches: Searches) -> None:
    found = searches.protocol(setting)

    assert found.story is None
    assert found.whole


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.name)
def test_without_one_rule_something_goes_wrong(mutant: Mutant, searches: Searches) -> None:
    assert searches.mutant(mutant).story


def test_random_histories_of_a_larger_world_end_well(redis_url: str) -> None:
    with world_of(WILD, redis_url) as model:
        found = wander(model, seed=1, histories=150, length=120)

    assert found.story is None


def test_a_story_that_chance_finds_shrinks_to_one_that_needs_every_step(redis_url: str) -> None:
    mutant = next(it for it in MUTANTS if it.name == "no quiet period after a restore")
    with world_of(WILD, redis_url, mutant.protocol) as model:
        story = wander(model, seed=1, histories=1_000, length=120).story
        assert story is not None
        for left_out in range(len(story.steps)):
            rest = [*story.steps[:left_out], *story.steps[left_out + 1 :]]
            with pytest.raises(AssertionError):
                shrink(model, rest)


def test_the_page_tells_what_the_model_says_now(searches: Searches) -> None:
    found = [(setting, searches.protocol(setting)) for setting in SMALL]
    caught = [searches.mutant(mutant) for mutant in MUTANTS]

    assert PAGE.read_text("utf-8") == page_of(found, caught), "run: make model ARGS=--page"
