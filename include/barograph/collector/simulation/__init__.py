"""Devices that are not there, behind ptys that are: for a demo, for tests, and for whoever has no hardware yet.

scenario ─► voices ─► script ─► acts ─► player ─► ptys
            values    faults            clock     ledger

scenario  devices, ports and faults, as they are written      climate, sensor  the physics of a shop
addresses what a `sim://` url asks for, as a scenario         playback         rows of a file instead
voices    who speaks: values at each step                     shop             the demo's devices, and its history
speech    values in a format, and what they mean there        wire             what UARTs make of bits
script    the pure core: same seed and start, same acts       live             what runs in a collector or a command
"""
