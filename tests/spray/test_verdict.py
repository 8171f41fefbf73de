"""The verdict: a planted group is found, nothing is not suspected, and scales and order of samples do not matter."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from spray.verdict import (
    LOOK,
    White,
    added,
    each_suspect,
    null_variance,
    refined,
    sentence,
    simulated_null,
    split_variance,
    statistics,
    suspect,
    usual,
    verdict,
    weighed,
    whiten,
    without,
)


def classes(seed, *, plant=None, count=4, n=60, features=6):
    """Categories that share a covariance; `plant` gives 15 samples of it one direction of their own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), n)
    shared = rng.normal(size=(features, features))
    values = rng.normal(size=(count * n, features)) @ shared + 3 * rng.normal(size=(count, features))[labels]
    chosen = np.zeros(len(labels), bool)
    if plant is not None:
        chosen[plant * n : plant * n + 15] = True
        variance, axes = np.linalg.eigh(shared.T @ shared)  # a middle axis: the largest two hide it from a distance
        values[chosen] += 8 * axes[:, -3] * np.sqrt(variance[-3])
    return {"cells": values}, labels, chosen


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_planted_direction_is_found_and_its_members(count):
    views, labels, chosen = classes(1, plant=1, count=count)
    found = verdict(views, labels)
    (first, suspect), *others = found.items()
    assert first == "1" and suspect.suspicion > 1.5
    assert np.array_equal(suspect.members, chosen[labels == 1])
    assert all(other.suspicion < 1 for _, other in others)
    assert "15 samples, 25 %; what sets them apart" in sentence(suspect, {"cells": views["cells"][labels == 1]})


@pytest.mark.parametrize("seed", range(3))
def test_without_a_plant_nothing_is_suspected(seed):
    views, labels, _ = classes(seed)
    assert max(found.suspicion for found in verdict(views, labels).values()) < 1


def test_scales_and_shifts_of_features_and_the_order_of_samples_do_not_matter():
    views, labels, _ = classes(3, plant=2, count=3)
    found = verdict(views, labels)
    rng = np.random.default_rng(0)
    scaled = verdict({"cells": views["cells"] * rng.uniform(0.01, 100, 6) + rng.normal(size=6)}, labels)
    for name, one in found.items():
        assert scaled[name].suspicion == pytest.approx(one.suspicion, abs=1e-6)
        assert np.array_equal(scaled[name].members, one.members)
    order = rng.permutation(len(labels))
    moved = verdict({"cells": views["cells"][order]}, labels[order])
    assert next(iter(moved)) == "2" and moved["2"].suspicion == pytest.approx(found["2"].suspicion, abs=0.05)
    whole = np.zeros((3, 60), bool)
    for at in range(3):
        whole[at] = found[str(at)].members
    expected = whole[labels, np.concatenate([np.arange(60)] * 3)][order]
    assert np.array_equal(moved["2"].members, expected[labels[order] == 2])


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(0, 40))
def test_statistics_add_up_and_take_away(count, seed):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(rng.integers(2, 9), 3)) for _ in range(count)]
    each = [statistics(part) for part in parts]
    at = int(rng.integers(count))
    left = without(added(each), at, each[at])
    centred = np.concatenate([part - part.mean(0) for number, part in enumerate(parts) if number != at])
    np.testing.assert_allclose(left.scatter, centred.T @ centred, atol=1e-10)
    np.testing.assert_allclose(left.mean, [part.mean(0) for number, part in enumerate(parts) if number != at])


def test_white_samples_have_the_mahalanobis_distances_of_the_others():
    rng = np.random.default_rng(0)
    rest, own = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(20, 4))
    white = whiten(own, statistics(rest), shrink=0.0).values
    inverse = scipy.linalg.inv(np.cov(rest.T))
    gap = own[3] - own[7]
    assert np.square(white[3] - white[7]).sum() == pytest.approx(gap @ inverse @ gap)


