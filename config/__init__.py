"""What a station is: its file, read whole or refused with every mistake named by line.

This room is for the typed model of a station, the TOML reader and the JSON Schema. It refuses to know how
anything is done: the settings of lines and drivers are models that are handed in, and so is the disk.
"""
