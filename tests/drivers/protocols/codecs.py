"""Every taker of every codec, with whole messages: what torture and fuzz are run on. A new codec adds its rows.

A reader that is given a message, not bytes, stands in a row behind the taker that gives it. test_codecs finds the
readers that no row calls.
"""

from tests.drivers.protocols.air_codecs import AIR
from tests.drivers.protocols.line_codecs import LINES
from tests.drivers.protocols.modbus_codecs import MODBUS
from tests.drivers.protocols.torture import Codec
from tests.drivers.protocols.weather_codecs import WEATHER

CODECS: tuple[Codec, ...] = (*MODBUS, *LINES, *AIR, *WEATHER)
