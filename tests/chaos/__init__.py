"""Faults on the real thing: the real agent, broker, centre and disk, one fault at a time, and what was lost for it."""
