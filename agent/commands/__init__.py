"""The commands of `tram`, one file for each. A command imports the rooms that it needs when it runs."""
