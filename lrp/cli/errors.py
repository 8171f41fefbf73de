"""What is wrong with a command line."""


class Unusable(ValueError):
    """Words of the command line that mean nothing; the message says what would."""
