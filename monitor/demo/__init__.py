"""Stand-ins for the world outside, on loopback: for `monitor demo` and for the tests."""
