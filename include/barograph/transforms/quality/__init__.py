"""Tests of quality after QARTOD: numpy on the readings of one measuring point, in the order of time.

A test gives each reading a flag: GOOD, SUSPECT or FAIL, and UNKNOWN where it could not be made. `limits` says what is
asked of a point, `ranges`, `spikes`, `trends` and `moments` are the tests, `neighbours` compares devices, and
`verdict` puts together what they found. How far a test looks around is bounded, and `limits` knows it: so the flags of
a stretch of time need no more of the record than that, however it came in.

Source: U.S. Integrated Ocean Observing System, QARTOD manual for real-time quality control of in-situ temperature and
salinity data, https://doi.org/10.25923/x02m-m555; its reference implementation is ioos_qc (https://ioos.github.io/ioos_qc).
"""
