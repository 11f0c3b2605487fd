"""What is said on the wire, as bytes and values: pure, both directions, shared with the simulators.

It refuses to know sockets, clocks, files and every named instrument.
"""
