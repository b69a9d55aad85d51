"""Engines: each turns a picture and a sound into frames."""
