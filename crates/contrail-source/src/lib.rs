//! contrail-source
