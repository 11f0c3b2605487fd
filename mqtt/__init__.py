"""One MQTT 5 session: connect, publish with its true outcome, subscribe with manual acknowledgement.

The only room that imports aiomqtt. Refuses to know what a record is, and to reconnect, resend or remember.
"""
