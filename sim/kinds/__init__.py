"""The instruments of a full station of each kind, by line, built from sim.devices; the station files are in docs."""
