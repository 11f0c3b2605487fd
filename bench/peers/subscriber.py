"""`python -m bench.peers.subscriber PORT TRACE`: takes every message of the broker and writes down when it came.

Its session outlives the broker's stops (the broker keeps it on disk), so that nothing that a gateway had acknowledged
is missed. Written with `bench.trace`; READY each time it is subscribed. It answers one question, as the server that
thingsboard-gateway expects behind the broker would: which rate limits hold (none).
"""

import json
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.trace import ARRIVED, READY, Event, Writer, now_us

_ASK, _ANSWER = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_NO_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
_RETRY_S = 0.1


def run(port: int, writer: Writer) -> None:
    """Until the process is ended."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "bench-subscriber", clean_session=False)

    def connected(*_: object) -> None:
        client.subscribe("#", qos=1)

    def subscribed(*_: object) -> None:
        writer.write(Event(READY, now_us(), 0))

    def arrived(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        at_us, topic = now_us(), message.topic
        writer.write(Event(ARRIVED, at_us, 0, topic, bytes(message.payload)))
        if topic.startswith(_ASK) and b"getSessionLimits" in message.payload:
            client.publish(topic.replace(_ASK, _ANSWER), json.dumps(_NO_LIMITS), qos=1)

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, arrived
    while True:
        try:
            client.connect("127.0.0.1", port, keepalive=30)
            while client.loop(timeout=1.0) == paho.MQTT_ERR_SUCCESS:
                pass
        except OSError:  # the broker is stopped
            pass
        time.sleep(_RETRY_S)


if __name__ == "__main__":
    run(int(sys.argv[1]), Writer(Path(sys.argv[2])))
