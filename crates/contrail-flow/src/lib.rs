//! contrail-flow
