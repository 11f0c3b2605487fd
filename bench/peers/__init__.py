"""The same station through Tram and through other gateways, in one run: what each costs and what each loses.

Knows how the others are installed, configured and read; refuses to know anything of how they work inside.
Not part of the tests: it installs foreign programs into a folder of its own and takes a quarter of an hour.
"""
