"""What people see while it happens: every measuring point now, a device's course. Reads; writes nothing."""
