//! contrail-serve
