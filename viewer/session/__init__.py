"""One visitor: what the browser reports, what follows from it, what is drawn anew."""

from viewer.session.session import Session, start

__all__ = ["Session", "start"]
