"""Hosts: the only modules of the room with sockets and pseudo-terminals. They frame, wait and carry."""
