"""Numbers that follow from how many samples there are, where "auto" asks for it."""

from collections.abc import Callable

Rule = Callable[[int], int]
AUTO = "auto"


def neighbors_of(n: int) -> int:
    """sqrt(n) / 2, between 5 and 32: 10 of 400, 18 of 1 300.

    A random graph hangs together from about log n neighbours on (von Luxburg 2007, section 8.2); more of them blur
    small groups, and a group of fewer samples than neighbours has links out of it alone.

    Args:
        n: Samples.

    Returns:
        Neighbours.

    Example:
        >>> [neighbors_of(n) for n in (20, 400, 1300, 100_000)]
        [5, 10, 18, 32]
    """
    return max(5, min(32, round(n**0.5 / 2)))


def components_of(n: int) -> int:
    """n / 20, between 9 and 32: as many as 8 clusters and the gap behind them need, and few beside the samples.

    Args:
        n: Samples.

    Returns:
        Components.

    Example:
        >>> [components_of(n) for n in (20, 400, 1300)]
        [9, 20, 32]
    """
    return max(9, min(32, n // 20))


def by_rule(name: str, given: int | str, n: int, rule: Rule) -> int:
    """`given`, or what the rule says of n samples where that is "auto".

    Args:
        name: Of the option, for the error.
        given: A number or "auto".
        n: Samples.
        rule: Samples -> number.

    Returns:
        A number.

    Raises:
        ValueError: It is below 1, or another word.

    Example:
        >>> by_rule("neighbors", "auto", 400, neighbors_of), by_rule("neighbors", 7, 400, neighbors_of)
        (10, 7)
    """
    if given == AUTO:
        return rule(n)
    if isinstance(given, str):
        raise ValueError(f'{name} must be a number or "{AUTO}", got {given!r}')
    if given < 1:
        raise ValueError(f"{name} must be at least 1, got {given}")
    return given
