//! Bytes to fields: what a rule finds in a page or a JSON document. Pure CPU, no network, no clock.
