"""How instruments talk: protocol codecs (pure), buses that own one physical line, drivers, profiles.

It refuses to know who stores, signs, sends or schedules what an instrument said.
"""
