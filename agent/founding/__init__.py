"""A new station: what its file will say, and the questions whose answers it is made of. Writes no file."""