def test_features_that_the_others_do_not_have_are_finite_and_dead_ones_are_zero():
    rest = np.zeros((30, 2))
    own = np.stack([np.arange(30.0), np.ones(30)], 1)
    white = whiten(own, statistics(rest)).values
    assert np.isfinite(white).all() and white[:, 0].std() == pytest.approx(0.05**-0.5) and (white[:, 1] == 0).all()


def test_split_variance_is_that_between_the_sides():
    rng = np.random.default_rng(0)
    values, members = rng.normal(size=(50, 3)), rng.random((4, 50)) < 0.3
    for row, found in zip(members, split_variance(values, members), strict=True):
        means = np.where(row[:, None], values[row].mean(0), values[~row].mean(0))
        assert found == pytest.approx(means.var(0).sum())


@pytest.mark.parametrize(("n", "features", "rest"), [(40, 8, 320), (150, 32, 300), (150, 4, 2000)])
def test_the_null_is_what_clusters_of_nothing_reach(n, features, rest):
    assert 0.6 < null_variance(n, features, rest) / simulated_null(n, features, rest, seed=1) < 1.6


def test_refining_corrects_members_and_leaves_few_alone():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 5))
    values[:30, 2] += 8
    wrong = np.arange(100) < 38
    assert np.array_equal(refined(values, wrong), np.arange(100) < 30)
    few = np.arange(100) < 2
    assert np.array_equal(refined(values, few), few)


def test_one_poisoned_category_does_not_change_what_is_usual():
    levels = np.full((9, 1), 0.6)
    assert usual(levels).level == usual(np.vstack([levels[1:], [[5.0]]])).level


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_few_others_cannot_show_is_allowed_for(count):
    """Where others are alike: 0.4 of them, and of the one that is judged; more where levels are high; less of many."""
    low, high = (usual(np.full((count, 1), level)) for level in (0.0, 3.0))
    assert low.level == 0 and high.level == 3
    assert low.spread == pytest.approx(0.4 * np.sqrt(1 + 1 / count))
    assert high.spread - low.spread == pytest.approx(0.6 / count)
    assert usual(np.full((0, 1), 1.0)).level == 0


def test_a_group_that_is_judged_alone_is_no_more_suspicious_than_its_category():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 2))
    values[:15, 0] += 12
    values[15:25, 1] += 9
    spaces = {"cells": White(values - values.mean(0), np.zeros((1, 2)))}
    found, normal = weighed(spaces, 400), usual(np.zeros((3, 1)))
    each = each_suspect(spaces, found, normal, 400)
    assert len(each) == 2
    assert max(one.suspicion for one in each) == suspect(spaces, found, normal).suspicion


def test_a_group_that_falls_into_two_by_something_else_is_one_suspect():
    values = np.random.default_rng(0).normal(size=(90, 2))
    values[:40, 0] += 12  # what all of them have
    values[:20, 1] += 6  # and what half of them has
    spaces = {"cells": White(values - values.mean(0), np.zeros((1, 2)))}
    (one,) = each_suspect(spaces, weighed(spaces, 400), usual(np.zeros((3, 1))), 400)
    assert np.array_equal(np.flatnonzero(one.members), np.arange(40))


def test_natural_groups_of_both_classes_are_usual_and_a_planted_one_is_named():
    """Two classes of three groups each, far apart in a view of their own; one view shows what 20 samples have alone."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 120)
    late = rng.normal(size=(240, 6))
    group = np.arange(240) % 3
    late[np.arange(240), group + 3 * labels] += 9
    early = rng.normal(size=(240, 6))
    early[120:140, 2] += 6
    found = verdict({"early": early, "late": late}, labels)
    assert next(iter(found)) == "1" and found["0"].suspicion < LOOK
    assert np.array_equal(np.flatnonzero(found["1"].members), np.arange(20))


def test_few_samples_have_no_verdict_and_one_category_is_refused():
    views, labels, _ = classes(0, n=8, count=3)
    found = verdict(views, labels)
    assert all(one.suspicion == 0 and not one.members.any() for one in found.values())
    assert sentence(found["0"], {"cells": views["cells"][labels == 0]}) == "too few samples to tell"
    with pytest.raises(ValueError, match="give at least 2, there is 1"):
        verdict(views, labels * 0)
