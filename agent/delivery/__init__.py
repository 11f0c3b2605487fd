"""How one destination gets what it is owed: one connection, the backlog, heads, receipts, and the pace of it all.

`agent.send` is the door. Refuses to know instruments, and what a record means.
"""
