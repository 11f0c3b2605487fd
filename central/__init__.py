"""The receiving side: verify, store, receipt, enrol. It knows the contract and the session, never the agent.

The path of a message: `serve` (the broker) → `centre` (one commit for what is waiting) → `receive` (is it the
station's word?) → `ledgers` (what it changes) → `store` (kept) → `receipts` (said so, signed).
"""
