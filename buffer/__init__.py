"""The station's store: signed envelopes in order, durably, and what each destination has not confirmed yet.

It refuses to know what the bytes mean, who signs them, how they travel and what the time is.
"""
