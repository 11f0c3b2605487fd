"""The far side of the wires: instruments, their faults, and the twin of a station file.

An instrument is quantities that follow time, a face that turns requests into answers, a wire that bends the
answers, and a host that owns a port or a pseudo-terminal; only hosts touch the world. The room knows the
protocols' codecs and the station file. It refuses to know the agent, the drivers and their register maps:
the map of a named instrument is transcribed from its manual a second time here.
"""
