//! Doubles and conformance suites for the ports of Refrain.
