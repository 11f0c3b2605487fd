"""Named instruments, one module each, transcribed from their manuals (not from the drivers' profiles)."""
