"""Test vectors of docs/wire.md for a central system in any language, and the script that makes them."""
