"""The demo station for minutes or days under faults that nobody expects: what it loses, and what it leaks."""
