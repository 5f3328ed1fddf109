"""What could not be decoded: looked through, shown byte for byte, and decoded again after a format was mended."""
