"""The bench: what the agent costs, measured from outside with real processes. Asserts nothing; nobody imports it."""
