"""What a technician wants to know before leaving: is this station in order, and if not, what is to be done.

A check gathers facts at the edge (frozen dataclasses) and a pure function makes verdicts of them. Every check has a
time bound of its own. Nothing here writes to the station, opens a line, or takes a lock: the running agent does not
notice. Refuses to know how records are made, kept or sent.
"""
