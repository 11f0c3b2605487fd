"""`python -m agent` is `tram`."""

from agent.commands.tram import tram

tram()
