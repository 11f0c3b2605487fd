"""MQTT 5's properties, as paho packs them: what we announce and what the broker does."""

from typing import NamedTuple

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from mqtt.broker import Broker, Will

MAX_INCOMING_BYTES = 1024 * 1024
"""The largest packet that we take: eight times the largest batch."""

_WINDOW_WITHOUT_LIMIT = 65_535  # MQTT 5.0, 3.2.2.3.3: what a missing Receive Maximum means


class Limits(NamedTuple):
    """What CONNACK announced. `maximum_packet_bytes` None: nothing said."""

    receive_maximum: int
    maximum_packet_bytes: int | None
    maximum_qos: int
    retains: bool


NO_LIMITS = Limits(_WINDOW_WITHOUT_LIMIT, None, maximum_qos=2, retains=True)


def announced(properties: Properties) -> Limits:
    """The limits in CONNACK's properties."""
    return Limits(
        getattr(properties, "ReceiveMaximum", NO_LIMITS.receive_maximum),
        getattr(properties, "MaximumPacketSize", NO_LIMITS.maximum_packet_bytes),
        getattr(properties, "MaximumQoS", NO_LIMITS.maximum_qos),
        bool(getattr(properties, "RetainAvailable", NO_LIMITS.retains)),
    )


def greeting(broker: Broker) -> Properties:
    """For CONNECT: the session ends with its connection, and what we take at once."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0
    properties.ReceiveMaximum = broker.incoming_window
    properties.MaximumPacketSize = MAX_INCOMING_BYTES
    return properties


def as_will(will: Will) -> aiomqtt.Will:
    """A will with QoS 1."""
    properties = None if will.expiry_s is None else expiry(PacketTypes.WILLMESSAGE, will.expiry_s)
    return aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain, properties=properties)


def expiry(packet_type: int, expiry_s: int) -> Properties:
    """Message expiry for a publish or a will."""
    properties = Properties(packet_type)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = expiry_s
    return properties
