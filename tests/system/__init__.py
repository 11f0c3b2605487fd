"""Stories with real processes and real brokers: what must hold at a station, with every plug pulled once."""
