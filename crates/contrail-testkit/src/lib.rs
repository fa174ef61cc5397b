//! contrail-testkit
