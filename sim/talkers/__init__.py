"""Instruments that speak in characters, one module for each protocol. They refuse to know sockets and clocks."""
