"""What tells some samples from the rest, against SciPy's tests and against counts made by hand."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, mannwhitneyu

from spray.arrays.association import association, associations


def test_groups_agree_with_scipy_and_bergsma():
    random = np.random.default_rng(0)
    values, first = random.integers(0, 4, 300), np.arange(300) < 120
    values[:60] = 2
    observed = np.stack([np.bincount(values[rows], minlength=4) for rows in (first, ~first)])
    chi = chi2_contingency(observed, correction=False)
    found = association(values, first, ~first)
    assert found is not None and found.measure == "V" and found.p == pytest.approx(chi.pvalue)
    assert found.strength**2 == pytest.approx((chi.statistic / 300 - 3 / 299) / (1 - 1 / 299))
    assert association(values, first, first) is None and association(values * 0, first, ~first) is None


def test_numbers_agree_with_scipy_with_ties():
    random = np.random.default_rng(1)
    first = np.arange(200) < 70
    values = (random.normal(size=200) + 0.6 * first).round(1)
    scipy = mannwhitneyu(values[first], values[~first], use_continuity=False, method="asymptotic")
    found = association(values, first, ~first)
    assert found is not None and found.measure == "AUROC" and found.p == pytest.approx(scipy.pvalue)
    assert found.value == pytest.approx(scipy.statistic / (70 * 130))
    pairs = values[first][:, None] - values[~first]
    assert found.value == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)


def test_the_mark_comes_first_and_names_of_files_say_nothing():
    n, random = 400, np.random.default_rng(2)
    marked = np.arange(n) % 8 == 0
    holes = np.where(np.arange(n) % 50 == 0, np.nan, random.normal(size=n))
    variables = {
        "file": np.array([f"{at}.png" for at in range(n)]),
        "noise": random.integers(0, 3, n),
        "constant": np.ones(n),
        "holes": holes,
        "confidence": random.random(n) / 2 + marked / 2,
        "marked": np.where(random.random(n) < 0.02, ~marked, marked),
    }
    found = {one.name: one for one in associations(variables, marked)}
    assert list(found)[:2] == ["confidence", "marked"] or list(found)[:2] == ["marked", "confidence"]
    assert "constant" not in found and found["file"].association.strength == 0 and found["file"].p > 0.3
    assert found["marked"].typical is True and found["marked"].inside > 0.9 > 0.1 > found["marked"].outside
    assert all(one.p >= one.association.p for one in found.values()) and found["noise"].p > 0.05


def test_chance_is_corrected_for():
    """Of 100 variables of noise, about 5 have p below 0.05; Holm's correction leaves none."""
    random = np.random.default_rng(3)
    variables = {str(at): random.normal(size=300) for at in range(100)}
    found = associations(variables, np.arange(300) < 60)
    assert sum(one.association.p < 0.05 for one in found) >= 2 and min(one.p for one in found) > 0.05
