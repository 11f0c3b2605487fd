"""What runs here. The build date is the earliest instant that this machine's wall clock can truly show."""

from datetime import UTC, datetime

VERSION = "0.1.0"
SOFTWARE = f"tram {VERSION}"
BUILT_WALL_MS = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1_000)
