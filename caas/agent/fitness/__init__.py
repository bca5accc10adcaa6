"""Whether a host is fit for sets, and why not.

A check is two things: a function that gathers facts, and a pure one that
judges them.  ``caas-host check`` runs them all; an agent runs those that cost
next to nothing when it starts and whenever its engine is back, and all but
those that ask other machines now and then.
"""
