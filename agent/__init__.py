"""The daemon on the station's gateway: read → flag → sign → keep → send → receipt, one module for each verb.

It refuses to know simulators and the centre (three commands may meet them, inside their functions).
"""
