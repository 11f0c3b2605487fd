"""The contract between station and centre: readings, signed records, ledger links, receipts, heads, keys.

Pure: it refuses to know sockets, clocks, files and SQLite (`keyfile` alone opens key files).
`docs/wire.md` is its text.
"""
