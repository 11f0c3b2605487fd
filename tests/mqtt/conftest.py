"""The brokers as fixtures of this room."""

from tests.brokers import iotcore_broker, mosquitto_broker
from tests.fake_broker import fake_broker

__all__ = ["fake_broker", "iotcore_broker", "mosquitto_broker"]
