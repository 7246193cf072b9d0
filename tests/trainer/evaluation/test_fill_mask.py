"""The rule by which fill-mask examples are chosen."""

import random

from trainer.evaluation.fill_mask import Candidate, Record, choose


def candidate(number, rank, truth=None, frequency=1, probability=0.5, position=0, ids=None):
    """A masked word of a record of its own, unless `ids` gives the record's text."""
    text = (1000 + number if truth is None else truth,) if ids is None else ids
    return Candidate(Record(number, text, ()), position, frequency, rank, probability, ())


def chosen(candidates):
    """The ranks of the examples by group, and all examples."""
    found = list(choose(candidates))
    groups = {group: [each.rank for name, each in found if name == group] for group, _ in found}
    return groups, [each for _, each in found]


def test_there_are_the_five_best_five_around_the_median_and_the_five_worst():
    candidates = [candidate(number, rank=number + 1) for number in range(101)]
    random.Random(5).shuffle(candidates)
    groups, _ = chosen(candidates)
    assert groups == {
        "best": [1, 2, 3, 4, 5],
        "median": [49, 50, 51, 52, 53],
        "worst": [97, 98, 99, 100, 101],
    }


def test_equal_ranks_are_ordered_by_probability_then_by_place():
    candidates = [
        candidate(number, rank=1, probability=probability)
        for number, probability in enumerate([0.2, 0.9, 0.2, 0.4, 0.9, 0.1, 0.3])
    ]
    random.Random(5).shuffle(candidates)
    _, examples = chosen(candidates)
    assert [each.record.number for each in examples[:5]] == [1, 4, 3, 6, 0]


def test_a_word_is_shown_once_and_so_is_a_record():
    same_word = [candidate(number, rank=1, truth=7, probability=1 - number / 10) for number in range(3)]
    text = tuple(range(100, 140))
    same_record = [candidate(10, rank=2, ids=text, position=position) for position in (0, 20, 39)]
    groups, examples = chosen([*same_word, *same_record, candidate(20, rank=9)])
    assert groups["best"] == [1, 2, 9]
    assert [each.record.number for each in examples] == [0, 10, 20]


def test_the_same_text_in_another_record_is_not_shown_again():
    """Ten records are made of each document, with other limits and other masks."""
    text = tuple(range(100, 140))
    first = candidate(1, rank=1, ids=text, position=20)
    neighbour = candidate(2, rank=2, ids=text[5:], position=17)  # two words further
    far = candidate(3, rank=3, ids=text, position=0)
    _, examples = chosen([first, neighbour, far])
    assert [each.record.number for each in examples] == [1, 3]


def test_the_frequent_words_that_make_up_half_are_left_out():
    frequent = [candidate(number, rank=1, frequency=50) for number in range(20)]
    rare = [candidate(100 + number, rank=10 + number, frequency=number % 5) for number in range(21)]
    groups, examples = chosen([*frequent, *rare])
    assert groups["best"] == [10, 11, 12, 13, 14]
    assert all(each.record.number >= 100 for each in examples)


def test_few_candidates_give_few_examples():
    assert list(choose([])) == []
    groups, _ = chosen([candidate(number, rank=number + 1) for number in range(7)])
    assert groups == {"best": [1, 2, 3, 4, 5], "worst": [6, 7]}
