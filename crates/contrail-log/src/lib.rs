//! contrail-log
